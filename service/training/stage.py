"""What one method of a run learns from: read, fitted to what the base can read, in order. No torch here."""

from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

import msgspec
from msgspec import Struct

from service.errors import TrainingError
from service.training.base import Method, RunSpec
from service.training.preflight import SEQUENCES, Load
from service.training.rows import (
    Clean,
    Message,
    Pair,
    Passage,
    Row,
    count_labels,
    cut,
    fit,
    fit_pair,
    interleave,
    read_pairs,
    read_passages,
    read_rows,
)

FILES: dict[Method, str] = {"chunks": "passages.jsonl", "sft": "train.jsonl", "kto": "train.jsonl", "dpo": "pairs.jsonl"}
"""The file of a frozen dataset that each method learns from."""

_CHARACTERS = 4  # of a token, about

_COLUMNS: dict[Method, tuple[str, ...]] = {
    "chunks": ("text",),
    "sft": ("prompt", "completion"),
    "kto": ("prompt", "completion", "label"),
    "dpo": ("prompt", "chosen", "rejected"),
}


class Material(Struct, frozen=True):
    """The rows of one method in the order in which they are trained; `left_out` were too long."""

    method: Method
    rows: Sequence[Row | Pair | Passage]
    left_out: int

    @property
    def labels(self) -> tuple[int, int]:
        """How many are liked, how many disliked."""
        return count_labels([row for row in self.rows if isinstance(row, Row)])

    @property
    def counts(self) -> dict[str, int]:
        """What there is of what, for the manifest."""
        if self.method == "chunks":
            return {"passages": len(self.rows)}
        if self.method == "dpo":
            return {"pairs": len(self.rows)}
        liked, disliked = self.labels
        return {"liked": liked, "disliked": disliked}

    def columns(self) -> list[dict[str, Any]]:
        """The rows as the training library takes them."""
        return [{name: msgspec.to_builtins(getattr(row, name)) for name in _COLUMNS[self.method]} for row in self.rows]


class Counters(Struct, frozen=True):
    """How many tokens a chat has, and a text, and how many a row may have."""

    chat: Callable[[list[Message]], int]
    text: Callable[[str], int]
    longest: int


def gather(method: Method, dataset: Path, clean: Clean, count: Counters, seed: int) -> Material:
    """What a method learns from in a frozen dataset; `TrainingError` when it is too little, or when all of it is too long."""
    file = dataset / FILES[method]
    kept: Sequence[Row | Pair | Passage]
    if method == "chunks":
        passages = read_passages(file, clean)
        pieces = [cut(passage, count.text, count.longest) for passage in passages]
        kept = _shuffled([piece for cuts in pieces for piece in cuts], seed)
        given, left_out = len(passages), sum(not cuts for cuts in pieces)
    elif method == "dpo":
        pairs = read_pairs(file, clean)
        kept = _shuffled([pair for pair in (fit_pair(each, count.chat, count.longest) for each in pairs) if pair], seed)
        given, left_out = len(pairs), len(pairs) - len(kept)
    else:
        rows = read_rows(file, method, clean)
        kept = interleave([row for row in (fit(each, count.chat, count.longest) for each in rows) if row], seed)
        given, left_out = len(rows), len(rows) - len(kept)
    material = Material(method, kept, left_out)
    if len(kept) < (1 if method == "chunks" else 2) or (method == "kto" and not all(material.labels)):
        raise TrainingError(
            f"Of {given} rows for {method.upper()} hardly any fits into {count.longest} tokens. Raise learning.budget.tokens, or take "
            "a base that can read more."
        )
    return material


def measure_load(spec: RunSpec) -> Load:
    """What a run has to go through, told from the sizes of its lines: a token has four characters or so."""
    lengths = {method: _lengths(Path(spec.dataset) / FILES[method], spec.parameters.max_length) for method in spec.methods}
    return Load(
        tokens=sum(sum(lengths[method]) * schedule.epochs * SEQUENCES[method] for method, schedule in spec.schedules.items()),
        longest=max((max(each, default=0) for each in lengths.values()), default=0),
        at_once=max((SEQUENCES[method] for method in spec.methods), default=1),
    )


def _lengths(file: Path, longest: int) -> list[int]:
    if not file.exists():
        return []
    with file.open("rb") as lines:
        return [min(longest, len(line) // _CHARACTERS + 1) for line in lines if line.strip()]


def _shuffled(rows: Sequence[Any], seed: int) -> list[Any]:
    return Random(seed).sample(list(rows), len(rows))
