"""One conversation tried on one model: as when serving, and kept nowhere."""

from collections.abc import Callable, Sequence

import msgspec
import pytest
from sqlmodel import select

from service.chat.trial import Tried, try_once
from service.db.tables import Exchange
from service.personas.lorebook import Lorebook
from service.personas.lorebook_file import read_book
from service.personas.persona import Persona, Sampling
from service.providers.base import Turn
from service.providers.catalog import Providers
from service.settings import Settings
from tests.fakes.models import Script
from tests.fakes.stage import Stage

pytestmark = pytest.mark.anyio
Make = Callable[..., Persona]


async def tried(stage: Stage, persona: Persona, model: str, talk: Sequence[Turn] = (Turn("user", "Hi"),), seed: int | None = None) -> Tried:
    """Try it on the stage's server."""
    settings = Settings(home=stage.folder, providers=stage.folder / "attune.toml", engine=stage.server.url)
    providers = Providers(settings)
    try:
        return await try_once(persona, model, talk, seed, providers, settings)
    finally:
        await providers.close()


async def test_it_is_asked_and_cleaned_as_when_serving(stage: Callable[..., Stage], persona: Make) -> None:
    """Prompt, safety text, history, sampling and seed go out; speaker, thoughts and other speakers are cut; the database has nothing."""
    friend = msgspec.structs.replace(persona(sampling=Sampling(temperature=0.3, max_tokens=50)), safety="Be careful.")
    talk = [Turn("user", "One"), Turn("assistant", "Two"), Turn("user", "Three")]
    async with stage(model=Script(pieces=("<think>hm</think>Friend: He", "llo.", "\nUser: no"))) as it:
        got = await tried(it, friend, "test:model", talk, seed=7)
        asked = it.server.asked[0]
        assert it.ask(lambda session: session.exec(select(Exchange)).all()) == []
    assert (got.reply, got.error, got.seed) == ("Hello.", None, 7)
    assert got.first_seconds is not None and 0 <= got.first_seconds <= got.seconds
    system, *rest = asked["messages"]
    assert system["role"] == "system"
    assert system["content"].startswith("You are Friend and talk with someone.") and "Be careful." in system["content"]
    assert [turn["content"] for turn in rest] == ["One", "Two", "Three"]
    assert (asked["seed"], asked["temperature"], asked["max_tokens"]) == (7, 0.3, 50)


async def test_the_lorebook_speaks_as_when_serving(stage: Callable[..., Stage], persona: Make) -> None:
    """An entry of the lorebook stands in the system message when its key was said, and not otherwise."""
    entry = {"keys": ["prime"], "content": "Primes are lonely.", "enabled": True, "insertion_order": 1, "extensions": {}}
    book = read_book({"entries": [entry], "extensions": {}}, "friend.json", "card", {"char": "Friend", "user": "someone"})
    friend = msgspec.structs.replace(persona(), lorebook=Lorebook((book,)))
    async with stage(model=Script()) as it:
        await tried(it, friend, "test:model", [Turn("user", "What is a prime?")])
        await tried(it, friend, "test:model", [Turn("user", "What is a tree?")])
        systems = [asked["messages"][0]["content"] for asked in it.server.asked]
    assert ["Primes are lonely." in system for system in systems] == [True, False]


async def test_tokens_are_told_where_known(stage: Callable[..., Stage], persona: Make) -> None:
    """A whole reply comes with its counts and its finish reason."""
    async with stage(model=Script()) as it:
        got = await tried(it, persona(), "test:model")
    assert (got.reply, got.prompt_tokens, got.completion_tokens, got.finish_reason) == ("Hello there.", 7, 2, "stop")


@pytest.mark.parametrize(
    ("script", "reply"),
    [
        (Script(status=401), ""),
        (Script(after="cut"), "Hello there."),
        (Script(pieces=()), ""),
    ],
)
async def test_a_failure_is_told_in_words(stage: Callable[..., Stage], persona: Make, script: Script, reply: str) -> None:
    """A model that refuses, breaks off or says nothing raises nothing: words, code, and what was said before it, stand in the answer."""
    async with stage(model=script) as it:
        got = await tried(it, persona(), "test:model")
    assert got.error and got.code and got.reply == reply
    assert "Hi" not in got.error.split()


async def test_only_the_model_asked_for_answers(stage: Callable[..., Stage], persona: Make) -> None:
    """The persona's own models are no way out: a bench compares, it does not serve."""
    async with stage(model=Script(), dead=Script(status=401)) as it:
        got = await tried(it, persona("friend", "test:model"), "test:dead")
        nobody = await tried(it, persona("friend", "test:model"), "nowhere:model")
        assert [asked["model"] for asked in it.server.asked] == ["dead"]
    assert got.error is not None
    assert nobody.code == "provider_unknown"
