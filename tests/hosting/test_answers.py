"""A version counts as hosted when it answers through the provider that will serve it."""

from pathlib import Path

import pytest

from service.errors import HostingError
from service.hosting.answers import require_answers
from service.hosting.base import Hosted
from service.personas.shelf import survey
from service.settings import Settings
from tests.fakes.models import OpenAIServer, Script
from tests.processes import ROOT

pytestmark = pytest.mark.anyio


async def _ask(folder: Path, script: Script) -> list[dict[str, object]]:
    persona = survey(ROOT / "persona_prompts").require("friend")
    async with OpenAIServer(**{"friend-v1": script}) as server:
        (folder / "attune.toml").write_text(f'[providers.card]\nkind = "vllm"\nbase_url = "{server.url}/v1"\nretries = 0\n')
        settings = Settings(home=folder / "data", providers=folder / "attune.toml")
        try:
            await require_answers(settings, Hosted("card", "friend-v1"), persona)
        finally:
            asked = list(server.asked)
    return asked


async def test_it_is_asked_as_people_will_ask_it(tmp_path: Path) -> None:
    """Several messages, by the name it was published under, each under the persona's own prompt."""
    asked = await _ask(tmp_path, Script())
    assert {body["model"] for body in asked} == {"friend-v1"}
    prompts = [[message["role"] for message in body["messages"]] for body in asked]  # type: ignore[attr-defined]
    assert prompts == [["system", "user"]] * 3
    assert all(body["messages"][0]["content"].startswith("Your name is Friend.") for body in asked)  # type: ignore[index]


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (Script(pieces=("  ", "\n")), "answered through its provider card without a word"),
        (Script(then=Script(pieces=())), "answered through its provider card without a word"),
        (Script(status=404), "does not answer through its provider card: "),
        (Script(after="cut"), "does not answer through its provider card: "),
    ],
)
async def test_a_version_without_words_does_not_count(tmp_path: Path, script: Script, words: str) -> None:
    """Empty replies, also to a later message, a name the server does not know, and replies that break off."""
    with pytest.raises(HostingError, match=words):
        await _ask(tmp_path, script)
