"""Which host the name in a persona's settings means."""

from pathlib import Path

import pytest

from service.errors import HostingError
from service.hosting.base import Host, Hosted
from service.hosting.catalog import make_host
from service.hosting.engine import EngineHost
from service.hosting.ollama import OllamaHost
from service.hosting.vllm import VllmHost
from service.providers.catalog import STARTER
from service.settings import Settings
from tests.fakes.vllm_server import VllmServer

TOML = """
[providers.card]
kind = "vllm"
base_url = "{url}/v1"
key_env = "PATH"
adapters = "/mnt/attune"
[providers.garage]
kind = "ollama"
base_url = "{url}"
[providers.far]
base_url = "{url}"
"""


def _settings(folder: Path, url: str = "http://127.0.0.1:1") -> Settings:
    (folder / "attune.toml").write_text(TOML.format(url=url))
    return Settings(home=folder / "data", providers=folder / "attune.toml")


@pytest.mark.parametrize(("name", "kind"), [("engine", EngineHost), ("ollama", OllamaHost), ("garage", OllamaHost), ("card", VllmHost)])
def test_a_name_means_a_host(tmp_path: Path, name: str, kind: type[Host]) -> None:
    """The built-in ones by their own names, others by their table."""
    assert isinstance(make_host(_settings(tmp_path), name), kind)


def test_a_table_is_heeded(tmp_path: Path, adapter_folder) -> None:
    """The server at the table's address is asked under the provider's name, for the path it sees."""
    folder = tmp_path / "data" / "artifacts" / "runs" / "n1" / "adapter"
    folder.parent.mkdir(parents=True)
    folder.symlink_to(adapter_folder)
    with VllmServer(str(STARTER)) as server:
        host = make_host(_settings(tmp_path, server.url), "card")
        server.seen = {"/mnt/attune/runs/n1/adapter": folder}
        assert host.publish("friend-v1", STARTER, folder) == Hosted("card", "friend-v1")
    assert server.told("/v1/load_lora_adapter")[0][1]["lora_path"] == "/mnt/attune/runs/n1/adapter"


def test_a_name_that_means_no_host_is_refused(tmp_path: Path) -> None:
    """A provider that takes no adapters, and nobody: the sentence says what may be set."""
    with pytest.raises(HostingError, match="'far' is of kind openai, which takes no adapters; vllm and ollama do"):
        make_host(_settings(tmp_path), "far")
    with pytest.raises(HostingError, match=r"There is no host 'moon'\. Set learning.host to engine, to ollama, or to a provider"):
        make_host(_settings(tmp_path), "moon")
