"""The seam of training: what a trainer is given, what it reports, and what it hands back. No torch here.

A run is a folder. Whoever trains writes the result there last: a run asked for again after a crash finds it instead of repeating it.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from math import prod
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, Struct

from service.errors import TrainingError

Method = Literal["chunks", "sft", "kto", "dpo"]
"""`chunks` learns passages as plain language, `sft` imitates liked replies, `kto` learns from single thumbs, `dpo` from pairs."""

METHODS: tuple[Method, ...] = ("chunks", "sft", "kto", "dpo")

Positive = Annotated[int, Meta(ge=1)]


class Schedule(Struct, frozen=True, kw_only=True):
    """How long and how fast one method trains; `beta` is KTO's and DPO's: how dearly a step away from the base is paid."""

    learning_rate: Annotated[float, Meta(gt=0, le=0.1)]
    epochs: Positive
    beta: Annotated[float, Meta(gt=0, le=2)] = 0.1


class Parameters(Struct, frozen=True, kw_only=True):
    """What holds for all methods of a run. `max_length` is tokens of prompt and reply together, `batch` is rows per step.

    `rank`, `alpha` and `dropout` are LoRA's. `quantization` is how the base's weights are held; `auto` and a checkpointing of None are
    settled before training begins, by what fits (`preflight.py`).
    """

    batch: Annotated[int, Meta(ge=2)] = 8
    rank: Positive = 8
    alpha: Positive = 16
    dropout: Annotated[float, Meta(ge=0, lt=1)] = 0.0
    max_length: Annotated[int, Meta(ge=16)] = 1024
    seed: int = 0
    quantization: Literal["auto", "none", "8bit", "4bit"] = "auto"
    gradient_checkpointing: bool | None = None


class RunSpec(Struct, frozen=True, kw_only=True):
    """One training run: `base` is the folder of a model, or its name where somebody else trains; `dataset` a frozen dataset's folder.

    `schedules` are trained in their order, one after the other, into the same adapter. `name` is what the result will be called.
    """

    run_id: str
    base: str
    dataset: str
    schedules: dict[Method, Schedule]
    parameters: Parameters
    name: str = ""

    @property
    def methods(self) -> list[Method]:
        """The methods in their order."""
        return list(self.schedules)


class Progress(Struct, frozen=True, kw_only=True):
    """Where a running training stands, in steps over all its methods; `seconds` since this attempt began. What is not known is None."""

    method: Method
    step: int
    steps: int
    loss: float | None = None
    learning_rate: float | None = None
    seconds: float = 0.0
    tokens_per_second: float | None = None
    eta_seconds: float | None = None
    memory_bytes: int | None = None


class Trained(Struct, frozen=True, kw_only=True):
    """A finished training run: an adapter's folder, or the model's name where somebody else keeps it.

    `rows` counts what was learned from, by kind, and `left_out` (too long even with a bare prompt). `notes` are sentences for the receipt.
    """

    adapter: Path | None
    model: str | None
    methods: list[Method]
    steps: int
    rows: dict[str, int]
    loss_first: float | None
    loss_last: float | None
    seconds: float
    tokens: int | None = None
    dollars: float | None = None
    notes: list[str] = []


class Estimate(Struct, frozen=True, kw_only=True):
    """What a run is expected to take, before it begins; `words` is a sentence that says so. What cannot be said is None."""

    words: str
    tokens: int | None = None
    memory_bytes: int | None = None
    available_bytes: int | None = None
    seconds: float | None = None
    disk_bytes: int | None = None
    dollars: float | None = None


def _never() -> bool:
    return False


class Trainer(ABC):
    """Who trains."""

    @abstractmethod
    def estimate(self, spec: RunSpec) -> Estimate:
        """What the run will take; raise `TrainingError` when it cannot be done, naming the nearest setting with which it can."""

    @abstractmethod
    def train(self, folder: Path, spec: RunSpec, report: Callable[[Progress], None], is_stopped: Callable[[], bool] = _never) -> Trained:
        """Train what `spec` says in `folder`, blocking until it is done; call it again after a crash and it picks up where it was.

        Raises `TrainingError`, a sentence for the receipt, when there will be no result; `TrainingStopped` once `is_stopped` said so.
        """

    @abstractmethod
    def stop(self) -> None:
        """Let go of every run, as the process is about to end; each can be taken up again later. Meant for a signal handler too."""


def count_parameters(base: Path) -> int:
    """How many weights a model folder holds; `TrainingError` when it has none."""
    return sum(prod(shape) for shape in tensor_shapes(base).values())


def tensor_shapes(base: Path) -> dict[str, list[int]]:
    """The shape of every tensor of a model folder, read from the headers of its safetensors files; `TrainingError` when it has none."""
    shapes = {name: shape for file in sorted(base.glob("*.safetensors")) for name, shape in _shapes_in(file)}
    if not shapes:
        raise TrainingError(f"There is no model in {base}: no safetensors file was found.")
    return shapes


def _shapes_in(file: Path) -> Iterator[tuple[str, list[int]]]:
    """A safetensors file opens with the length of its header (8 bytes, little endian), then the header as JSON."""
    with file.open("rb") as stream:
        header = json.loads(stream.read(int.from_bytes(stream.read(8), "little")))
    yield from ((name, tensor["shape"]) for name, tensor in header.items() if name != "__metadata__")
