"""Which provider a name means."""

import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from service.errors import ProviderError, SettingsError
from service.providers.base import Call, Provider
from service.providers.catalog import STARTER, Providers, checkpoint_folder, served_name, split_model
from service.settings import Settings
from tests.fakes.models import OllamaServer, OpenAIServer, Script

Listen = Callable[[Provider, Call], Awaitable[Any]]
Ask = Callable[[str], Call]


def _settings(folder: Path, toml: str = "", **values: Any) -> Settings:
    if toml:
        (folder / "attune.toml").write_text(toml)
    return Settings(home=folder / "data", providers=folder / "attune.toml", **values)


@pytest.mark.anyio
async def test_each_name_reaches_its_server(tmp_path: Path, listen: Listen, call: Ask) -> None:
    """`local`, `openai`, `ollama` and a provider of attune.toml are asked where the settings say, each with its own key only."""
    async with OpenAIServer(m=Script()) as server, OllamaServer(m=Script()) as ollama:
        toml = f'[providers.mine]\nbase_url = "{server.url}/v1"\nkey_env = "PATH"\n[providers.open]\nbase_url = "{server.url}/v1/"\n'
        addresses = {"engine": server.url, "openai_base_url": f"{server.url}/v1", "ollama_host": ollama.url}
        providers = Providers(_settings(tmp_path, toml, openai_api_key="sk-1", **addresses))
        for name in ("local", "openai", "ollama", "mine", "open"):
            heard = await listen(providers.get(name), call("m"))
            assert (heard.text, heard.error) == ("Hello there.", None), name
        await providers.close()
    assert [request.headers.get("authorization") for request in server.requests] == [
        None,
        "Bearer sk-1",
        f"Bearer {os.environ['PATH']}",
        None,
    ]
    assert "authorization" not in ollama.requests[0].headers


@pytest.mark.anyio
async def test_a_provider_is_built_once(tmp_path: Path) -> None:
    """Asked for twice, a name gives the same provider with its open connections."""
    providers = Providers(_settings(tmp_path))
    assert providers.get("ollama") is providers.get("ollama")
    assert providers.get("local") is not providers.get("openai")
    await providers.close()


def test_an_unknown_provider_says_where_to_name_it(tmp_path: Path) -> None:
    """A provider nobody named is a `ProviderError` with its own code that points at attune.toml."""
    with pytest.raises(ProviderError) as raised:
        Providers(_settings(tmp_path)).get("nowhere")
    assert raised.value.code == "provider_unknown"
    assert raised.value.message == f"There is no provider 'nowhere'. Name it in {tmp_path / 'attune.toml'}."


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ("[providers.mine]\nbase_url = ", "Invalid value"),
        ("[providers.mine]\nkey_env = 'K'\n", "base_url"),
        ("[providers.mine]\nbase_url = 'http://h/v1'\nkey = 'sk-secret'\n", "unknown field `key`"),
        ("[providers.mine]\nbase_url = 7\n", "Expected `str`, got `int`"),
        ("providers = 3\n", "Expected `object`"),
        ("[providers.mine]\nbase_url = 'localhost:1234/v1'\n", "the base_url of 'mine' must begin with http:// or https://"),
        ("[providers.openai]\nbase_url = 'http://h/v1'\n", "the provider 'openai' is built in"),
    ],
)
def test_a_wrong_attune_toml_is_refused_at_start(tmp_path: Path, toml: str, words: str) -> None:
    """A file that cannot be meant is a `SettingsError` that names the file and the fault, and shows no value of it."""
    with pytest.raises(SettingsError) as raised:
        Providers(_settings(tmp_path, toml))
    assert raised.value.message.startswith(f"{tmp_path / 'attune.toml'}: ")
    assert words in raised.value.message
    assert "sk-secret" not in raised.value.message


def test_an_attune_toml_that_is_no_text_is_refused(tmp_path: Path) -> None:
    """A file of another encoding, or a folder of that name, is a `SettingsError`, too."""
    (tmp_path / "attune.toml").write_bytes(b"# caf\xe9")
    with pytest.raises(SettingsError, match="attune"):
        Providers(_settings(tmp_path))
    (tmp_path / "attune.toml").unlink()
    (tmp_path / "attune.toml").mkdir()
    with pytest.raises(SettingsError, match="attune"):
        Providers(_settings(tmp_path))


def test_the_engine_loads_folders_and_others_know_names(tmp_path: Path) -> None:
    """For the embedded engine a model is its checkpoint's folder, the starter's or a version's; all others get the name itself."""
    settings = _settings(tmp_path)
    assert served_name("local", "starter", settings) == str(STARTER) == str(checkpoint_folder("starter", settings))
    assert (STARTER / "config.json").exists()
    assert served_name("local", "abc", settings) == str(settings.artifact_folder / "versions" / "abc")
    assert served_name("ollama", "llama3.2:3b", settings) == "llama3.2:3b"


@pytest.mark.parametrize(
    ("text", "parts"),
    [("local:starter", ("local", "starter")), ("ollama:llama3.2:3b", ("ollama", "llama3.2:3b")), ("mine:org/m", ("mine", "org/m"))],
)
def test_a_model_is_named_provider_and_model(text: str, parts: tuple[str, str]) -> None:
    """The first colon parts provider and model; the model's own name may have more."""
    assert split_model(text) == parts


@pytest.mark.parametrize("text", ["starter", "local:", ":starter", ":", ""])
def test_half_a_model_name_is_refused(text: str) -> None:
    """Without a provider or without a model it is a `ProviderError` that shows the form."""
    with pytest.raises(ProviderError, match="not of the form provider:model"):
        split_model(text)
