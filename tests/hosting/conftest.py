"""A real embedded engine, started once, and a real adapter with scores to compare with. Both take seconds."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from service.evaluation.holdout import RowScore
from service.hosting.base import Hosted
from service.hosting.engine import EngineHost, engine_command, engine_environment
from service.providers.catalog import STARTER

ROWS = [
    {"prompt": [{"role": "user", "content": "Hi."}], "completion": [{"role": "assistant", "content": "Hello! What is new?"}]},
    {
        "prompt": [{"role": "system", "content": "You are Friend."}, {"role": "user", "content": "I lost my keys again."}],
        "completion": [{"role": "assistant", "content": "Oh no."}],
    },
]

# Writes an adapter whose weights are drawn by chance, large enough to matter, and scores the rows with the base and that adapter.
_MAKE_ADAPTER = """
import json, sys, torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer
from service.evaluation.likelihood import score_with
base, folder, rows = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
torch.manual_seed(0)
model = AutoModelForCausalLM.from_pretrained(base)
model = get_peft_model(model, LoraConfig(r=8, lora_alpha=16, target_modules="all-linear", task_type="CAUSAL_LM", init_lora_weights=False))
model.save_pretrained(folder)
print(json.dumps(score_with(model.eval(), AutoTokenizer.from_pretrained(base), rows)))
"""


class MadeAdapter(msgspec.Struct):
    """An adapter's folder, and what its scores on `rows` must be."""

    folder: Path
    rows: list[dict[str, object]]
    scores: list[RowScore]


@pytest.fixture(scope="session")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> MadeAdapter:
    """An adapter of the starter that changes what it says."""
    folder = tmp_path_factory.mktemp("made") / "adapter"
    command = [sys.executable, "-W", "ignore", "-c", _MAKE_ADAPTER, str(STARTER), str(folder), json.dumps(ROWS)]
    answer = subprocess.run(command, env=engine_environment(os.environ), capture_output=True, check=True).stdout
    return MadeAdapter(folder, ROWS, msgspec.json.decode(answer.splitlines()[-1], type=list[RowScore]))


@pytest.fixture(scope="session")
def adapter_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a server that only looks at an adapter's settings reads, as PEFT writes them: made in no time."""
    folder = tmp_path_factory.mktemp("written") / "adapter"
    folder.mkdir()
    settings = {"peft_type": "LORA", "base_model_name_or_path": str(STARTER), "r": 8, "lora_alpha": 16, "task_type": "CAUSAL_LM"}
    (folder / "adapter_config.json").write_text(json.dumps(settings))
    return folder


@pytest.fixture(scope="session")
def starting_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An engine that has just been started: it may need some seconds yet before it answers."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with (tmp_path_factory.mktemp("engine") / "engine.log").open("wb") as log:
        engine = subprocess.Popen(engine_command("127.0.0.1", port), env=engine_environment(os.environ), stdout=log, stderr=log)
    yield f"http://127.0.0.1:{port}"
    engine.terminate()
    engine.wait(timeout=30)


@pytest.fixture(scope="session")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of all versions."""
    return tmp_path_factory.mktemp("artifacts")


@pytest.fixture(scope="session")
def published(adapter: MadeAdapter, artifacts: Path, starting_engine: str) -> Hosted:
    """The adapter, published as a version."""
    return EngineHost(starting_engine, artifacts).publish("friend-v1", STARTER, adapter.folder)
