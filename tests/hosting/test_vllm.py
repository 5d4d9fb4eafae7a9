"""vLLM as a host: adapters by name, on the base they belong to, and a server that sleeps while something else trains."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from service.errors import HostingError
from service.hosting.base import Hosted
from service.hosting.vllm import VllmHost
from service.providers.catalog import STARTER
from tests.fakes.vllm_server import VllmServer

V1 = Hosted("card", "friend-v1")


@pytest.fixture
def server() -> Iterator[VllmServer]:
    """A vLLM that serves the starter."""
    with VllmServer(str(STARTER)) as running:
        yield running


@pytest.fixture
def host(server: VllmServer, tmp_path: Path) -> VllmHost:
    """The host that speaks to it."""
    return VllmHost(f"{server.url}/v1", "secret", provider="card", artifacts=tmp_path)


def test_an_adapter_is_loaded_under_its_name_once(server, host, adapter_folder):
    """Name and path are all it is told; published again it is not loaded again, and after a restart of the server it is."""
    assert host.publish("friend-v1", STARTER, adapter_folder) == V1
    host.publish("friend-v1", STARTER, adapter_folder)
    loads = [("/v1/load_lora_adapter", {"lora_name": "friend-v1", "lora_path": str(adapter_folder)})]
    assert server.told("/v1/load_lora_adapter") == loads

    server.adapters.clear()
    host.publish("friend-v1", STARTER, adapter_folder)
    assert server.told("/v1/load_lora_adapter") == loads * 2


def test_a_path_is_told_as_the_server_sees_it(server, adapter_folder):
    """In a container the artifacts lie elsewhere."""
    server_sees = adapter_folder.parent
    host = VllmHost(server.url, "", provider="card", artifacts=server_sees, seen_as="/mnt/attune/")
    with pytest.raises(HostingError, match="No adapter found for /mnt/attune/adapter"):
        host.publish("friend-v1", STARTER, adapter_folder)


def test_a_version_that_would_read_another_text_does_not_stay(server, host, adapter_folder):
    """The server's template has to make the tokens of training; where it does not, what was loaded for it goes, and only that."""
    server.template = (STARTER / "chat_template.jinja").read_text()
    host.publish("friend-v1", STARTER, adapter_folder)
    server.template = "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}\n{% endfor %}"
    with pytest.raises(HostingError, match=r"another text than it was trained on: at character \d+ there is .* without --chat-template"):
        host.publish("friend-v2", STARTER, adapter_folder)
    assert list(server.adapters) == ["friend-v1"]
    with pytest.raises(HostingError, match="another text than it was trained on"):
        host.publish("friend-v1", STARTER, adapter_folder)
    assert list(server.adapters) == ["friend-v1"]


def test_a_version_answers_and_goes(server, host, adapter_folder):
    """It answers by its name; unloaded it is gone, and unloading twice is fine."""
    host.publish("friend-v1", STARTER, adapter_folder)
    host.warm_up(V1)
    assert server.told("/v1/chat/completions")[0][1]["model"] == "friend-v1"
    host.withdraw(V1)
    host.withdraw(V1)
    assert server.told("/v1/unload_lora_adapter") == [("/v1/unload_lora_adapter", {"lora_name": "friend-v1"})] * 2
    with pytest.raises(HostingError, match="does not answer as friend-v1: The model `friend-v1` does not exist"):
        host.warm_up(V1)


def test_the_server_sleeps_and_wakes(server, host):
    """By the calls of its sleep mode, each once; a server that cannot says how it could, and one that is away holds nothing."""
    assert (host.release(), host.release()) == (None, None)
    assert server.asleep
    assert (host.take_back(), host.take_back()) == (None, None)
    assert not server.asleep
    told = [(asked.method, asked.path) for asked in server.asked if asked.method == "POST"]
    assert told == [("POST", "/sleep?level=1"), ("POST", "/wake_up")]
    server.dev = False
    assert "VLLM_SERVER_DEV_MODE=1" in str(host.release())
    assert VllmHost("http://127.0.0.1:1", "", provider="card", artifacts=Path()).release() is None


def test_what_cannot_be_loaded_is_refused_in_words(server, host, adapter_folder, tmp_path):
    """Another base, another adapter, a rank too high, updating switched off, no server: each with the way out."""
    other = tmp_path / "other"
    with pytest.raises(HostingError, match=r"serves .*weights, and the adapter belongs to other\. Start the server with that base"):
        host.publish("friend-v1", other, adapter_folder)
    server.root = "org/other"
    with pytest.raises(HostingError, match=r"was trained on weights, and not on other"):
        host.publish("friend-v1", other, adapter_folder)
    server.root = str(STARTER)
    server.most_rank = 4
    with pytest.raises(HostingError, match=r"LoRA rank 8 is greater than max_lora_rank 4\. Raise --max-lora-rank"):
        host.publish("friend-v1", STARTER, adapter_folder)
    with pytest.raises(HostingError, match="There is no adapter in"):
        host.publish("friend-v1", STARTER, tmp_path)
    server.updating = False
    with pytest.raises(HostingError, match="VLLM_ALLOW_RUNTIME_LORA_UPDATING=True"):
        host.publish("friend-v1", STARTER, adapter_folder)
    with pytest.raises(HostingError, match="does not say what it serves"):
        VllmHost("http://127.0.0.1:1", "", provider="card", artifacts=tmp_path).publish("friend-v1", STARTER, adapter_folder)
