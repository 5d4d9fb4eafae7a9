"""The rows of a frozen dataset: one JSON object on one line each, as training libraries read them.

The forms are TRL's (huggingface.co/docs/trl, "Dataset formats"): `unpaired` is a prompt with one completion and its label, `pair` a prompt
with two replies, `passage` plain text. Every row also says where it came from.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

import msgspec

from service.curation.sample import Pair, Passage, Sample
from service.curation.text import make_whole
from service.errors import TrainingError
from service.personas.shelf import Message

Side = Literal["train", "holdout"]
Form = Literal["unpaired", "pair", "passage"]

FILES: dict[tuple[Side, Form], str] = {
    ("train", "unpaired"): "train.jsonl",
    ("holdout", "unpaired"): "holdout.jsonl",
    ("train", "pair"): "pairs.jsonl",
    ("holdout", "pair"): "holdout_pairs.jsonl",
    ("train", "passage"): "passages.jsonl",
    ("holdout", "passage"): "holdout_passages.jsonl",
}
"""The file of each form on each side of a dataset."""


def line_of(item: Sample | Pair | Passage) -> str:
    """One row as JSON, without the end of the line.

    ASCII only: U+2028 and its like end a line for some readers, an escape ends it for none.
    """
    return json.dumps(_row(item), separators=(",", ":"))


def iterate_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Read the rows of a file one by one; raise `TrainingError` with file and line at one that is not a JSON object."""
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                yield msgspec.json.decode(line, type=dict[str, Any])
            except msgspec.DecodeError as error:
                raise TrainingError(f"The dataset is damaged: line {number} of {path} cannot be read.") from error


def _row(item: Sample | Pair | Passage) -> dict[str, Any]:
    if isinstance(item, Passage):
        return {"text": make_whole(item.text)}
    row: dict[str, Any] = {"prompt": _messages(item.prompt)}
    if isinstance(item, Pair):
        row |= {"chosen": _reply(item.chosen), "rejected": _reply(item.rejected), "origin": item.origin}
        return row | {"exchange": item.exchange_id, "other": item.other_id, "rating": item.rating_id}
    row |= {"completion": _reply(item.completion), "label": item.label, "origin": item.origin}
    return row | {"exchange": item.exchange_id, "rating": item.rating_id}


def _messages(messages: Iterable[Message]) -> list[dict[str, str]]:
    return [{"role": message.role, "content": make_whole(message.content)} for message in messages]


def _reply(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": make_whole(text)}]
