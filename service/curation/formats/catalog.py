"""The forms in which a frozen dataset leaves: which there are, and its rows in one of them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from service.curation.dataset import rows_of
from service.curation.formats import openai, sharegpt, trl
from service.curation.formats.base import Format
from service.curation.rows import Side
from service.errors import NotFound

FORMATS: dict[str, Format] = {
    "trl-sft": trl.SFT,
    "trl-kto": trl.KTO,
    "trl-dpo": trl.DPO,
    "trl-lm": trl.LM,
    "openai-sft": openai.SFT,
    "openai-dpo": openai.DPO,
    "sharegpt": sharegpt.SHAREGPT,
}


def export(path: Path, name: str, side: Side = "train") -> Iterator[dict[str, Any]]:
    """The rows of one side of the dataset in `path`, in the form of that name, one by one; raise `NotFound` for an unknown form."""
    chosen = find_format(name)
    return (row for row in map(chosen.convert, rows_of(path, side, chosen.form)) if row is not None)


def remark(path: Path, name: str, side: Side = "train") -> list[str]:
    """What the reader of that form would object to, in sentences. It reads the rows once."""
    return list(find_format(name).remark(export(path, name, side)))


def as_line(row: dict[str, Any]) -> str:
    """A row as JSON, ASCII only, without the end of the line."""
    return json.dumps(row, separators=(",", ":"))


def find_format(name: str) -> Format:
    """The form of that name; raise `NotFound` naming those there are."""
    try:
        return FORMATS[name]
    except KeyError:
        raise NotFound(f"There is no format '{name}'. There are: {', '.join(FORMATS)}.") from None
