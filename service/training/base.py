"""The seam of training: what a trainer is given, what it reports, and what it hands back. No torch here.

A run is a folder. Whoever trains writes the result there last: a run asked for again after a crash finds it instead of repeating it.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable
from math import ceil, prod
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, Struct

from service.errors import TrainingError

Method = Literal["kto", "sft"]
Positive = Annotated[int, Meta(ge=1)]

_STARTER_SIZE = 5_000_000  # parameters of the model on which the learning rates were found
_FEWEST_STEPS = 60  # fewer optimizer steps than this leave hardly a trace, whatever the learning rate
_MOST_EPOCHS = 12


class Parameters(Struct, frozen=True, kw_only=True):
    """How to train. `max_length` is tokens of prompt and reply together, `beta` is KTO's, `batch` is rows per step."""

    learning_rate: Annotated[float, Meta(gt=0, le=0.1)]
    epochs: Positive
    batch: Annotated[int, Meta(ge=2)] = 8
    rank: Positive = 8
    alpha: Positive = 16
    dropout: Annotated[float, Meta(ge=0, lt=1)] = 0.0
    beta: Annotated[float, Meta(gt=0)] = 0.1
    max_length: Annotated[int, Meta(ge=16)] = 1024
    seed: int = 0


class RunSpec(Struct, frozen=True, kw_only=True):
    """One training run: the folder of the base model, the method, the JSON Lines file of rows, and the parameters.

    A row is `{"prompt": [messages], "completion": [one assistant message], "label": bool}`; other keys are left aside.
    """

    base: str
    method: Method
    train: str
    parameters: Parameters


class Progress(Struct, frozen=True, kw_only=True):
    """Where a running training stands; `seconds` since this attempt began."""

    step: int
    steps: int
    loss: float
    learning_rate: float
    seconds: float


class Trained(Struct, frozen=True, kw_only=True):
    """A finished training run; `liked`, `disliked` and `left_out` count rows (left out: too long even with a bare prompt)."""

    adapter: Path
    method: Method
    steps: int
    liked: int
    disliked: int
    left_out: int
    loss_first: float
    loss_last: float
    seconds: float


class Trainer(ABC):
    """Who trains."""

    @abstractmethod
    def train(self, folder: Path, spec: RunSpec, report: Callable[[Progress], None]) -> Trained:
        """Train what `spec` says in `folder`, blocking until it is done; call it again after a crash and it picks up where it was.

        Raises `TrainingError`, a sentence for the receipt, when there will be no adapter.
        """


def choose_method(liked: int, disliked: int, minimum: int) -> tuple[Method, str]:
    """KTO when both labels have at least `minimum` rows, otherwise SFT on the liked and corrected replies; with the reason, a sentence."""
    if min(liked, disliked) >= minimum:
        return "kto", f"KTO, because there are {liked} liked and {disliked} disliked replies, at least {minimum} of each."
    scarce = f"{liked} liked" if liked < disliked else f"{disliked} disliked"
    return "sft", f"SFT on liked and corrected replies, because KTO needs {minimum} of each label and there are only {scarce}."


def default_parameters(method: Method, base_parameters_count: int, rows: int | None = None) -> Parameters:
    """Parameters for a base of that many weights, and as many epochs as `rows` rows need to leave a trace.

    The rule for the learning rate: what was found on the starter (5 million weights), falling with the square root of the size for KTO
    and with its cube root for SFT, so that 7 billion weights get about 5e-5 and 2e-4: what is customary for LoRA at that size.
    """
    growth = max(base_parameters_count, _STARTER_SIZE) / _STARTER_SIZE
    rate = 2e-3 / growth**0.5 if method == "kto" else 2e-3 / growth ** (1 / 3)
    epochs = 2 if method == "kto" else 3
    if rows:
        epochs = min(_MOST_EPOCHS, max(epochs, ceil(_FEWEST_STEPS * 8 / rows)))
    return Parameters(learning_rate=float(f"{rate:.2g}"), epochs=epochs)


def count_parameters(base: Path) -> int:
    """How many weights a model folder holds, read from the headers of its safetensors files; `TrainingError` when it has none."""
    files = sorted(base.glob("*.safetensors"))
    if not files:
        raise TrainingError(f"There is no model in {base}: no safetensors file was found.")
    return sum(_weights_in(file) for file in files)


def _weights_in(file: Path) -> int:
    """A safetensors file opens with the length of its header (8 bytes, little endian), then the header as JSON."""
    with file.open("rb") as stream:
        header = json.loads(stream.read(int.from_bytes(stream.read(8), "little")))
    return sum(prod(tensor["shape"]) for name, tensor in header.items() if name != "__metadata__")
