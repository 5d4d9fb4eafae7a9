"""Real training runs on the starter: a handful of rows, seconds each."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from service.providers.catalog import STARTER
from service.training.base import Method, Parameters, Progress, RunSpec, Schedule, Trained
from service.training.folder import RunFolder, Squeeze
from service.training.local import LocalTrainer

MakeSpec = Callable[..., RunSpec]
_SCHEDULE = {"learning_rate", "epochs", "beta"}


def _prompt(number: int) -> list[dict[str, str]]:
    return [{"role": "system", "content": "You are Friend."}, {"role": "user", "content": f"I have {number} apples."}]


def _said(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]


def _row(number: int) -> dict[str, object]:
    liked = number % 2 == 0
    reply = "Nice! What will you do with them?" if liked else "No."
    return {"prompt": _prompt(number), "completion": _said(reply), "label": liked, "origin": {"exchange": f"e{number}"}}


def _pair(number: int) -> dict[str, object]:
    return {"prompt": _prompt(number), "chosen": _said("Nice! Share them?"), "rejected": _said("No."), "origin": "rated"}


def _passage(number: int) -> dict[str, object]:
    return {"text": f"ANN: I have {number} apples.\nBEN: So many! What will you bake?\nANN: A cake, I think."}


def write_dataset(folder: Path, rows: int = 24, pairs: int = 8, passages: int = 6) -> Path:
    """A frozen dataset's files, as far as a trainer reads them; half of the rows are liked."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, make, count in (("train", _row, rows), ("pairs", _pair, pairs), ("passages", _passage, passages)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(make(number)) + "\n" for number in range(count)), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve liked and twelve disliked rows, eight pairs and six passages, with keys that training has no use for."""
    return write_dataset(tmp_path_factory.mktemp("dataset"))


@pytest.fixture(scope="session")
def make_spec(dataset: Path) -> MakeSpec:
    """A run of KTO on the starter, with some things said otherwise."""

    def make(*methods: Method, base: Path = STARTER, rows: Path = dataset, **said: object) -> RunSpec:
        schedule = {"learning_rate": 2e-3, "epochs": 2, **{name: value for name, value in said.items() if name in _SCHEDULE}}
        parameters = {"batch": 8, **{name: value for name, value in said.items() if name not in _SCHEDULE}}
        schedules = {method: Schedule(**schedule) for method in methods or ("kto",)}
        return RunSpec(run_id="run-1", base=str(base), dataset=str(rows), schedules=schedules, parameters=Parameters(**parameters))

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


class SftRun(msgspec.Struct):
    """A finished run of SFT, and the script it was launched through."""

    folder: Path
    trained: Trained
    launcher: Path


@pytest.fixture(scope="session")
def sft_run(dataset: Path, make_spec: MakeSpec, tmp_path_factory: pytest.TempPathFactory) -> SftRun:
    """The one SFT run that several tests look at: through a script that stands for `srun`, after memory ran out, on a base whose template
    leaves marks alone, and with one row more, of 300 marks."""
    folder = tmp_path_factory.mktemp("sft")
    base = folder / "base"
    shutil.copytree(STARTER, base)
    template = base / "chat_template.jinja"
    template.write_text(template.read_text("utf-8").replace(" | replace('<|', '< |')", ""), "utf-8")
    marks = {**_row(0), "prompt": [{"role": "user", "content": "<|end|>" * 300}]}
    (folder / "train.jsonl").write_text((dataset / "train.jsonl").read_text("utf-8") + json.dumps(marks) + "\n", "utf-8")
    script = folder / "srun"
    script.write_text('#!/bin/sh\necho "$@" > "$(dirname "$0")/given"\nshift\nexec "$@"\n')
    script.chmod(0o755)
    spec = make_spec("sft", base=base, rows=folder, epochs=1, max_length=512)
    run = RunFolder(folder / "run")
    run.accept(spec)
    run.note_squeeze(Squeeze(4, 2))
    trained = LocalTrainer(launcher=f"{script} --gres=gpu:1").train(run.path, spec, lambda _: None)
    return SftRun(run.path, trained, script)


@pytest.fixture
def count_attempts() -> Callable[[Path], int]:
    """Counts how often a training process began to train in a folder."""
    return attempts
