"""Ollama as a host: what it is asked, byte for byte where that matters, and what becomes of its troubles."""

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.errors import HostingError
from service.hosting.base import Hosted
from service.hosting.ollama import OllamaHost
from service.providers.catalog import STARTER
from tests.fakes.ollama_host import OllamaServer

V1 = Hosted("ollama", "friend-v1")


@pytest.fixture
def server() -> Iterator[OllamaServer]:
    """An Ollama without a model."""
    with OllamaServer() as running:
        yield running


@pytest.fixture
def host(server: OllamaServer, tmp_path: Path) -> OllamaHost:
    """The host that speaks to it."""
    return OllamaHost(server.url, artifacts=tmp_path)


def digest(path: Path) -> str:
    """What Ollama calls a file."""
    return f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"


def test_a_version_is_the_base_and_the_adapter(server, host, adapter):
    """The base is made once of its own files, the version of it and the adapter's two files, and the prompt is asked for."""
    assert host.publish("friend-v1", STARTER, adapter.folder) == V1

    base, version = (body for _, body in server.told("/api/create"))
    files = sorted(path for path in STARTER.iterdir() if path.suffix in {".safetensors", ".json", ".jinja"})
    assert base["model"].startswith("attune-base-")
    assert base["files"] == {path.name: digest(path) for path in files}
    assert base["parameters"] == {"num_ctx": json.loads((STARTER / "config.json").read_bytes())["max_position_embeddings"]}
    assert version == {
        "model": "friend-v1",
        "from": base["model"],
        "adapters": {name: digest(adapter.folder / name) for name in ("adapter_config.json", "adapter_model.safetensors")},
        "stream": True,
    }
    assert {path for path, _ in server.told("/api/chat", "/api/show", "/api/create")} == {"/api/show", "/api/create", "/api/chat"}
    assert all(body["_debug_render_only"] and body["stream"] is False for _, body in server.told("/api/chat"))

    server.asked.clear()
    host.publish("friend-v2", STARTER, adapter.folder)
    assert [body["model"] for _, body in server.told("/api/create")] == ["friend-v2"]


def test_a_version_that_is_there_is_left_as_it_is(server, host, adapter):
    """Publishing again asks one question."""
    host.publish("friend-v1", STARTER, adapter.folder)
    server.asked.clear()
    assert host.publish("friend-v1", STARTER, adapter.folder) == V1
    assert server.told("/api/create", "/api/show") == [("/api/show", {"model": "friend-v1"})]


def test_of_other_bases_the_merged_weights_are_served(server, host, adapter, tmp_path):
    """Where Ollama reads no such adapters it gets a whole model, made by merging."""
    base = tmp_path / "base"
    shutil.copytree(STARTER, base)
    config = json.loads((base / "config.json").read_bytes())
    (base / "config.json").write_text(json.dumps({**config, "architectures": ["Qwen3ForCausalLM"]}))

    host.publish("friend-v1", base, adapter.folder)

    ((_, version),) = server.told("/api/create")
    assert set(version["files"]) >= {"config.json", "model.safetensors", "tokenizer.json", "chat_template.jinja"}
    assert version["files"]["model.safetensors"] == digest(tmp_path / "versions" / "friend-v1" / "model.safetensors")
    assert version["files"]["model.safetensors"] != digest(STARTER / "model.safetensors")
    assert "from" not in version


def test_a_template_of_the_servers_own_is_refused(server, host, adapter):
    """A version that would read another text than it was trained on is deleted again; the sentence says where they part."""
    server.template = "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}\n{% endfor %}"
    with pytest.raises(HostingError, match=r"another text than it was trained on: at character \d+ there is .*OLLAMA_GO_TEMPLATE=0"):
        host.publish("friend-v1", STARTER, adapter.folder)
    assert "friend-v1:latest" not in server.models


def test_a_server_that_cannot_show_its_prompt_is_taken_at_its_word(server, host, adapter):
    """It answers instead; then nobody can say, and the version's probes decide."""
    server.renders = False
    host.publish("friend-v1", STARTER, adapter.folder)
    assert host.render(V1, []) is None


def test_a_version_answers_before_it_counts(server, host, adapter):
    """Warming up loads it by a short answer; of a version that is not there it says so."""
    host.publish("friend-v1", STARTER, adapter.folder)
    host.warm_up(V1)
    assert server.told("/api/chat")[-1][1]["options"] == {"num_predict": 8}
    assert server.loaded == ["friend-v1:latest"]
    with pytest.raises(HostingError, match="Ollama could not answer: model 'friend-v9' not found"):
        host.warm_up(Hosted("ollama", "friend-v9"))


def test_a_withdrawn_version_is_gone_and_the_base_is_not(server, host, adapter):
    """Deleting twice is fine."""
    host.publish("friend-v1", STARTER, adapter.folder)
    host.withdraw(V1)
    host.withdraw(V1)
    assert server.told("/api/delete") == [("/api/delete", {"model": "friend-v1"})]
    assert [name.startswith("attune-base-") for name in server.models] == [True]


def test_memory_is_let_go_and_taken_back(server, host, adapter):
    """Every loaded model is asked to go, and the same ones are loaded again; a server that is away holds nothing."""
    host.publish("friend-v1", STARTER, adapter.folder)
    host.warm_up(V1)
    server.asked.clear()
    assert host.release() is None
    assert server.loaded == []
    assert host.take_back() is None
    assert server.loaded == ["friend-v1:latest"]
    calls = [(body["model"], body.get("keep_alive")) for _, body in server.told("/api/generate")]
    assert calls == [("friend-v1:latest", 0), ("friend-v1:latest", None)]
    assert host.take_back() is None
    assert len(server.told("/api/generate")) == 2
    assert OllamaHost("http://127.0.0.1:1", artifacts=Path()).release() is None


def test_troubles_are_told_in_words(server, host, adapter, tmp_path):
    """A full disk, a server that is away, a base that is none: each is a sentence for the receipt."""
    server.full = True
    with pytest.raises(HostingError, match="Ollama could not make the version: write blob: no space left on device"):
        host.publish("friend-v1", STARTER, adapter.folder)
    with pytest.raises(HostingError, match=r"cannot be reached\. Start it, or set OLLAMA_HOST"):
        OllamaHost("http://127.0.0.1:1", artifacts=tmp_path).publish("friend-v1", STARTER, adapter.folder)
    server.full = False
    with pytest.raises(HostingError, match="There is no model in"):
        host.publish("friend-v1", tmp_path / "nowhere", adapter.folder)


def test_an_error_in_the_middle_of_making_is_an_error(server, host, adapter, tmp_path):
    """Ollama answers 200 and then a line with an error: the version is not taken for made."""
    base = tmp_path / "base"
    shutil.copytree(STARTER, base)
    host.publish("friend-v0", base, adapter.folder)
    made = next(model for name, model in server.models.items() if name.startswith("attune-base-"))
    config = json.loads(server.blobs[made["files"]["config.json"]])
    server.blobs[made["files"]["config.json"]] = json.dumps({**config, "architectures": ["Other"]}).encode()
    with pytest.raises(HostingError, match="Ollama could not make the version: unsupported architecture"):
        host.publish("friend-v1", base, adapter.folder)
