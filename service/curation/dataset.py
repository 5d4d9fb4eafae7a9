"""Freezing a dataset: a folder named by the hash of what is in it, written once and never changed."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from service.curation.rows import FILES, Form, Side, iterate_rows, line_of
from service.curation.sample import Pair, Passage, Sample, Split, content_hash, pair_hash, passage_hash
from service.errors import TrainingError
from service.personas.persona import Minimum

_MANIFEST = "manifest.json"
_FROZEN = 0o444
"""Nobody changes a frozen file by mistake; to delete a dataset, its folder is what must be writable."""

_RATED = frozenset({"rated", "corrected", "imported"})
"""The origins whose label is somebody's word on a reply."""


class FrozenFile(msgspec.Struct, frozen=True):
    """One file of a dataset as it was written."""

    rows: int
    bytes: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What `manifest.json` says. `about` is how the dataset came to be; datasets of equal content can differ in it, and in `made_at`."""

    hash: str
    counts: dict[str, int]
    made_at: str
    files: dict[str, FrozenFile] = {}
    about: dict[str, Any] = {}


class Frozen(msgspec.Struct, frozen=True, kw_only=True):
    """A dataset on disk: `path` is its folder, `counts` what `count_split` says of each side, such as `train_liked`."""

    hash: str
    path: Path
    counts: dict[str, int]

    @property
    def train(self) -> Path:
        """The rows to train on."""
        return self.path / FILES["train", "unpaired"]

    @property
    def holdout(self) -> Path:
        """The rows to judge by."""
        return self.path / FILES["holdout", "unpaired"]


def freeze(
    folder: Path, train: Split | Sequence[Sample], holdout: Split | Sequence[Sample], about: Mapping[str, Any] | None = None
) -> Frozen:
    """Write a file per side and form, then `manifest.json`, to `<folder>/<hash>`, and return what lies there.

    A dataset that is there already is left as it is. The hash covers the content and its side, neither the ids of the rows nor `about`:
    where each sample came from this time is for the lineage rows to say. Only a whole dataset ever bears its name: it is written beside
    it, as `<hash>.partial`, reaches the disk, and is renamed; what a killed process left there is written anew.
    """
    sides: dict[Side, Split] = {"train": _split(train), "holdout": _split(holdout)}
    name = _dataset_hash(sides)
    path = folder / name
    if not (path / _MANIFEST).exists():
        partial = folder / f"{name}.partial"
        for left in (partial, path):
            shutil.rmtree(left, ignore_errors=True)
        partial.mkdir(parents=True)
        files = {FILES[side, form]: _write(partial / FILES[side, form], map(line_of, items)) for side, form, items in _parts(sides)}
        counts = {f"{side}_{key}": count for side, split in sides.items() for key, count in count_split(split).items()}
        manifest = Manifest(
            hash=name, counts=counts, made_at=datetime.now(UTC).isoformat(timespec="seconds"), files=files, about=dict(about or {})
        )
        _write(partial / _MANIFEST, [json.dumps(msgspec.to_builtins(manifest), indent=1)])
        partial.rename(path)
        _sync(folder)
    return Frozen(hash=name, path=path, counts=read_manifest(path).counts)


def read_manifest(path: Path) -> Manifest:
    """What the manifest in the dataset's folder says; raise `TrainingError` when it is not there or cannot be read."""
    try:
        return msgspec.json.decode((path / _MANIFEST).read_bytes(), type=Manifest)
    except (OSError, msgspec.DecodeError) as error:
        raise TrainingError(f"There is no whole dataset in {path}: {_MANIFEST} is missing or damaged.") from error


def rows_of(path: Path, side: Side, form: Form = "unpaired") -> Iterator[dict[str, Any]]:
    """The rows of one side and form of a frozen dataset, read as they are asked for; a file the manifest does not know has none."""
    name = FILES[side, form]
    if name in read_manifest(path).files or (path / name).exists():
        try:
            yield from iterate_rows(path / name)
        except OSError as error:
            raise TrainingError(f"The dataset is damaged: {path / name} cannot be read.") from error


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Read all rows of a file; raise `TrainingError` with file and line when one is not a JSON object."""
    return list(iterate_rows(path))


def find_damage(path: Path) -> list[str]:
    """The names of the files that are not as the manifest says: changed, cut short or gone."""
    return [name for name, known in read_manifest(path).files.items() if _digest(path / name) != known.sha256]


def attach(path: Path, name: str, text: str) -> None:
    """Put a document beside the rows, such as `datasheet.md`, whole or not at all; one that is there stays."""
    if not (path / name).exists():
        partial = path / f"{name}.partial"
        partial.write_text(text, encoding="utf-8", newline="\n")
        partial.chmod(_FROZEN)
        partial.replace(path / name)


def count_split(split: Split) -> dict[str, int]:
    """`count_samples`, and how many `pairs` and `passages` there are."""
    return count_samples(split.samples) | {"pairs": len(split.pairs), "passages": len(split.passages)}


def count_samples(samples: Iterable[Sample]) -> dict[str, int]:
    """Count by label and origin; origins besides the first three are named when there are any.

    `liked` and `disliked` are what people said of replies: rated, corrected (liked too) and imported ones. What the owner or a model
    wrote is counted under its origin only.
    """
    counts = dict.fromkeys(("samples", "liked", "disliked", "rated", "corrected", "seed"), 0)
    for sample in samples:
        counts["samples"] += 1
        counts[sample.origin] = counts.get(sample.origin, 0) + 1
        if sample.origin in _RATED:
            counts["liked" if sample.label else "disliked"] += 1
    return counts


def ready(train_counts: Mapping[str, int], minimum: Minimum) -> str | None:
    """Return None when there is enough to train on, otherwise a sentence that says what is missing.

    `train_counts` is `count_samples` of the samples trained on. Only `minimum.liked` decides: below `minimum.each_label` a night can
    still learn from the liked replies alone.
    """
    liked, needed = train_counts["liked"], minimum.liked
    if liked >= needed:
        return None
    there = "is 1 liked reply" if liked == 1 else f"are {liked} liked replies"
    return f"There {there} to train on, {needed} {'is' if needed == 1 else 'are'} needed (the held-out ones and the seeds do not count)."


def _split(given: Split | Sequence[Sample]) -> Split:
    return given if isinstance(given, Split) else Split(samples=tuple(given))


def _parts(sides: Mapping[Side, Split]) -> Iterator[tuple[Side, Form, Sequence[Sample | Pair | Passage]]]:
    for side, split in sides.items():
        yield side, "unpaired", split.samples
        yield side, "pair", split.pairs
        yield side, "passage", split.passages


def _dataset_hash(sides: Mapping[Side, Split]) -> str:
    lines = [f"{side} {_hash(item)}\n" for side, _, items in _parts(sides) for item in items]
    digest = hashlib.sha256()
    for line in sorted(lines):
        digest.update(line.encode())
    return digest.hexdigest()


def _hash(item: Sample | Pair | Passage) -> str:
    if isinstance(item, Sample):
        return content_hash(item)
    return pair_hash(item) if isinstance(item, Pair) else passage_hash(item)


def _write(path: Path, lines: Iterable[str]) -> FrozenFile:
    digest, rows, size = hashlib.sha256(), 0, 0
    with path.open("wb") as file:
        for line in lines:
            data = f"{line}\n".encode("ascii")
            digest.update(data)
            rows, size = rows + 1, size + file.write(data)
        file.flush()
        os.fsync(file.fileno())
    path.chmod(_FROZEN)
    return FrozenFile(rows, size, digest.hexdigest())


def _digest(path: Path) -> str:
    with suppress(OSError), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
    return ""


def _sync(folder: Path) -> None:
    """Make a renaming in `folder` outlive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
