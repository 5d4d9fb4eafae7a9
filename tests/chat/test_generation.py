"""A reply in the making: durable before it is asked for, closed truly however it ends, and followed by whoever comes and goes."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest
from sqlmodel import select
from structlog.testing import capture_logs

from service.chat.exchange import close_interrupted
from service.db.engine import open_engine
from service.db.tables import Conversation, Exchange, ExchangeState
from service.errors import Unavailable
from service.providers.base import Call, Piece, Provider
from service.providers.catalog import Providers
from tests.fakes.house import House
from tests.fakes.models import Script
from tests.fakes.stage import Stage

pytestmark = pytest.mark.anyio
MakeStage = Callable[..., Stage]
FAILURES = {
    "a break": (Script(after="cut"), "provider_broke_off"),
    "an end without a finish": (Script(after="close"), "provider_broke_off"),
    "a missing finish reason": (Script(finish=None), "provider_broke_off"),
    "an error in the stream": (Script(after="error"), "provider_broke_off"),
    "garbage": (Script(after="garbage"), "provider_unreadable"),
    "a huge line": (Script(after="huge"), "provider_unreadable"),
}


async def test_the_exchange_is_durable_before_the_provider_is_called(stage: MakeStage, sqlite_url: str) -> None:
    """When the question reaches the model, another reader of the database already sees the exchange, open, with all that was asked."""
    seen: list[Exchange] = []
    async with stage(model=Script()) as it:
        other = House(open_engine(sqlite_url), it.persona)
        it.server.on_asked = lambda _: seen.extend(other.ask(lambda session: session.exec(select(Exchange)).all()))
        generation = await it.begin("What now?")
        await it.events(generation)
        other.engine.dispose()
    [row] = seen
    assert (row.id, row.state, row.message, row.reply) == (generation.opened.id, ExchangeState.open, "What now?", "")


async def test_where_nothing_can_be_written_nobody_is_asked(stage: MakeStage) -> None:
    """An exchange that cannot be kept is refused as unavailable, and no provider is called for it."""
    async with stage(model=Script(), busy_milliseconds=20) as it:
        with it.locked(), pytest.raises(Unavailable) as raised:
            await it.begin()
        assert raised.value.code == "storage"
        assert it.server.asked == []
        await it.events(await it.begin())
        assert it.ask(lambda session: len(session.exec(select(Exchange)).all())) == 1


async def test_a_whole_reply_is_kept_before_done_is_told(stage: MakeStage) -> None:
    """Deltas come in order, numbered from 1; when `done` comes, the database holds the whole reply, and what is known of it."""
    async with stage(model=Script(pieces=("Hel", "lo", " there. "))) as it:
        generation = await it.begin()
        seen = []
        async for event in generation.follow():
            seen.append((event.number, event.kind, event.text))
            if event.kind == "done":
                row = it.row(generation)
    assert seen == [(1, "delta", "Hel"), (2, "delta", "lo"), (3, "delta", " there."), (4, "done", "")]
    assert (row.state, row.reply, row.finish_reason, row.error) == (ExchangeState.complete, "Hello there.", "stop", None)
    assert (row.provider, row.model, row.prompt_tokens, row.completion_tokens) == ("test", "model", 7, 3)
    assert row.ended_at is not None


@pytest.mark.parametrize("case", FAILURES)
@pytest.mark.parametrize("spoken", [False, True], ids=["before a word", "after a word"])
async def test_a_failure_of_the_provider_is_never_complete(case: str, spoken: bool, stage: MakeStage) -> None:
    """However the provider breaks off, before the first word or after it, the exchange failed, and keeps just what was shown."""
    script, code = FAILURES[case]
    async with stage(model=script if spoken else script._replace(pieces=())) as it:
        generation = await it.begin()
        events = await it.events(generation)
        row = it.row(generation)
    assert [event.kind for event in events] == (["delta", "delta", "error"] if spoken else ["error"])
    assert (row.state, row.error, row.finish_reason) == (ExchangeState.failed, code, None)
    assert row.reply == "".join(event.text for event in events) == ("Hello there." if spoken else "")
    assert generation.ending is not None and generation.ending.state == ExchangeState.failed


async def test_a_cancelled_reply_keeps_its_text_and_frees_the_model(stage: MakeStage) -> None:
    """Cancelled in the middle, the exchange is `cancelled` with the text so far when `cancel` returns, and the model is let go."""
    async with stage(model=Script(after="stall")) as it:
        generation = await it.begin()
        await it.until(lambda: generation.text == "Hello there.")
        await it.generations.cancel(generation.opened.id)
        row = it.row(generation)
        async with asyncio.timeout(20):
            await it.server.somebody_left.wait()
        assert [event.kind for event in await it.events(generation)] == ["delta", "delta", "done"]
    assert (row.state, row.reply, row.error) == (ExchangeState.cancelled, "Hello there.", None)


async def test_a_reply_cancelled_before_it_began_is_cancelled(stage: MakeStage) -> None:
    """Cancelled in the very moment it was started, the exchange is closed all the same, and nobody waits for ever."""
    async with stage(model=Script()) as it:
        generation = await it.begin()
        await it.generations.cancel(generation.opened.id)
        assert (it.row(generation).state, it.row(generation).reply) == (ExchangeState.cancelled, "")
        assert [event.kind for event in await it.events(generation)] == ["done"]
        assert it.server.asked == []


async def test_a_reader_that_leaves_may_cancel_the_task_itself(stage: MakeStage) -> None:
    """As `/v1` does when its reader leaves: the task is cancelled from outside, again and again, and the exchange is closed once."""
    async with stage(model=Script(after="stall")) as it:
        generation = await it.begin()
        await it.first(generation)
        assert generation.task is not None
        for _ in range(3):
            generation.task.cancel()
            await asyncio.sleep(0)
        assert [event.kind for event in await it.events(generation)][-1] == "done"
        assert it.row(generation).state == ExchangeState.cancelled


async def test_cancelling_while_the_end_is_written_takes_nothing_back(stage: MakeStage) -> None:
    """A reply that had come to its end is complete, though it is cancelled, twice, while the database still writes it."""
    gate = asyncio.Event()
    async with stage(model=Script(gates={1: gate})) as it:
        generation = await it.begin()
        await it.first(generation)
        with it.locked():
            gate.set()
            await it.until(lambda: generation.task is not None and generation.task.done())
            cancels = [asyncio.create_task(it.generations.cancel(generation.opened.id)) for _ in range(2)]
            await asyncio.sleep(0)
        await asyncio.gather(*cancels)
        assert (it.row(generation).state, it.row(generation).reply) == (ExchangeState.complete, "Hello there.")
        assert [event.kind for event in await it.events(generation)] == ["delta", "delta", "done"]


async def test_cancelling_what_is_not_running_does_nothing(stage: MakeStage) -> None:
    """An unknown exchange, and one that has ended, are left as they are."""
    async with stage(model=Script()) as it:
        await it.generations.cancel("nothing")
        generation = await it.begin()
        await it.events(generation)
        await it.generations.cancel(generation.opened.id)
        assert it.row(generation).state == ExchangeState.complete
        assert it.generations.get("nothing") is None
        assert it.generations.get(generation.opened.id) is generation


async def test_a_stop_lets_the_running_replies_finish(stage: MakeStage) -> None:
    """While it drains the service takes no new replies, and those under way are written to their end."""
    gate = asyncio.Event()
    async with stage(model=Script(gates={1: gate})) as it:
        generation = await it.begin()
        await it.first(generation)
        draining = asyncio.create_task(it.generations.drain(20))
        await asyncio.sleep(0)
        with pytest.raises(Unavailable) as raised:
            it.generations.admit()
        assert raised.value.code == "stopping"
        gate.set()
        await draining
        assert (it.row(generation).state, it.row(generation).reply) == (ExchangeState.complete, "Hello there.")


async def test_a_stop_interrupts_what_does_not_finish(stage: MakeStage) -> None:
    """When the patience is over, the rest is `interrupted` with the text so far, in the database before `drain` returns."""
    async with stage(model=Script(after="stall"), silent=Script(pieces=(), after="stall")) as it:
        talking = await it.begin()
        await it.until(lambda: talking.text == "Hello there.")
        starting = await it.begin()
        await it.generations.drain(0)
        for generation, text in ((talking, "Hello there."), (starting, "")):
            row = it.row(generation)
            assert (row.state, row.reply, row.error) == (ExchangeState.interrupted, text, "service_stopped")
            assert (await it.events(generation))[-1].kind == "error"
        await it.generations.drain(0)


async def test_a_person_may_still_cancel_while_the_service_stops(stage: MakeStage) -> None:
    """What a person cancelled is `cancelled`, also while the service waits for the others: the stop did not interrupt it."""
    async with stage(model=Script(after="stall")) as it:
        generation = await it.begin()
        await it.first(generation)
        draining = asyncio.create_task(it.generations.drain(20))
        await asyncio.sleep(0)
        await it.generations.cancel(generation.opened.id)
        await draining
        assert it.row(generation).state == ExchangeState.cancelled


async def test_the_text_so_far_is_saved_while_the_model_is_silent(stage: MakeStage) -> None:
    """A life of the service that ends without a word leaves the text of a moment ago; the next one marks it interrupted."""
    async with stage(model=Script(after="stall"), save_every=0.01) as it:
        generation = await it.begin()
        await it.until(lambda: it.row(generation).reply == "Hello there.")
        assert it.row(generation).state == ExchangeState.open
        assert it.do(close_interrupted, "b2") == 1
        assert (it.row(generation).state, it.row(generation).reply) == (ExchangeState.interrupted, "Hello there.")
        await it.generations.cancel(generation.opened.id)
        assert it.row(generation).state == ExchangeState.interrupted


async def test_a_storage_that_fails_for_a_while_does_not_end_the_reply(stage: MakeStage) -> None:
    """Where the text so far cannot be saved the reply goes on, and is complete when the storage is back at its end."""
    gate = asyncio.Event()
    async with stage(model=Script(gates={1: gate}), save_every=0.01, busy_milliseconds=20) as it:
        with capture_logs() as logs:
            generation = await it.begin()
            with it.locked():
                await it.until(lambda: any(entry["event"] == "progress_not_saved" for entry in logs))
            gate.set()
            assert (await it.events(generation))[-1].kind == "done"
        assert (it.row(generation).state, it.row(generation).reply) == (ExchangeState.complete, "Hello there.")


async def test_an_end_that_cannot_be_written_is_told_as_a_failure_and_written_later(stage: MakeStage) -> None:
    """Nobody is told `done` of a reply that is not kept; once the storage is back, the exchange failed with its text, without a restart."""
    gate = asyncio.Event()
    async with stage(model=Script(gates={1: gate}), save_every=0.05, busy_milliseconds=20) as it:
        generation = await it.begin()
        await it.first(generation)
        with it.locked():
            gate.set()
            assert [event.kind for event in await it.events(generation)] == ["delta", "delta", "error"]
            assert generation.ending is not None
            assert (generation.ending.state, generation.ending.error) == (ExchangeState.failed, "storage")
            assert it.row(generation).state == ExchangeState.open
        await it.until(lambda: it.row(generation).state != ExchangeState.open)
        row = it.row(generation)
        assert (row.state, row.reply, row.error) == (ExchangeState.failed, "Hello there.", "storage")


async def test_an_end_that_is_never_written_is_interrupted_at_the_next_start(stage: MakeStage) -> None:
    """If the service stops before the storage is back, the stop is not held up, and the next start closes the exchange."""
    gate = asyncio.Event()
    async with stage(model=Script(gates={1: gate}), save_every=0.05, busy_milliseconds=20) as it:
        generation = await it.begin()
        await it.first(generation)
        with it.locked():
            gate.set()
            await it.events(generation)
            async with asyncio.timeout(20):
                await it.generations.drain(1)
        assert it.row(generation).state == ExchangeState.open
        it.do(close_interrupted, "b2")
        assert it.row(generation).state == ExchangeState.interrupted


async def test_a_fault_of_ours_is_told_and_kept_as_one(stage: MakeStage) -> None:
    """An exception nobody foresaw ends the exchange as failed with `internal_error`; its readers are told."""

    class Faulty(Provider):
        async def stream(self, call: Call) -> AsyncGenerator[Piece, None]:
            yield Piece(text="Hello")
            raise KeyError(call.messages[-1].content)

        async def close(self) -> None:
            pass

    class Catalog(Providers):
        def get(self, name: str) -> Provider:
            return Faulty()

    async with stage(providers=Catalog) as it:
        with capture_logs() as logs:
            generation = await it.begin()
            assert [event.kind for event in await it.events(generation)] == ["delta", "error"]
        row = it.row(generation)
    assert (row.state, row.reply, row.error) == (ExchangeState.failed, "Hello", "internal_error")
    assert [entry["exchange"] for entry in logs if entry["event"] == "exchange_failed"] == [row.id]


async def test_an_exchange_that_is_gone_is_told_as_a_fault(stage: MakeStage) -> None:
    """An exchange erased while its reply is written cannot be closed: its readers hear of an error and nobody waits for ever."""
    gate = asyncio.Event()
    async with stage(model=Script(gates={1: gate})) as it:
        generation = await it.begin()
        await it.first(generation)
        it.do(lambda session: session.delete(session.get_one(Exchange, generation.opened.id)))
        with capture_logs() as logs:
            gate.set()
            assert (await it.events(generation))[-1].kind == "error"
        assert generation.ending is not None and generation.ending.error == "internal_error"
        assert "exchange_close_failed" in [entry["event"] for entry in logs]


async def test_a_reader_that_leaves_and_comes_back_sees_every_event_once(stage: MakeStage) -> None:
    """Wherever a reader left, following from the last number it saw gives the rest, no event twice and none missing."""
    words = tuple(f"word{number} " for number in range(12))
    gates = {number: asyncio.Event() for number in range(1, 12)}
    async with stage(model=Script(pieces=words, gates=gates)) as it:
        generation = await it.begin()
        throughout = asyncio.create_task(it.events(generation))
        comers = []
        for number in range(1, 12):
            await it.until(lambda number=number: len(generation.events) == number)
            seen = []
            async for event in generation.follow():
                seen.append(event)
                if event.number == number:
                    break
            comers.append((seen, asyncio.create_task(it.events(generation, number))))
            gates[number].set()
        whole = await throughout
        for seen, rest in comers:
            assert seen + await rest == whole
        assert [event.number for event in whole] == list(range(1, len(whole) + 1))
        assert "".join(event.text for event in whole) == it.row(generation).reply == "".join(words).strip()
        for after in range(len(whole) + 1):
            assert await it.events(generation, after) == whole[after:]


async def test_a_reply_goes_on_though_nobody_follows(stage: MakeStage) -> None:
    """Without any reader the reply is made and kept."""
    async with stage(model=Script()) as it:
        generation = await it.begin()
        await it.until(lambda: generation.ending is not None)
        assert it.row(generation).state == ExchangeState.complete


async def test_two_hundred_replies_at_once_are_all_complete(stage: MakeStage) -> None:
    """200 replies under way together, each with the model before any may end, are each complete with their own words."""
    together, here = asyncio.Event(), 0

    def count(_: dict[str, Any]) -> None:
        nonlocal here
        here += 1
        if here == 200:
            together.set()

    async with stage(model=Script(pieces=("You said ", "{message}", "."), gates={1: together})) as it:
        it.server.on_asked = count
        async with asyncio.timeout(60):
            generations = await asyncio.gather(*(it.begin(f"number {number}") for number in range(200)))
            for generation in generations:
                await it.events(generation)
        rows = it.ask(lambda session: session.exec(select(Exchange)).all())
        conversations = it.ask(lambda session: len(session.exec(select(Conversation)).all()))
    assert {row.state for row in rows} == {ExchangeState.complete}
    assert sorted(row.message for row in rows) == sorted(f"number {number}" for number in range(200))
    assert all(row.reply == f"You said {row.message}." for row in rows)
    assert conversations == 200


async def test_no_more_replies_than_allowed_run_at_once(stage: MakeStage) -> None:
    """At the bound the next is refused as overloaded; when one ends there is room again."""
    gate = asyncio.Event()
    async with stage(model=Script(gates={1: gate}), most=2) as it:
        first, second = await it.begin(), await it.begin()
        with pytest.raises(Unavailable) as raised:
            it.generations.admit()
        assert raised.value.code == "overloaded"
        await it.generations.cancel(first.opened.id)
        it.generations.admit()
        gate.set()
        await it.events(second)


async def test_logs_hold_no_words_of_anybody(stage: MakeStage) -> None:
    """One line per exchange tells ids, states and counts; neither message nor reply nor a provider's quotation gets into any line."""
    with capture_logs() as logs:
        async with stage(model=Script(pieces=("Zebulonia ", "again"), after="error")) as it:
            generation = await it.begin("Where is Zebulonia?")
            await it.events(generation)
    [line] = [entry for entry in logs if entry["event"] == "exchange_closed"]
    assert (line["exchange"], line["state"], line["persona"], line["version"]) == (generation.opened.id, "failed", "friend", "v0")
    assert "Zebulonia" not in repr(logs)
