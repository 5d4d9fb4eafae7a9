"""A provider whose memory is lent leaves the answering to others."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from service.providers.base import Call, Provider
from service.providers.catalog import Providers
from service.providers.failure import Resting
from service.providers.lent import Lent
from service.settings import Settings
from tests.fakes.models import OpenAIServer, Script

Listen = Callable[[Provider, Call], Awaitable[Any]]
Ask = Callable[[str], Call]


@pytest.mark.anyio
@pytest.mark.parametrize(("kind", "text", "asked"), [("openai", "Hello there.", 2), ("vllm", "", 1)])
async def test_who_has_lent_rests(tmp_path: Path, listen: Listen, call: Ask, kind: str, text: str, asked: int) -> None:
    """It is passed over until it is taken back; who insists is answered, but never by a vLLM: asleep, a question may crash it."""
    async with OpenAIServer(m=Script()) as server:
        (tmp_path / "attune.toml").write_text(f'[providers.home]\nkind = "{kind}"\nbase_url = "{server.url}/v1"\n')
        providers = Providers(Settings(home=tmp_path / "data", providers=tmp_path / "attune.toml"))
        Lent(tmp_path / "data").lend("home")
        heard = await listen(providers.get("home"), call("m"))
        assert isinstance(heard.error, Resting)
        assert server.asked == []
        assert (await listen(providers.get("home"), msgspec.structs.replace(call("m"), insist=True))).text == text
        Lent(tmp_path / "data").take_back("home")
        assert (await listen(providers.get("home"), call("m"))).text == "Hello there."
        await providers.close()
    assert len(server.asked) == asked


def test_each_lends_for_itself(tmp_path: Path) -> None:
    """Names come and go one by one, twice is once, and nothing is left behind."""
    lent, looking_on = Lent(tmp_path), Lent(tmp_path)
    assert looking_on.names() == frozenset()
    lent.lend("one")
    lent.lend("one")
    lent.lend("two")
    assert looking_on.names() == {"one", "two"}
    lent.take_back("one")
    assert ("one" in looking_on, "two" in looking_on) == (False, True)
    lent.take_back("two")
    lent.take_back("two")
    assert (looking_on.names(), list(tmp_path.iterdir())) == (frozenset(), [])
