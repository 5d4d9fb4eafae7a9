"""Freezing a dataset: a folder named by the hash of what is in it, written once and never changed."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from service.curation.sample import Sample, content_hash
from service.curation.text import make_whole
from service.errors import TrainingError
from service.personas.persona import Minimum

_MANIFEST = "manifest.json"


class Frozen(msgspec.Struct, frozen=True, kw_only=True):
    """A dataset on disk: `path` is its folder, `counts` what `count_samples` says of each split, such as `train_liked`."""

    hash: str
    path: Path
    counts: dict[str, int]

    @property
    def train(self) -> Path:
        """The rows to train on."""
        return self.path / "train.jsonl"

    @property
    def holdout(self) -> Path:
        """The rows to judge by."""
        return self.path / "holdout.jsonl"


def freeze(folder: Path, train: Sequence[Sample], holdout: Sequence[Sample]) -> Frozen:
    """Write `train.jsonl`, `holdout.jsonl`, then `manifest.json` to `<folder>/<hash>`, and return what lies there.

    A dataset that is there already is left as it is. The hash covers the content and its split, not the ids of the rows: where each
    sample came from this time is for the lineage rows to say. Only a whole dataset ever bears its name: it is written beside it,
    as `<hash>.partial`, reaches the disk, and is renamed; what a killed process left there is written anew.
    """
    name = _dataset_hash(train, holdout)
    path = folder / name
    if not (path / _MANIFEST).exists():
        counts = {f"{split}_{key}": count for split, part in _splits(train, holdout) for key, count in count_samples(part).items()}
        partial = folder / f"{name}.partial"
        for left in (partial, path):
            shutil.rmtree(left, ignore_errors=True)
        partial.mkdir(parents=True)
        for split, part in _splits(train, holdout):
            _write(partial / f"{split}.jsonl", (_line(sample) for sample in part))
        manifest = {"hash": name, "counts": counts, "made_at": datetime.now(UTC).isoformat(timespec="seconds")}
        _write(partial / _MANIFEST, [json.dumps(manifest, indent=1)])
        partial.rename(path)
        _sync(folder)
    return Frozen(hash=name, path=path, counts=json.loads((path / _MANIFEST).read_bytes())["counts"])


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Read the rows of a frozen split; raise `TrainingError` with file and line when one is not a JSON object."""
    rows: list[dict[str, Any]] = []
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                rows.append(msgspec.json.decode(line, type=dict[str, Any]))
            except msgspec.DecodeError as error:
                raise TrainingError(f"The dataset is damaged: line {number} of {path} cannot be read.") from error
    return rows


def count_samples(samples: Iterable[Sample]) -> dict[str, int]:
    """Count by label and origin. `liked` and `disliked` are people's words: a seed is counted as `seed` only, a correction as liked too."""
    counts = dict.fromkeys(("samples", "liked", "disliked", "rated", "corrected", "seed"), 0)
    for sample in samples:
        counts["samples"] += 1
        counts[sample.origin] += 1
        if sample.origin != "seed":
            counts["liked" if sample.label else "disliked"] += 1
    return counts


def ready(train_counts: dict[str, int], minimum: Minimum) -> str | None:
    """Return None when there is enough to train on, otherwise a sentence that says what is missing.

    `train_counts` is `count_samples(train)`. Only `minimum.liked` decides: below `minimum.each_label` a night can still learn from
    the liked replies alone.
    """
    liked, needed = train_counts["liked"], minimum.liked
    if liked >= needed:
        return None
    there = "is 1 liked reply" if liked == 1 else f"are {liked} liked replies"
    return f"There {there} to train on, {needed} {'is' if needed == 1 else 'are'} needed (the held-out ones and the seeds do not count)."


def _splits(train: Sequence[Sample], holdout: Sequence[Sample]) -> tuple[tuple[str, Sequence[Sample]], ...]:
    return (("train", train), ("holdout", holdout))


def _dataset_hash(train: Sequence[Sample], holdout: Sequence[Sample]) -> str:
    lines = sorted(f"{split} {content_hash(sample)}\n" for split, part in _splits(train, holdout) for sample in part)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _line(sample: Sample) -> str:
    """One row in TRL's conversational form for unpaired preferences (huggingface.co/docs/trl, "Dataset formats"), and its origin.

    ASCII only: U+2028 and its like end a line for some readers, an escape ends it for none.
    """
    row = {
        "prompt": [{"role": message.role, "content": make_whole(message.content)} for message in sample.prompt],
        "completion": [{"role": "assistant", "content": make_whole(sample.completion)}],
        "label": sample.label,
        "origin": sample.origin,
        "exchange": sample.exchange_id,
        "rating": sample.rating_id,
    }
    return json.dumps(row, separators=(",", ":"))


def _write(path: Path, lines: Iterable[str]) -> None:
    with path.open("w", encoding="ascii", newline="\n") as file:
        file.writelines(f"{line}\n" for line in lines)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    """Make a renaming in `folder` outlive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
