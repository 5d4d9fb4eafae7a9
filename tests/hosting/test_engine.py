"""The embedded engine: versions made servable, and answering."""

import json
import socket
import threading
import time

import httpx
import pytest

from service.errors import HostingError
from service.evaluation.holdout import score_rows
from service.hosting.base import Hosted
from service.hosting.engine import EngineHost, engine_command, engine_environment, warm_up_starter
from service.providers.catalog import STARTER


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def test_a_published_version_says_what_the_adapter_says(published, adapter, artifacts, tmp_path):
    """Merging changes nothing but the rounding of the weights: each token is as likely as it was, within a thousandth of a nat or so."""
    merged = score_rows(tmp_path, {"merged": artifacts / "versions" / published.model}, adapter.rows)["merged"]

    for ours, theirs in zip(merged, adapter.scores, strict=True):
        assert ours.tokens == theirs.tokens
        assert ours.mean == pytest.approx(theirs.mean, abs=2e-3)


def test_a_version_has_what_the_base_has(published, artifacts):
    """Tokenizer, chat template and sampling come along as they are, the model card does not; the weights take no more room."""
    folder = artifacts / "versions" / published.model
    base = {file.name: file.read_bytes() for file in STARTER.iterdir() if file.suffix not in {".safetensors", ".md"}}

    assert published == Hosted(provider="local", model="friend-v1")
    assert base == {file.name: file.read_bytes() for file in folder.iterdir() if file.suffix != ".safetensors"}
    assert (folder / "model.safetensors").stat().st_size == (STARTER / "model.safetensors").stat().st_size
    assert [entry.name for entry in (artifacts / "versions").iterdir()] == ["friend-v1"]


def test_a_withdrawn_version_is_gone_and_the_starter_stays(tmp_path):
    """Its folder goes, whole; twice is fine, and what is no version of ours is never deleted."""
    host = EngineHost("http://127.0.0.1:1", tmp_path)
    host.folder_of("friend-v1").mkdir(parents=True)
    for _ in range(2):
        host.withdraw(Hosted("local", "friend-v1"))
    assert list((tmp_path / "versions").iterdir()) == []
    for name in ("starter", "../data"):
        with pytest.raises(HostingError, match="is no version of this engine"):
            host.withdraw(Hosted("local", name))


def test_a_published_version_is_left_as_it_is(published, adapter, artifacts):
    """Publishing again finds it done: no time passes, no byte changes."""
    weights = artifacts / "versions" / published.model / "model.safetensors"
    written, began = weights.stat().st_mtime_ns, time.monotonic()

    again = EngineHost("http://127.0.0.1:1", artifacts).publish(published.model, STARTER, adapter.folder)

    assert again == published
    assert weights.stat().st_mtime_ns == written
    assert time.monotonic() - began < 1


def test_a_merge_that_fails_is_told_in_words(tmp_path):
    """Without an adapter there is no version, and the receipt gets a sentence that says what the matter was."""
    with pytest.raises(HostingError, match=r"could not be merged into its base \(exit code 1\): .*adapter_config\.json"):
        EngineHost("http://127.0.0.1:1", tmp_path).publish("friend-v2", STARTER, tmp_path / "nothing")

    assert not (tmp_path / "versions" / "friend-v2").exists()


@pytest.mark.parametrize("name", ["../escape", "a/b", "friend@v1", "friend:v1", "", "starter"])
def test_a_version_is_called_something_that_the_engine_can_load(tmp_path, name):
    """A path, a revision mark, or the name of the model that ships is refused before anything is written."""
    with pytest.raises(HostingError, match="A version cannot be called"):
        EngineHost("http://127.0.0.1:1", tmp_path).publish(name, STARTER, tmp_path)


def test_warming_up_waits_for_an_engine_that_is_still_starting(starting_engine, artifacts):
    """It asks until the starter has answered twice; then the first person's message finds it loaded."""
    warm_up_starter(starting_engine, artifacts, 120, threading.Event())

    assert httpx.get(f"{starting_engine}/health", timeout=10).json() == {"status": "ok"}


def test_a_new_version_answers_without_a_restart(starting_engine, artifacts, published):
    """The running engine loads the folder of the version and chats, within the limits the request sets."""
    host = EngineHost(starting_engine, artifacts)
    host.warm_up(published)

    asked = {"model": str(host.folder_of(published.model)), "messages": [{"role": "user", "content": "Hello!"}], "max_tokens": 3}
    answer = httpx.post(f"{starting_engine}/v1/chat/completions", json=asked, timeout=60).json()
    assert answer["usage"]["completion_tokens"] <= 3
    assert answer["choices"][0]["message"]["role"] == "assistant"


def test_temperature_and_seed_are_honoured(starting_engine, artifacts):
    """At temperature 0 the same question has one answer; with a seed, too."""
    warm_up_starter(starting_engine, artifacts, 120, threading.Event())

    def answers(**sampling: float) -> set[str]:
        asked = {"model": str(STARTER), "messages": [{"role": "user", "content": "I had a long day."}], "max_tokens": 20, **sampling}
        said = [httpx.post(f"{starting_engine}/v1/chat/completions", json=asked, timeout=60).json() for _ in range(4)]
        return {answer["choices"][0]["message"]["content"] for answer in said}

    assert len(answers(temperature=0)) == 1
    assert len(answers(seed=7)) == 1
    assert len(answers(temperature=1.5)) > 1


def test_the_engine_lets_go_of_its_models_and_loads_them_again(starting_engine, artifacts):
    """After a release none is loaded, as the engine itself says; the next message finds it answering. One that is away holds nothing."""
    warm_up_starter(starting_engine, artifacts, 120, threading.Event())
    host = EngineHost(starting_engine, artifacts)

    def was_loaded() -> bool:
        events = httpx.post(f"{starting_engine}/load_model", json={"model": str(STARTER)}, timeout=60).text.splitlines()
        return bool(json.loads([event for event in events if event][-1].removeprefix("data: "))["cached"])

    assert was_loaded()
    assert (host.release(), host.release()) == (None, None)
    assert not was_loaded()
    assert host.take_back() is None
    host.warm_up(Hosted("local", "starter"))
    assert EngineHost(f"http://127.0.0.1:{_free_port()}", artifacts).release() is None


def test_an_unknown_version_is_no_version(starting_engine, artifacts):
    """The engine's bare error becomes a sentence."""
    warm_up_starter(starting_engine, artifacts, 120, threading.Event())

    with pytest.raises(HostingError, match=r"The model friend-v9 did not answer within 0\.5 s: the engine answered 500\."):
        EngineHost(starting_engine, artifacts, warm_up_seconds=0.5).warm_up(Hosted(provider="local", model="friend-v9"))


def test_an_engine_that_is_not_there_is_told_in_words(artifacts):
    """Nobody listens: after the time given there is a sentence, not an endless wait."""
    host = EngineHost(f"http://127.0.0.1:{_free_port()}", artifacts, warm_up_seconds=0.6)

    with pytest.raises(HostingError, match=r"The model friend-v1 did not answer within 0\.6 s: ConnectError"):
        host.warm_up(Hosted(provider="local", model="friend-v1"))


def test_a_stop_is_not_waited_out(artifacts):
    """Whoever stops the service while the engine starts does not have to wait for it."""
    stop = threading.Event()
    stop.set()
    began = time.monotonic()

    warm_up_starter(f"http://127.0.0.1:{_free_port()}", artifacts, 60, stop)

    assert time.monotonic() - began < 2


def test_the_engine_is_started_without_network_and_without_keys():
    """It hears only the host it is given, looks for nothing on the network, and is not told the service's secrets."""
    command = engine_command("127.0.0.1", 9000)
    environment = engine_environment({"PATH": "/bin", "OPENAI_API_KEY": "secret", "ATTUNE_HOME": "data", "HF_HUB_OFFLINE": "0"})

    assert command[command.index("--host") + 1] == "127.0.0.1"
    assert command[command.index("--port") + 1] == "9000"
    assert "--continuous-batching" not in command
    assert environment["PATH"] == "/bin"
    assert environment["HF_HUB_OFFLINE"] == "0"  # what the owner says goes
    assert not {"OPENAI_API_KEY", "ATTUNE_HOME"} & set(environment)
