import asyncio
import contextlib
import random
import sqlite3
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pytest
from sqlalchemy import Engine, event, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlmodel import Session, col, select

from service.db.engine import open_engine, reading
from service.db.journal import Journal
from service.db.tables import Person
from service.errors import NotFound, Unavailable
from tests.databases import opened
from tests.fakes.writer import add_pair, count_up, heard, process, raise_counter, write_for_ever, write_on_a_full_disk

pytestmark = pytest.mark.anyio
T = TypeVar("T")


@contextlib.contextmanager
def keeping(engine: Engine) -> Iterator[Journal]:
    journal = Journal(engine)
    journal.start()
    try:
        yield journal
    finally:
        journal.close()


@pytest.fixture
def journal(database: Engine) -> Iterator[Journal]:
    with keeping(database) as kept:
        yield kept


@asynccontextmanager
async def held_up(journal: Journal) -> AsyncIterator[None]:
    """Hold the writer in a piece of work, so that all that is written meanwhile waits and becomes one batch."""
    begun, go = threading.Event(), threading.Event()

    def hold(_session: Session) -> None:
        begun.set()
        assert go.wait(30)

    holding = asyncio.create_task(journal.write(hold))
    assert await asyncio.to_thread(begun.wait, 30)
    try:
        yield
    finally:
        go.set()
        await holding


async def queued(journal: Journal, *works: Callable[[Session], Any]) -> list[asyncio.Task[Any]]:
    """Tasks that wait for these writes, each in the queue already."""
    tasks = [asyncio.create_task(journal.write(work)) for work in works]
    await asyncio.sleep(0)
    assert journal.depth == len(works)
    return tasks


async def soon(awaited: Awaitable[T]) -> T:
    """What is awaited, if it comes within a minute: a write that is lost must fail a test, not hold it up for ever."""
    return await asyncio.wait_for(awaited, 60)


async def together(journal: Journal, *works: Callable[[Session], Any]) -> list[Any]:
    """What these writes return or raise when they share one batch."""
    async with held_up(journal):
        tasks = await queued(journal, *works)
    return await soon(asyncio.gather(*tasks, return_exceptions=True))


def add(name: str, size: int = 1) -> Callable[[Session], Person]:
    def work(session: Session) -> Person:
        person = Person(id=name, external=name, name="x" * size)
        session.add(person)
        session.flush()
        return person

    return work


def people(engine: Engine) -> list[str]:
    with reading(engine) as session:
        return sorted(session.exec(select(Person.external)))


def file_of(engine: Engine) -> Path:
    return Path(engine.url.database or "")


def look(path: Path, query: str) -> set[Any]:
    """What another connection, that knows nothing of ours, sees in the file."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return {row[0] for row in connection.execute(query)}


async def test_a_write_returns_what_the_work_returned(journal: Journal) -> None:
    """The caller gets the result of its work, whatever that is."""
    assert await journal.write(lambda _: 5) == 5
    assert await journal.write(lambda _: None) is None
    assert (await journal.write(add("ann"))).external == "ann"


async def test_what_was_written_is_seen_by_others_at_once(sqlite: Engine) -> None:
    """When `write` returns, another connection already sees the row."""
    with keeping(sqlite) as journal:
        for number in range(20):
            await journal.write(add(f"p{number}"))
            assert f"p{number}" in look(file_of(sqlite), "SELECT external FROM person")


async def test_a_bad_item_in_a_batch_fails_alone(journal: Journal, database: Engine) -> None:
    """Of many writes that share a transaction the bad ones raise what they raised, each its own, and the others are kept."""

    def half(session: Session) -> None:
        add_pair(session, "half")
        raise ValueError("in the middle")

    def unknown(_session: Session) -> None:
        raise NotFound("There is none.")

    works = [add("a"), half, add("b"), add("a2"), lambda s: s.execute(text("SELECT * FROM nowhere")), unknown, add("c")]
    works[3] = lambda session: session.add(Person(id="a", external="again"))  # noticed only when the session is flushed
    first, broken, second, clash, faulty, missing, third = await together(journal, *works)
    assert [first.external, second.external, third.external] == ["a", "b", "c"]
    assert isinstance(broken, ValueError) and isinstance(clash, IntegrityError)
    assert isinstance(faulty, DBAPIError) and isinstance(missing, NotFound)
    assert people(database) == ["a", "b", "c"]


async def test_a_bad_item_does_not_spoil_what_its_neighbours_return(journal: Journal) -> None:
    """A write that changes the same row and then fails leaves its neighbour's result as it was, and readable."""
    await journal.write(add("shared"))

    def rename(session: Session, name: str, fail: bool) -> Person:
        person = session.get_one(Person, "shared")
        person.name = name
        session.add(person)
        session.flush()
        if fail:
            raise ValueError("no")
        return person

    good, bad = await together(journal, partial(rename, name="good", fail=False), partial(rename, name="bad", fail=True))
    assert isinstance(bad, ValueError)
    assert good.name == "good"


async def test_many_waiting_writes_share_one_commit(sqlite: Engine) -> None:
    """A hundred writes that wait cost one sync of the disk, not a hundred; and more than fit into one batch are written too."""
    commits: list[object] = []
    event.listen(sqlite, "commit", commits.append)
    with keeping(sqlite) as journal:
        async with held_up(journal):
            tasks = await queued(journal, *(add(f"p{number:03}") for number in range(100)))
        await soon(asyncio.gather(*tasks))
        assert len(commits) == 2  # of the work that held the writer up, and of the hundred
        async with held_up(journal):
            tasks = await queued(journal, *(add(f"q{number:03}") for number in range(600)))
        await soon(asyncio.gather(*tasks))
    assert len(people(sqlite)) == 700
    assert len(commits) <= 2 + 1 + 3


async def test_writes_are_done_in_the_order_they_were_asked_for(journal: Journal) -> None:
    """Who asks first is written first: the last of two ratings is the one that counts."""
    done: list[int] = []
    await together(journal, *(lambda _, number=number: done.append(number) for number in range(300)))
    assert done == list(range(300))


async def test_depth_says_how_many_wait(journal: Journal) -> None:
    """The depth counts what waits, and is zero when all is written."""
    async with held_up(journal):
        tasks = await queued(journal, add("a"), add("b"), add("c"))
        assert journal.depth == 3
    await soon(asyncio.gather(*tasks))
    assert journal.depth == 0


async def test_a_locked_database_is_unavailable_and_loses_nothing_else(tmp_path: Path) -> None:
    """While another program holds the file longer than we wait, a write is refused and not kept; before and after all is well."""
    url = f"sqlite:///{tmp_path / 'attune.sqlite'}"
    with opened(url):
        engine = open_engine(url, busy_milliseconds=50)
    with keeping(engine) as journal, contextlib.closing(sqlite3.connect(tmp_path / "attune.sqlite", isolation_level=None)) as other:
        await journal.write(add("before"))
        other.execute("BEGIN IMMEDIATE")
        refused = await together_refused(journal, add("meanwhile"), add("meanwhile too"), lambda _: None)
        assert [(type(error), error.code, error.status) for error in refused] == [(Unavailable, "storage", 503)] * 3
        assert people(engine) == ["before"]
        other.execute("COMMIT")
        await journal.write(add("after"))
        assert people(engine) == ["after", "before"]
    engine.dispose()


async def together_refused(journal: Journal, *works: Callable[[Session], Any]) -> list[Any]:
    return await asyncio.gather(*(journal.write(work) for work in works), return_exceptions=True)


async def test_a_full_database_is_unavailable_and_loses_nothing_else(sqlite: Engine) -> None:
    """When SQLite says that the disk is full it takes the whole batch back: every write of it is refused, and none acknowledged."""
    with keeping(sqlite) as journal:
        await journal.write(add("before"))
        with limited_pages(sqlite, 6):
            batch = await together(journal, add("small"), add("large", 200_000), add("small too"))
            assert [type(error) for error in batch] == [Unavailable] * 3
            assert people(sqlite) == ["before"]
            await journal.write(add("still fits"))
        await journal.write(add("large", 200_000))
    assert people(sqlite) == ["before", "large", "still fits"]
    assert look(file_of(sqlite), "PRAGMA integrity_check") == {"ok"}


async def test_work_that_hides_a_full_disk_is_not_acknowledged(sqlite: Engine) -> None:
    """Even when the work swallows the error, a transaction that SQLite took back is never reported as kept."""

    def hide(session: Session) -> str:
        with contextlib.suppress(OperationalError):
            session.execute(text("INSERT INTO person (id, external, name, created_at) VALUES ('l', 'l', hex(zeroblob(200000)), 0)"))
        return "all is well"

    with keeping(sqlite) as journal, limited_pages(sqlite, 6):
        refused = await together(journal, add("neighbour"), hide)
        assert not any(outcome == "all is well" or isinstance(outcome, Person) for outcome in refused)
        assert people(sqlite) == []
        await journal.write(add("after"))


@contextlib.contextmanager
def limited_pages(engine: Engine, more: int) -> Iterator[None]:
    """Let the database grow by only so many pages."""

    def limit(connection: sqlite3.Connection, _: object) -> None:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages + more}")

    engine.dispose()
    event.listen(engine, "connect", limit)
    try:
        yield
    finally:
        event.remove(engine, "connect", limit)
        engine.dispose()


async def test_a_full_disk_is_survived_without_a_restart(sqlite: Engine) -> None:
    """With no room left in the file system what is acknowledged is there, what is not there was refused, and with room it goes on."""
    with process(write_on_a_full_disk, str(sqlite.url)) as (child, pipe):
        said = await asyncio.to_thread(lambda: list(heard(pipe)))
        child.join(60)
        assert child.exitcode == 0
    outcome: dict[str, bool] = {"before": True}
    for _, tried in said:  # type: ignore[misc]
        outcome |= tried
    assert {outcome[name] for name in outcome if name.startswith("full")} == {True, False} and outcome["after"]
    assert set(people(sqlite)) == {name for name, kept in outcome.items() if kept}
    assert look(file_of(sqlite), "PRAGMA integrity_check") == {"ok"}


async def test_a_lost_connection_is_unavailable_and_the_next_write_is_fine(postgresql: Engine) -> None:
    """When PostgreSQL ends the connection in the middle, the batch is refused; the next write finds a new connection."""
    with keeping(postgresql) as journal:
        end = text("SELECT pg_terminate_backend(pg_backend_pid())")
        batch = await together(journal, add("a"), lambda session: session.execute(end), add("b"))
        assert [type(error) for error in batch] == [Unavailable] * 3
        assert people(postgresql) == []
        await journal.write(add("after"))
    assert people(postgresql) == ["after"]


async def test_a_caller_that_goes_away_takes_nothing_back(journal: Journal, database: Engine) -> None:
    """A write whose caller was cancelled while it waited is written all the same."""
    async with held_up(journal):
        (task,) = await queued(journal, add("ann"))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    await journal.write(lambda _: None)
    assert people(database) == ["ann"]


async def test_an_event_loop_that_ended_does_not_stop_the_journal(journal: Journal, database: Engine) -> None:
    """When a caller's event loop is closed before its write is done, the write is kept and others go on."""

    async def go_away() -> None:
        asyncio.create_task(journal.write(add("orphan")))  # noqa: RUF006  # cancelled when this loop ends
        await asyncio.sleep(0)

    async with held_up(journal):
        await asyncio.to_thread(asyncio.run, go_away())
    await soon(journal.write(add("after")))
    assert people(database) == ["after", "orphan"]


async def test_writes_from_several_event_loops_find_their_way_back(journal: Journal) -> None:
    """Each caller gets its own result, on its own loop."""

    async def write(loop: int) -> list[str]:
        return [person.external for person in await asyncio.gather(*(journal.write(add(f"{loop}-{each}")) for each in range(30)))]

    loops: list[Awaitable[list[str]]] = [asyncio.to_thread(asyncio.run, write(loop)) for loop in range(4)]
    assert await asyncio.gather(*loops) == [[f"{loop}-{each}" for each in range(30)] for loop in range(4)]


async def test_closing_finishes_what_was_accepted_and_refuses_the_rest(database: Engine) -> None:
    """Whatever was accepted before the end is written; whoever comes later is told that the service stops."""
    journal = Journal(database)
    journal.start()
    async with held_up(journal):
        tasks = await queued(journal, *(add(f"p{number:03}") for number in range(300)))
        closing = asyncio.create_task(asyncio.to_thread(journal.close))
    await soon(closing)
    assert len(await soon(asyncio.gather(*tasks))) == 300 == len(people(database))
    with pytest.raises(Unavailable) as refused:
        await soon(journal.write(add("late")))
    assert refused.value.code == "stopping"
    journal.close()


async def test_no_write_falls_between_accepted_and_refused(sqlite: Engine) -> None:
    """However a write races the end, it is either kept and acknowledged or refused; none waits for ever."""
    for _ in range(20):
        journal = Journal(sqlite)
        journal.start()
        gate = threading.Barrier(5)

        async def write(thread: int, journal: Journal = journal, gate: threading.Barrier = gate) -> list[str]:
            kept: list[str] = []
            await asyncio.to_thread(gate.wait, 30)
            with pytest.raises(Unavailable):
                for _ in range(1_000_000):
                    kept.append((await soon(journal.write(_add_new))).id)
            return kept

        threads = [asyncio.to_thread(asyncio.run, write(thread)) for thread in range(4)]
        started = [asyncio.ensure_future(thread) for thread in threads]
        await asyncio.to_thread(gate.wait, 30)
        await asyncio.to_thread(journal.close)
        kept = {each for few in await asyncio.gather(*started) for each in few}
        with reading(sqlite) as session:
            assert kept <= set(session.exec(select(col(Person.id))))


def _add_new(session: Session) -> Person:
    person = Person(external="")
    person.external = person.id
    session.add(person)
    session.flush()
    return person


async def test_thirty_kills_under_load_lose_nothing_acknowledged(sqlite: Engine) -> None:
    """A process that is SIGKILLed at a random moment, with twenty writers at work, loses nothing it acknowledged and keeps no half."""
    chance = random.Random(20261120)
    acknowledged: set[object] = set()
    for kill in range(30):
        with process(write_for_ever, str(sqlite.url), f"kill{kill}") as (child, pipe):
            said = heard(pipe)
            acknowledged.add(next(said))
            for _ in range(chance.randrange(60)):
                acknowledged.add(next(said))
            pipe.poll(chance.random() / 100)  # not only right after an acknowledgement
            child.kill()
            acknowledged.update(said)
        kept = look(file_of(sqlite), "SELECT id FROM person")
        assert not acknowledged - kept
        assert look(file_of(sqlite), "SELECT person_id FROM conversation") == kept
    assert len(acknowledged) > 500
    assert look(file_of(sqlite), "PRAGMA integrity_check") == {"ok"}
    assert look(file_of(sqlite), "PRAGMA foreign_key_check") == set()


async def test_processes_that_write_at_once_never_see_a_locked_database(sqlite: Engine) -> None:
    """Three processes and the journal read and write the same row at once: none fails, and not one step is lost."""
    with keeping(sqlite) as journal:
        await journal.write(lambda session: session.add(Person(external="counter", name="0")))
        with contextlib.ExitStack() as stack:
            pipes = [stack.enter_context(process(count_up, str(sqlite.url), 60))[1] for _ in range(3)]
            said = [asyncio.create_task(asyncio.to_thread(lambda pipe=pipe: list(heard(pipe)))) for pipe in pipes]
            for _ in range(60):
                await journal.write(raise_counter)
            assert await asyncio.gather(*said) == [[], [], []]
    assert look(file_of(sqlite), "SELECT name FROM person") == {"240"}
