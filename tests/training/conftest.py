"""Real training runs on the starter: a handful of rows, seconds each."""

import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from service.providers.catalog import STARTER
from service.training.base import Parameters, Progress, RunSpec, Trained
from service.training.local import LocalTrainer

MakeSpec = Callable[..., RunSpec]


def _row(number: int) -> dict[str, object]:
    liked = number % 2 == 0
    return {
        "prompt": [{"role": "system", "content": "You are Friend."}, {"role": "user", "content": f"I have {number} apples."}],
        "completion": [{"role": "assistant", "content": "Nice! What will you do with them?" if liked else "No."}],
        "label": liked,
        "origin": {"exchange": f"e{number}"},
    }


@pytest.fixture(scope="session")
def rows_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve liked and twelve disliked rows, with keys that training has no use for."""
    file = tmp_path_factory.mktemp("rows") / "train.jsonl"
    file.write_text("".join(json.dumps(_row(number)) + "\n" for number in range(24)), encoding="utf-8")
    return file


@pytest.fixture(scope="session")
def make_spec(rows_file: Path) -> MakeSpec:
    """A run of KTO on the starter, with some things said otherwise."""

    def make(base: Path = STARTER, method: str = "kto", train: Path = rows_file, **parameters: object) -> RunSpec:
        chosen = {"learning_rate": 2e-3, "epochs": 2, "batch": 8, **parameters}
        return RunSpec(base=str(base), method=method, train=str(train), parameters=Parameters(**chosen))

    return make


class Run(msgspec.Struct):
    """A finished run and all that was reported of it."""

    folder: Path
    spec: RunSpec
    trained: Trained
    reported: list[Progress]

    @property
    def attempts(self) -> int:
        """How often a training process began to train here."""
        return attempts(self.folder)


def attempts(folder: Path) -> int:
    return (folder / "train.log").read_text("utf-8").count("an attempt begins")


@pytest.fixture(scope="session")
def kto_run(make_spec: MakeSpec, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The one KTO run that several tests look at."""
    folder = tmp_path_factory.mktemp("kto")
    reported: list[Progress] = []
    trained = LocalTrainer().train(folder, make_spec(), reported.append)
    return Run(folder, make_spec(), trained, reported)


@pytest.fixture
def count_attempts() -> Callable[[Path], int]:
    """Counts how often a training process began to train in a folder."""
    return attempts
