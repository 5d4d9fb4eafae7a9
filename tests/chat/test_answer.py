"""Asking the models: in their order, with the whole question, and never two of them in one reply."""

import asyncio
from collections.abc import Callable

import pytest
from sqlmodel import Session

from service.db.tables import ExchangeState, Version
from service.personas.persona import Persona, ReplyRules, Sampling
from service.providers.base import Turn
from service.registry import promote
from tests.fakes.models import Script
from tests.fakes.stage import Stage

pytestmark = pytest.mark.anyio
MakePersona = Callable[..., Persona]
BEFORE_A_WORD = {
    "an error status": Script(status=503),
    "a break": Script(cut_after=3),
    "an empty reply": Script(pieces=()),
    "blank space": Script(pieces=(" ", "\n")),
    "thoughts alone": Script(pieces=("<think>Hm", "</think>")),
    "another speaker": Script(pieces=("User: Hi",)),
    "thoughts and then a break": Script(pieces=("<think>Hm</think>", " "), after="cut"),
    "a beginning that was not shown and then a break": Script(pieces=("Frie",), after="cut"),
    "an error in the stream": Script(pieces=(), after="error"),
    "garbage": Script(pieces=(), after="garbage"),
}


@pytest.mark.parametrize("case", BEFORE_A_WORD)
async def test_the_next_model_answers_when_the_first_shows_no_word(case: str, stage: Callable[..., Stage], persona: MakePersona) -> None:
    """However a model fails before its first shown word, the next one answers, alone, and is the one that is stamped."""
    friend = persona("friend", "test:first", "test:second")
    async with stage(first=BEFORE_A_WORD[case], second=Script()) as it:
        generation = await it.begin(persona=friend)
        events = await it.events(generation)
        row = it.row(generation)
        assert [asked["model"] for asked in it.server.asked] == ["first", "second"]
    assert "".join(event.text for event in events) == row.reply == "Hello there."
    assert (row.state, row.provider, row.model, row.error) == (ExchangeState.complete, "test", "second", None)


@pytest.mark.parametrize("name", ["nowhere:model", "nonsense", "test:"])
async def test_a_model_that_cannot_be_asked_is_passed_over(name: str, stage: Callable[..., Stage], persona: MakePersona) -> None:
    """A provider nobody knows, or a name of the wrong form, does not keep the others from answering."""
    async with stage(second=Script()) as it:
        generation = await it.begin(persona=persona("friend", name, "test:second"))
        await it.events(generation)
        assert (it.row(generation).state, it.row(generation).model) == (ExchangeState.complete, "second")


async def test_after_a_shown_word_nobody_takes_over(stage: Callable[..., Stage], persona: MakePersona) -> None:
    """A reply is never spliced of two models: once a word was shown, a failure ends the reply, and the next model is not asked."""
    async with stage(first=Script(after="cut"), second=Script()) as it:
        generation = await it.begin(persona=persona("friend", "test:first", "test:second"))
        events = await it.events(generation)
        row = it.row(generation)
        assert [asked["model"] for asked in it.server.asked] == ["first"]
    assert [event.kind for event in events] == ["delta", "delta", "error"]
    assert (row.state, row.reply, row.error) == (ExchangeState.failed, "Hello there.", "provider_failed")


async def test_when_all_fail_the_last_failure_is_told(stage: Callable[..., Stage], persona: MakePersona) -> None:
    """Without any answer the exchange failed with the code of the last model asked."""
    async with stage(first=Script(status=500), second=Script(pieces=())) as it:
        generation = await it.begin(persona=persona("friend", "test:first", "test:second"))
        assert [event.kind for event in await it.events(generation)] == ["error"]
        assert (it.row(generation).state, it.row(generation).error) == (ExchangeState.failed, "reply_empty")


async def test_a_trained_version_is_asked_for_its_own_model(stage: Callable[..., Stage], persona: MakePersona) -> None:
    """A version that has a model is that model: no other one of the persona file answers in its name."""
    async with stage() as it:

        def crown(session: Session) -> Version:
            version = Version(persona="friend", number=1, provider="local", model="abc")
            session.add(version)
            session.flush()
            return promote(session, version, "better")

        it.do(crown)
        generation = await it.begin(persona=persona("friend", "test:first"))
        await it.events(generation)
        assert [asked["model"] for asked in it.server.asked] == [str(it.folder / "artifacts" / "versions" / "abc")]
        assert it.row(generation).state == ExchangeState.failed


async def test_the_whole_question_goes_out(stage: Callable[..., Stage], persona: MakePersona) -> None:
    """The model gets prompt, history and message in this order, the persona's sampling, and what the request sets itself in its place."""
    friend = persona("friend", sampling=Sampling(temperature=0.9, max_tokens=77, stop=["END"], seed=3))
    async with stage(model=Script()) as it:
        await it.events(await it.begin("So?", Turn("user", "Hi"), Turn("assistant", "Hello."), persona=friend, temperature=0.0, stop=["X"]))
        [asked] = it.server.asked
    assert [(message["role"], message["content"]) for message in asked["messages"]] == [
        ("system", "You are Friend and talk with someone."),
        ("user", "Hi"),
        ("assistant", "Hello."),
        ("user", "So?"),
    ]
    assert {name: asked.get(name) for name in ("temperature", "max_tokens", "stop", "seed", "top_p")} == {
        "temperature": 0.0,
        "max_tokens": 77,
        "stop": ["X"],
        "seed": 3,
        "top_p": None,
    }


async def test_a_reply_is_over_where_another_speaks(stage: Callable[..., Stage]) -> None:
    """What the model says for somebody else is neither shown nor kept, and the model is let go at once, though it would talk on."""
    async with stage(model=Script(pieces=("Friend: Hello.", "\nUs", "er: And you?"), after="stall")) as it:
        generation = await it.begin()
        events = await it.events(generation)
        async with asyncio.timeout(20):
            await it.server.somebody_left.wait()
        row = it.row(generation)
    assert [event.text for event in events] == ["Hello.", ""]
    assert (row.state, row.reply, row.finish_reason) == (ExchangeState.complete, "Hello.", "stop")


async def test_a_persona_may_want_its_replies_raw(stage: Callable[..., Stage], persona: MakePersona) -> None:
    """With both rules off prefix and other speakers stay in."""
    raw = persona("friend", reply=ReplyRules(strip_speaker=False, stop_at_other_speakers=False))
    async with stage(model=Script(pieces=("Friend: Hello.", "\nUser: And you?"))) as it:
        generation = await it.begin(persona=raw)
        await it.events(generation)
        assert it.row(generation).reply == "Friend: Hello.\nUser: And you?"


async def test_a_model_without_end_is_ended(stage: Callable[..., Stage]) -> None:
    """A model that does not keep to `max_tokens` is stopped before it fills the memory; the reply is whole, and says that it is cut."""
    async with stage(model=Script(after="endless")) as it:
        generation = await it.begin()
        await it.events(generation)
        async with asyncio.timeout(20):
            await it.server.somebody_left.wait()
        row = it.row(generation)
    assert (row.state, row.finish_reason) == (ExchangeState.complete, "length")
    assert 90_000 < len(row.reply) < 110_000


async def test_a_long_finish_is_told(stage: Callable[..., Stage]) -> None:
    """A reply cut at `max_tokens` is complete with the finish `length`, and counts what was counted."""
    async with stage(model=Script(finish="length")) as it:
        generation = await it.begin()
        await it.events(generation)
        row = it.row(generation)
    assert (row.state, row.finish_reason, row.prompt_tokens, row.completion_tokens) == (ExchangeState.complete, "length", 7, 2)


async def test_no_nul_reaches_the_database(stage: Callable[..., Stage]) -> None:
    """A NUL from a model is dropped: PostgreSQL could not keep the reply."""
    async with stage(model=Script(pieces=("Hel\x00lo", "\x00", "."))) as it:
        generation = await it.begin()
        await it.events(generation)
        assert it.row(generation).reply == "Hello."
