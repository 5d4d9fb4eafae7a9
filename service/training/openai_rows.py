"""The rows of a frozen dataset in the form that OpenAI's fine-tuning takes, and whether they may be sent. No network here.

Forms and limits: OpenAI's API reference, "Fine-tuning", and its guides on supervised fine-tuning and direct preference optimization.
"""

import json
from collections.abc import Sequence
from math import ceil
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from service.errors import TrainingError
from service.training.base import Method
from service.training.rows import Message, read_pairs, read_rows

FEWEST = 10
"""Rows a job takes at least."""

_LARGEST = 512 * 1024**2  # bytes of one file
_LONGEST = 65_000  # tokens of one row
_CHARACTERS = 4  # of a token, about
_ROLES = {"system", "user", "assistant"}


class WireRow(Struct, frozen=True):
    """One row as it is sent, and its text for whoever must look at it first."""

    line: bytes
    text: str

    @property
    def tokens(self) -> int:
        """About how many tokens it has."""
        return ceil(len(self.text) / _CHARACTERS)


def read_wire_rows(method: Method, dataset: Path, *, holdout: bool = False) -> list[WireRow]:
    """The rows of one side for `sft` or `dpo`; none where the holdout has none. `TrainingError` for what no job would take."""
    if method == "dpo":
        file = dataset / ("holdout_pairs.jsonl" if holdout else "pairs.jsonl")
        if holdout and not _has_lines(file):
            return []
        return [_row(_preference(pair.prompt, pair.chosen, pair.rejected)) for pair in read_pairs(file)]
    file = dataset / ("holdout.jsonl" if holdout else "train.jsonl")
    if holdout and _liked_in(file) < 2:
        return []
    return [_row(_chat(row.prompt + row.completion)) for row in read_rows(file, "sft")]


def check_rows(rows: Sequence[WireRow], method: Method) -> None:
    """Raise `TrainingError` when a job would be refused: too few rows, a row too long, a file too large."""
    if len(rows) < FEWEST:
        raise TrainingError(f"{method.upper()} needs at least {FEWEST} rows here, and there are {len(rows)}. Rate more, or train locally.")
    if longest := [number for number, row in enumerate(rows, 1) if row.tokens > _LONGEST]:
        raise TrainingError(
            f"Row {longest[0]} has about {rows[longest[0] - 1].tokens} tokens; {_LONGEST} are taken. Lower learning.budget.tokens."
        )
    if (size := sum(len(row.line) + 1 for row in rows)) > _LARGEST:
        raise TrainingError(f"The rows are {size / 1024**2:.0f} MB; {_LARGEST // 1024**2} MB are taken. Lower learning.budget.samples.")


def _chat(messages: Sequence[Message]) -> dict[str, Any]:
    _check_messages(messages)
    return {"messages": msgspec.to_builtins(list(messages))}


def _preference(prompt: Sequence[Message], chosen: Sequence[Message], rejected: Sequence[Message]) -> dict[str, Any]:
    _check_messages([*prompt, *chosen])
    return {
        "input": {"messages": msgspec.to_builtins(list(prompt))},
        "preferred_output": msgspec.to_builtins(list(chosen)),
        "non_preferred_output": msgspec.to_builtins(list(rejected)),
    }


def _check_messages(messages: Sequence[Message]) -> None:
    if not messages or messages[-1].role != "assistant" or not messages[-1].content.strip():
        raise TrainingError("A row does not end with a reply that says something, so it cannot be sent.")
    if strange := {message.role for message in messages} - _ROLES:
        raise TrainingError(f"A row has a message of the role '{min(strange)}'; system, user and assistant are taken.")


def _row(document: dict[str, Any]) -> WireRow:
    said = [message["content"] for part in document.values() for message in (part["messages"] if isinstance(part, dict) else part)]
    return WireRow(json.dumps(document, separators=(",", ":")).encode(), "\n".join(said))


def _has_lines(file: Path) -> bool:
    return file.exists() and len([line for line in file.read_bytes().splitlines() if line.strip()]) >= 2


def _liked_in(file: Path) -> int:
    lines = file.read_bytes().splitlines() if file.exists() else []
    return sum(bool(json.loads(line).get("label")) for line in lines if line.strip())
