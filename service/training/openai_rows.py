"""The rows of a frozen dataset in the form that OpenAI's fine-tuning takes, and whether they may be sent. No network here.

Forms and limits: OpenAI's API reference, "Fine-tuning", and its guides on supervised fine-tuning and direct preference optimization.
"""

import json
from collections.abc import Sequence
from math import ceil
from pathlib import Path
from typing import Any

from msgspec import Struct

from service.errors import TrainingError
from service.training.base import Method
from service.training.rows import Message, Pair, Row, read_pairs, read_rows

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
        pairs = [] if holdout and not _has_lines(file) else read_pairs(file)
        _check_messages([[*pair.prompt, *reply] for pair in pairs for reply in (pair.chosen, pair.rejected)])
        return [_row(_preference(pair)) for pair in pairs]
    file = dataset / ("holdout.jsonl" if holdout else "train.jsonl")
    rows = [] if holdout and _liked_in(file) < 2 else read_rows(file, "sft")
    _check_messages([[*row.prompt, *row.completion] for row in rows])
    return [_row(_chat(row)) for row in rows]


def check_rows(rows: Sequence[WireRow], method: Method) -> None:
    """Raise `TrainingError` when a job would be refused: too few rows, a row too long, a file too large."""
    if len(rows) < FEWEST:
        raise TrainingError(f"{method.upper()} needs at least {FEWEST} rows here, and there are {len(rows)}. Rate more, or train locally.")
    check_sizes(rows)


def check_sizes(rows: Sequence[WireRow]) -> None:
    """Raise `TrainingError` when a file of these rows would be refused: a row too long, the file too large."""
    if long := [row.tokens for row in rows if row.tokens > _LONGEST]:
        raise TrainingError(
            f"{len(long)} of {len(rows)} rows are longer than {_LONGEST} tokens, the longest about {max(long)}. Lower "
            "learning.budget.tokens."
        )
    if (size := sum(len(row.line) + 1 for row in rows)) > _LARGEST:
        raise TrainingError(f"The rows are {size / 1024**2:.0f} MB; {_LARGEST // 1024**2} MB are taken. Lower learning.budget.samples.")


def _chat(row: Row) -> dict[str, Any]:
    """Only the last reply of a chat was rated. All its replies are learned unless their weight is 0, so the earlier ones have that."""
    return {"messages": [*(_message(message, weight=0) for message in row.prompt), *map(_message, row.completion)]}


def _preference(pair: Pair) -> dict[str, Any]:
    return {
        "input": {"messages": list(map(_message, pair.prompt))},
        "preferred_output": list(map(_message, pair.chosen)),
        "non_preferred_output": list(map(_message, pair.rejected)),
    }


def _message(message: Message, weight: int | None = None) -> dict[str, Any]:
    plain = {"role": message.role, "content": message.content}
    return plain if weight is None or message.role != "assistant" else plain | {"weight": weight}


def _check_messages(chats: Sequence[Sequence[Message]]) -> None:
    mute = sum(not chat or chat[-1].role != "assistant" or not all(message.content.strip() for message in chat) for chat in chats)
    if mute:
        raise TrainingError(
            f"{mute} of {len(chats)} chats do not end with a reply or have an empty message, so they cannot be sent. Set "
            "learning.trainer to local, which takes them."
        )
    strange = [min(other) for chat in chats if (other := {message.role for message in chat} - _ROLES)]
    if strange:
        raise TrainingError(
            f"{len(strange)} of {len(chats)} chats have a message of the role '{strange[0]}'; system, user and assistant are taken. Set "
            "learning.trainer to local, which takes them."
        )


def _row(document: dict[str, Any]) -> WireRow:
    said = [message["content"] for part in document.values() for message in (part["messages"] if isinstance(part, dict) else part)]
    return WireRow(json.dumps(document, separators=(",", ":")).encode(), "\n".join(said))


def _has_lines(file: Path) -> bool:
    return file.exists() and len([line for line in file.read_bytes().splitlines() if line.strip()]) >= 2


def _liked_in(file: Path) -> int:
    lines = file.read_bytes().splitlines() if file.exists() else []
    return sum(bool(json.loads(line).get("label")) for line in lines if line.strip())
