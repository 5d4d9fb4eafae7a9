"""Fetching a base from a hub: a real client against a small hub on the loopback."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from service.providers.catalog import STARTER
from tests.fakes.hub import HubServer, write_config
from tests.processes import environment


def fetch(hub: str, home: Path, name: str) -> "subprocess.CompletedProcess[str]":
    """The command, in a process of its own: the client reads its hub's address when it is imported."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}
    env = {**kept, **environment(home), "HF_ENDPOINT": hub, "HF_HOME": str(home / "hf"), "HF_HUB_DISABLE_XET": "1"}
    command = [sys.executable, "-m", "service", "model", "fetch", name, "--json"]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)


def test_a_base_is_fetched_without_its_pickles(tmp_path: Path) -> None:
    """The files of a model come as they are, those that could run code stay where they are, and a persona can name it as its base."""
    source = tmp_path / "source"
    source.mkdir()
    for file in STARTER.iterdir():
        (source / file.name).write_bytes(file.read_bytes())
    (source / "pytorch_model.bin").write_bytes(b"pickle")
    with HubServer("org/small", source) as hub:
        done = fetch(hub.url, tmp_path / "home", "org/small")

    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    folder = tmp_path / "home" / "artifacts" / "versions" / "org" / "small"
    assert (document["folder"], document["weights"] > 1_000_000) == (str(folder), True)
    assert (folder / "model.safetensors").read_bytes() == (STARTER / "model.safetensors").read_bytes()
    assert not (folder / "pytorch_model.bin").exists()


@pytest.mark.parametrize(
    ("name", "gated", "words"),
    [
        ("org/other", False, "The hub has no model 'org/other'"),
        ("org/small", True, "only to those who accepted its terms"),
        ("org/small", False, "has no weights as safetensors"),
    ],
)
def test_what_cannot_be_had_is_told(tmp_path: Path, name: str, gated: bool, words: str) -> None:
    """A name nobody knows, terms that were not accepted, a model without safetensors: each in words, with the way out."""
    source = tmp_path / "source"
    source.mkdir()
    write_config(source, architectures=["LlamaForCausalLM"])
    with HubServer("org/small", source) as hub:
        hub.gated = gated
        done = fetch(hub.url, tmp_path / "home", name)

    assert done.returncode == 1
    assert words in done.stderr
