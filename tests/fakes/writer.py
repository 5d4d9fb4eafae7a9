"""Processes that write: what tests kill, starve and let race. They come from a fork server that has imported all, so each starts fast."""

import asyncio
import itertools
import multiprocessing
import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from multiprocessing.synchronize import Barrier
from pathlib import Path

from sqlalchemy import event
from sqlmodel import Session, select

from service.db.engine import open_engine, transaction
from service.db.journal import Journal
from service.db.migration import upgrade
from service.db.tables import Conversation, Person
from service.errors import Unavailable

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["tests.fakes.writer"])


@contextmanager
def process(act: Callable[..., None], *arguments: object) -> Iterator[tuple[ForkServerProcess, Connection]]:
    """Run `act(speak, *arguments)` in a process of its own; yield it and the end of the pipe where `speak` is heard."""
    hear, speak = _context.Pipe(duplex=False)
    child = _context.Process(target=act, args=(speak, *arguments))
    child.start()
    speak.close()
    try:
        yield child, hear
    finally:
        child.kill()
        child.join()
        child.close()
        hear.close()


def heard(pipe: Connection) -> Iterator[object]:
    """All that is said until the other end is gone."""
    while pipe.poll(60):
        try:
            yield pipe.recv()
        except EOFError:
            return
    raise AssertionError("nothing was heard for a minute")


def write_for_ever(speak: Connection, url: str, name: str) -> None:
    """Twenty tasks write through one journal; each says what it wrote as soon as that is acknowledged."""
    asyncio.run(_write_for_ever(speak, url, name))


async def _write_for_ever(speak: Connection, url: str, name: str) -> None:
    journal = Journal(open_engine(url, checkpoints=True))
    journal.start()

    async def write(task: int) -> None:
        for number in range(1_000_000):
            person = f"{name}-{task}-{number}"
            await journal.write(lambda session, person=person: add_pair(session, person))
            speak.send(person)

    await asyncio.gather(*(write(task) for task in range(20)))


def add_pair(session: Session, name: str, size: int = 1) -> None:
    """Write two rows that belong together: a person and a conversation."""
    session.add(Person(id=name, external=name, name="x" * size))
    session.flush()
    session.add(Conversation(persona="friend", person_id=name))
    session.flush()


def raise_counter(session: Session) -> None:
    """Read a number and write it one higher."""
    counter = session.exec(select(Person).where(Person.external == "counter")).one()
    counter.name = str(int(counter.name) + 1)
    session.add(counter)


def count_up(speak: Connection, url: str, times: int) -> None:
    """Raise the counter so many times; say every error."""
    engine = open_engine(url)
    for _ in range(times):
        try:
            with transaction(engine) as session:
                raise_counter(session)
        except Exception as error:
            speak.send(repr(error))
    engine.dispose()


def bring_up(speak: Connection, url: str, statements: int) -> None:
    """Bring an empty database to the present schema, but halt after so many statements; say which of both it was."""
    engine = open_engine(url)
    done = itertools.count(1)

    def halt(*_: object) -> None:
        if next(done) == statements:
            speak.send("halted")
            signal.pause()

    event.listen(engine, "after_cursor_execute", halt)
    upgrade(engine)
    engine.dispose()
    speak.send("done")


def barrier(parties: int) -> Barrier:
    """Where so many processes wait for each other."""
    return _context.Barrier(parties)


def bring_up_at_once(speak: Connection, url: str, gate: Barrier) -> None:
    """Bring the database to the present schema in the same moment as the others at the gate; say so."""
    engine = open_engine(url)
    gate.wait(60)
    upgrade(engine)
    engine.dispose()
    speak.send("done")


def write_on_a_full_disk(speak: Connection, url: str) -> None:
    """Write with 150 kB more allowed in a file, then with as much as before: say what was acknowledged and what refused."""
    asyncio.run(_write_on_a_full_disk(speak, url))


async def _write_on_a_full_disk(speak: Connection, url: str) -> None:
    engine = open_engine(url)
    journal = Journal(engine)
    journal.start()
    free = resource.getrlimit(resource.RLIMIT_FSIZE)
    await journal.write(lambda session: add_pair(session, "before"))
    _leave_room(Path(f"{engine.url.database}-wal"), 150_000)
    for start in range(0, 100, 10):
        names = [f"full-{number}" for number in range(start, start + 10)]
        done = await asyncio.gather(*(_tried(journal, name, 2_000) for name in names))
        speak.send(("full", dict(zip(names, done, strict=True))))
    resource.setrlimit(resource.RLIMIT_FSIZE, free)
    speak.send(("again", {"after": await _tried(journal, "after", 2_000)}))
    journal.close()


def _leave_room(file: Path, more: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (file.stat().st_size + more, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))


async def _tried(journal: Journal, name: str, size: int) -> bool:
    try:
        await journal.write(lambda session: add_pair(session, name, size))
    except Unavailable:
        return False
    return True
