"""The group-commit journal: every write of the web process goes through one thread and is durable before its caller goes on.

Many waiting writes share one transaction and so one fsync. A bad one fails alone: where one of many raises, all are taken back, and done
again with a savepoint for each. So the good days, which are nearly all, pay for no savepoints; but a work may be run twice.
Method: group commit as in DeWitt et al. 1984, "Implementation Techniques for Main Memory Database Systems", section 5.2.
"""

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import Connection, Engine
from sqlmodel import Session

from service.db.engine import part_of, shared, storage_failed, writing
from service.errors import Unavailable

T = TypeVar("T")
Work = Callable[[Session], T]
_Outcome = tuple[Any, BaseException | None]
_Settled = tuple[asyncio.Future[Any], Any, BaseException | None]
_MOST_AT_ONCE = 256


class _Waiting(NamedTuple):
    work: Work[Any]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]


class _Spoiled(Exception):
    """One of the works of a batch raised; its cause is what."""


class Journal:
    """One writer thread over `engine`. `write` may be called from any task of any event loop."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._closing = threading.Lock()
        self._closed = False

    def start(self) -> None:
        """Begin to take work."""
        self._thread.start()

    def close(self) -> None:
        """Finish what was accepted, then stop. Blocks until done."""
        with self._closing:
            self._closed = True
            self._queue.put(None)
        self._thread.join()

    @property
    def depth(self) -> int:
        """How many writes are waiting."""
        return self._queue.qsize()

    async def write(self, work: Work[T]) -> T:
        """Run `work(session)` on the writer thread and return its result once it is committed and synced.

        It may be run a second time after the first was taken back: it must do nothing but read and write the session.
        Raises what `work` raised, or `Unavailable` when the storage failed; then nothing of `work` was kept.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        with self._closing:  # Held for no longer than it takes to queue: nothing may be queued behind the end.
            if self._closed:
                raise Unavailable("The service is stopping.", code="stopping")
            self._queue.put(_Waiting(work, loop, future))
        return await future

    def _run(self) -> None:
        while (first := self._queue.get()) is not None:
            batch, more = self._gather(first)
            self._commit(batch)
            if not more:
                return

    def _gather(self, first: _Waiting) -> tuple[list[_Waiting], bool]:
        batch = [first]
        while len(batch) < _MOST_AT_ONCE:
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                break
            if item is None:
                return batch, False
            batch.append(item)
        return batch, True

    def _commit(self, batch: list[_Waiting]) -> None:
        try:
            outcomes = self._do(batch)
        except Exception as error:
            outcomes = [(None, error) for _ in batch]
        settled: dict[asyncio.AbstractEventLoop, list[_Settled]] = {}
        for item, (result, failure) in zip(batch, outcomes, strict=True):
            settled.setdefault(item.loop, []).append((item.future, result, failure))
        for loop, futures in settled.items():
            with contextlib.suppress(RuntimeError):  # The caller's loop was closed: nobody waits any more.
                loop.call_soon_threadsafe(_settle, futures)

    def _do(self, batch: list[_Waiting]) -> list[_Outcome]:
        try:
            return self._do_together(batch)
        except _Spoiled as spoiled:
            if len(batch) == 1:
                return [(None, spoiled.__cause__)]
        with writing(self._engine) as connection:
            return [_attempt(connection, item.work) for item in batch]

    def _do_together(self, batch: list[_Waiting]) -> list[_Outcome]:
        outcomes: list[_Outcome] = []
        with writing(self._engine) as connection, shared(connection) as session:
            for item in batch:
                try:
                    result = item.work(session)
                    session.flush()
                except Exception as error:
                    if storage_failed(error):
                        raise
                    raise _Spoiled from error
                outcomes.append((result, None))
                session.expunge_all()  # The next one sees the rows, and nothing else of its neighbours.
                session.info.clear()
        return outcomes


def _attempt(connection: Connection, work: Work[Any]) -> _Outcome:
    try:
        with part_of(connection) as session:
            return work(session), None
    except Exception as error:
        if storage_failed(error):
            raise
        return None, error


def _settle(settled: list[_Settled]) -> None:
    for future, result, error in settled:
        if future.done():  # The caller went away; what it asked for was done all the same.
            continue
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)
            future.exception()  # Marked as seen: a caller that went away is not an unhandled error.
