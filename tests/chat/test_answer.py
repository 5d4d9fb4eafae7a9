"""Asking the models: in their order, with the whole question, and never two of them in one reply."""

import asyncio
from collections.abc import Callable
from itertools import count, groupby

import msgspec
import pytest
from sqlmodel import Session, select
from structlog.testing import capture_logs

from service.chat.exchange import find_person
from service.db.tables import Exchange, ExchangeState, Version
from service.personas.persona import Persona, ReplyRules, Sampling
from service.providers.base import Turn
from service.providers.catalog import Providers
from service.registry import promote
from service.settings import Settings
from tests.fakes.models import OpenAIServer, Script
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


def _asked(it: Stage) -> list[str]:
    """The models asked, in their order; one that was asked again counts once."""
    return [model for model, _ in groupby(asked["model"] for asked in it.server.asked)]


def _timeless(settings: Settings) -> Providers:
    """Providers whose clock tells which of two things was first, but hardly moves: no rest is ever over."""
    ticks = count()
    return Providers(settings, clock=lambda: next(ticks) * 1e-6)


@pytest.mark.parametrize("case", BEFORE_A_WORD)
async def test_the_next_model_answers_when_the_first_shows_no_word(case: str, stage: Callable[..., Stage], persona: MakePersona) -> None:
    """However a model fails before its first shown word, the next one answers, alone, and is the one that is stamped."""
    friend = persona("friend", "test:first", "test:second")
    async with stage(first=BEFORE_A_WORD[case], second=Script()) as it:
        generation = await it.begin(persona=friend)
        events = await it.events(generation)
        row = it.row(generation)
        assert _asked(it) == ["first", "second"]
    assert "".join(event.text for event in events) == row.reply == "Hello there."
    assert (row.state, row.provider, row.model, row.error) == (ExchangeState.complete, "test", "second", None)
    [passed_over] = row.warnings
    assert passed_over.startswith("test:first could not answer (")


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
        assert _asked(it) == ["first"]
    assert [event.kind for event in events] == ["delta", "delta", "error"]
    assert (row.state, row.reply, row.error) == (ExchangeState.failed, "Hello there.", "provider_broke_off")
    assert (row.provider, row.model) == ("test", "first")


async def test_when_all_fail_the_last_failure_is_told(stage: Callable[..., Stage], persona: MakePersona) -> None:
    """Without any answer the exchange failed with the code of the last model asked."""
    async with stage(first=Script(status=500), second=Script(pieces=())) as it:
        generation = await it.begin(persona=persona("friend", "test:first", "test:second"))
        assert [event.kind for event in await it.events(generation)] == ["error"]
        assert (it.row(generation).state, it.row(generation).error) == (ExchangeState.failed, "reply_empty")


def _crown(session: Session) -> Version:
    """A trained version becomes champion."""
    version = Version(persona="friend", number=1, provider="local", model="abc")
    session.add(version)
    session.flush()
    return promote(session, version, "better")


async def test_a_trained_version_is_asked_for_its_own_model(stage: Callable[..., Stage], persona: MakePersona) -> None:
    """A version that has a model is that model; as long as it answers, no other one of the persona file does."""
    async with stage(first=Script()) as it:
        it.do(_crown)
        own = str(it.folder / "artifacts" / "versions" / "abc")
        it.server.scripts[own] = Script(pieces=("I am v1.",))
        generation = await it.begin(persona=persona("friend", "test:first"))
        await it.events(generation)
        row = it.row(generation)
        assert _asked(it) == [own]
    assert (row.reply, row.provider, row.model, row.warnings) == ("I am v1.", "local", "abc", None)


async def test_a_version_that_cannot_be_reached_leaves_nobody_without_words(stage: Callable[..., Stage], persona: MakePersona) -> None:
    """The persona's own models answer in its place, and the exchange says so: who spoke was not the version."""
    async with stage(first=Script(status=503), second=Script()) as it:
        version = it.do(_crown)
        generation = await it.begin(persona=persona("friend", "test:first", "test:second"))
        await it.events(generation)
        row = it.row(generation)
    assert (row.state, row.reply, row.version_id) == (ExchangeState.complete, "Hello there.", version.id)
    assert (row.provider, row.model) == ("test", "second") != (version.provider, version.model)
    assert row.warnings == ["local:abc could not answer (provider_model_unknown)", "test:first could not answer (provider_failed)"]


async def test_a_resting_model_is_passed_over_until_nobody_else_answers(stage: Callable[..., Stage], persona: MakePersona) -> None:
    """Down for long, the first model is not even asked; but when the second fails, too, the first is: it may be back."""
    friend = persona("friend", "test:first", "test:second")
    async with stage(first=Script(status=500), second=Script(), providers=_timeless) as it:
        for _ in range(2):
            await it.events(await it.begin(persona=friend))
        before = len(it.server.asked)
        generation = await it.begin(persona=friend)
        await it.events(generation)
        assert [asked["model"] for asked in it.server.asked[before:]] == ["second"]
        assert it.row(generation).warnings == ["test:first could not answer (provider_resting)"]

        before = len(it.server.asked)
        it.server.scripts.update(first=Script(pieces=("Back.",)), second=Script(status=404))
        generation = await it.begin(persona=friend)
        await it.events(generation)
        row = it.row(generation)
        assert [asked["model"] for asked in it.server.asked[before:]] == ["second", "first"]
    assert (row.reply, row.model, row.warnings) == ("Back.", "first", ["test:second could not answer (provider_model_unknown)"])


async def test_when_all_rest_the_one_that_failed_longest_ago_is_asked(stage: Callable[..., Stage], persona: MakePersona) -> None:
    """Rather a call in vain than a refusal: of all that rest, one is asked, and its failure is the one that is told."""
    friend = persona("friend", "test:first", "test:second")
    async with stage(first=Script(status=500), second=Script(status=503), providers=_timeless) as it:
        for _ in range(2):
            await it.events(await it.begin(persona=friend))
        before = len(it.server.asked)
        generation = await it.begin(persona=friend)
        await it.events(generation)
        row = it.row(generation)
        assert [asked["model"] for asked in it.server.asked[before:]] == ["first"]
    assert (row.state, row.error) == (ExchangeState.failed, "provider_failed")
    assert row.warnings == ["test:second could not answer (provider_resting)", "test:first could not answer (provider_failed)"]


async def test_who_spoke_is_known_of_a_reply_that_was_cancelled(stage: Callable[..., Stage], persona: MakePersona) -> None:
    """A reply that was stopped has an author, too; before the first word there is none."""
    friend = persona("friend", "test:first", "test:second")
    async with stage(first=Script(status=404), second=Script(after="stall"), silent=Script(pieces=(), after="stall")) as it:
        spoken = await it.begin(persona=friend)
        await it.first(spoken)
        silent = await it.begin(persona=persona("friend", "test:silent"))
        await it.until(lambda: it.server.asked[-1]["model"] == "silent")
        for generation in (spoken, silent):
            await it.generations.cancel(generation.opened.id)
        rows = [it.row(generation) for generation in (spoken, silent)]
    assert [(row.state, row.provider, row.model) for row in rows] == [
        (ExchangeState.cancelled, "test", "second"),
        (ExchangeState.cancelled, None, None),
    ]
    assert rows[0].warnings == ["test:first could not answer (provider_model_unknown)"]


async def test_what_the_model_could_not_be_asked_is_kept(stage: Callable[..., Stage], persona: MakePersona) -> None:
    """A parameter that the model refuses is named on the exchange of the model that answered, not the one passed over; no word of it
    stands in the log."""
    friend = persona("friend", "test:first", "test:second", sampling=Sampling(temperature=0.4, seed=4))
    async with stage(first=Script(refuses=("temperature",), pieces=()), second=Script(refuses=("seed",))) as it:
        with capture_logs() as logs:
            generation = await it.begin("Zebulonia?", persona=friend)
            await it.events(generation)
        row = it.row(generation)
    assert row.warnings == [
        "test:first could not answer (reply_empty)",
        "test: seed is not taken by this model and was left out",
    ]
    assert [entry["parameters"] for entry in logs if entry["event"] == "parameters_refused"] == [["temperature"], ["seed"]]
    assert "Zebulonia" not in str(logs)


async def test_wherever_the_model_dies_there_is_one_exchange_with_a_true_state(stage: Callable[..., Stage]) -> None:
    """Cut at any byte of the body, the exchange is failed with what was shown, or, from the finish on, complete; and nothing stays open."""
    pieces = ("Hello", " caf\u00e9", ".")
    server = OpenAIServer()
    script = Script(pieces=pieces)
    ending = server.ending(script)
    said = sum(len(server.event(server.said(text), script)) for text in pieces)
    whole_at = said + ending.index(b"\n")
    places = [*range(0, said + len(ending), 9), whole_at - 1, whole_at + 1]
    async with stage(**{f"cut{place}": script._replace(cut_after=place) for place in places}) as it:
        friend = it.persona
        rows = {}
        for place in places:
            models = msgspec.structs.replace(friend.settings, models=[f"test:cut{place}"])
            generation = await it.begin(persona=msgspec.structs.replace(friend, settings=models))
            events = await it.events(generation)
            rows[place] = it.row(generation)
            assert rows[place].reply == "".join(event.text for event in events), place
        everything = it.ask(lambda session: session.exec(select(Exchange)).all())
    assert len(everything) == len(places)
    for place, row in rows.items():
        assert "".join(pieces).startswith(row.reply), place
        if place < whole_at:
            assert (row.state, row.finish_reason) == (ExchangeState.failed, None), place
            assert row.error in {"provider_broke_off", "provider_unreachable"}, place
        else:
            assert (row.state, row.reply, row.finish_reason) == (ExchangeState.complete, "".join(pieces), "stop"), place


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


async def test_a_persona_may_want_no_stage_directions(stage: Callable[..., Stage], persona: MakePersona) -> None:
    """With `stage_directions: cut` they are neither shown nor kept."""
    plain = persona("friend", reply=ReplyRules(stage_directions="cut"))
    async with stage(model=Script(pieces=("*smi", "les* Hello", ". (laughs)"))) as it:
        generation = await it.begin(persona=plain)
        assert "".join(event.text for event in await it.events(generation)) == it.row(generation).reply == "Hello."


async def test_the_person_is_another_speaker_by_name(stage: Callable[..., Stage]) -> None:
    """Where the model goes on as the person, under the name that we gave it, the reply is over."""
    async with stage(model=Script(pieces=("Hello.\nA", "nn: Who are you?"))) as it:
        it.do(find_person, "ann", "Ann")
        generation = await it.begin()
        assert "".join(event.text for event in await it.events(generation)) == it.row(generation).reply == "Hello."


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
