"""Which provider a name means."""

import os
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from service.errors import ProviderError
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
async def test_a_provider_of_each_kind_is_asked_in_its_own_way(tmp_path: Path, listen: Listen, call: Ask) -> None:
    """Azure's deployments by version and without one, with its own header, and an Ollama elsewhere with its own options."""
    async with OpenAIServer(m=Script()) as server, OllamaServer(m=Script()) as ollama:
        toml = f"""
            [providers.dated]
            kind = "azure"
            base_url = "{server.url}/"
            key_env = "PATH"
            api_version = "2024-10-21"
            [providers.versionless]
            kind = "azure"
            base_url = "{server.url}/openai/v1/"
            key_env = "PATH"
            [providers.garage]
            kind = "ollama"
            base_url = "{ollama.url}/"
            keep_alive = "30m"
            num_ctx = 2048
        """
        providers = Providers(_settings(tmp_path, toml))
        server.path = "/openai/deployments/m/chat/completions?api-version=2024-10-21"
        assert (await listen(providers.get("dated"), call("m"))).text == "Hello there."
        server.path = "/openai/v1/chat/completions"
        assert (await listen(providers.get("versionless"), call("m"))).text == "Hello there."
        assert (await listen(providers.get("garage"), call("m"))).text == "Hello there."
        await providers.close()
    assert [(request.headers.get("api-key"), "authorization" in request.headers) for request in server.requests] == [
        (os.environ["PATH"], False)
    ] * 2
    assert [asked["model"] for asked in server.asked] == ["m", "m"]
    assert (ollama.asked[0]["keep_alive"], ollama.asked[0]["options"]["num_ctx"]) == ("30m", 2048)


@pytest.mark.anyio
async def test_the_built_in_providers_are_as_patient_as_the_file_says(tmp_path: Path, listen: Listen, call: Ask) -> None:
    """`timeouts` and `retries` of `local`, `openai` and `ollama` come from attune.toml; Ollama's options, too."""
    patience = "timeouts = { first_token = 0.2, between_tokens = 0.2 }\nretries = 0\n"
    toml = "".join(f"[providers.{name}]\n{patience}" for name in ("local", "openai", "ollama")) + "num_ctx = 99\nkeep_alive = -1\n"
    async with OpenAIServer(m=Script(after="stall"), down=Script(status=500)) as server, OllamaServer(m=Script(after="stall")) as ollama:
        addresses = {"engine": server.url, "openai_base_url": f"{server.url}/v1", "ollama_host": ollama.url}
        providers = Providers(_settings(tmp_path, toml, **addresses))
        for name in ("local", "openai", "ollama"):
            assert (await listen(providers.get(name), call("m"))).error.code == "provider_stalled", name
        assert (await listen(providers.get("openai"), call("down"))).error.code == "provider_failed"
        await providers.close()
    assert [asked["model"] for asked in server.asked] == ["m", "m", "down"]
    assert (ollama.asked[0]["keep_alive"], ollama.asked[0]["options"]["num_ctx"]) == (-1, 99)


@pytest.mark.anyio
async def test_every_provider_is_steady(tmp_path: Path, listen: Listen, call: Ask) -> None:
    """Whoever is asked through the catalog is asked again after a failure that may pass, and left alone after five."""
    now = [0.0]
    toml = '[providers.mine]\nbase_url = "{}/v1"\nretries = 1\n'
    async with OpenAIServer(m=Script(status=500, headers={"retry-after": "0"})) as server:
        providers = Providers(_settings(tmp_path, toml.format(server.url)), clock=lambda: now[0])
        codes = [(await listen(providers.get("mine"), call("m"))).error.code for _ in range(4)]
        server.scripts["m"] = Script()
        codes.append((await listen(providers.get("mine"), call("m"))).error.code)
        now[0] += 2
        heard = await listen(providers.get("mine"), call("m"))
        await providers.close()
    assert codes == ["provider_failed"] * 3 + ["provider_resting"] * 2
    assert (heard.text, len(server.asked)) == ("Hello there.", 6)


@pytest.mark.anyio
async def test_the_bound_of_a_connection_is_kept(tmp_path: Path, listen: Listen, call: Ask) -> None:
    """An address that does not even refuse is given up after `connect` seconds, and not tried again."""
    with socket.socket() as full, socket.socket() as first:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        first.connect(full.getsockname())
        toml = f'[providers.mine]\nbase_url = "http://127.0.0.1:{full.getsockname()[1]}/v1"\ntimeouts = {{ connect = 0.2 }}\n'
        providers = Providers(_settings(tmp_path, toml))
        heard = await listen(providers.get("mine"), call("m"))
        await providers.close()
    assert heard.error.code == "provider_unreachable"


@pytest.mark.anyio
async def test_a_missing_key_is_told_by_its_name(tmp_path: Path) -> None:
    """A key that is named and not there is in the log when the provider is first used; the name of the variable, not a value."""
    providers = Providers(_settings(tmp_path, '[providers.mine]\nbase_url = "http://h/v1"\nkey_env = "ATTUNE_NO_SUCH_VARIABLE"\n'))
    with capture_logs() as logs:
        providers.get("mine")
        providers.get("mine")
    assert [(entry["event"], entry["provider"], entry["variable"]) for entry in logs] == [
        ("provider_key_missing", "mine", "ATTUNE_NO_SUCH_VARIABLE")
    ]


@pytest.mark.anyio
async def test_a_server_nobody_here_wrote_answers(engine_url: str, tmp_path: Path, listen: Listen, call: Ask) -> None:
    """`transformers serve` answers through the OpenAI provider: in pieces, with a finish, and with the parameters that it takes."""
    settings = _settings(tmp_path, engine=engine_url)
    providers = Providers(settings)
    asked = msgspec.structs.replace(call(served_name("local", "starter", settings)), temperature=0.0, presence_penalty=0.5, max_tokens=9)
    first, second = [await listen(providers.get("local"), asked) for _ in range(2)]
    missing = await listen(providers.get("local"), call(str(tmp_path / "no-model")))
    await providers.close()
    assert (first.error, second.error) == (None, None)
    assert first.text == second.text != ""
    assert first.last.finish_reason in {"stop", "length"}
    assert first.warnings == ["local: presence_penalty is not taken by this model and was left out"]
    assert missing.error.code == "provider_failed"


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
