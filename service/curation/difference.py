"""What differs between two frozen datasets: rows that came, went, changed sides or changed their label; counted, never quoted."""

import hashlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from service.curation.dataset import read_manifest, rows_of
from service.curation.formats.catalog import as_line
from service.curation.rows import Form, Side

_SIDES: tuple[Side, ...] = ("train", "holdout")
_CONTENT = ("prompt", "completion", "chosen", "rejected", "text")


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """How many rows of one form came, went, stayed, moved from one side to the other, or stayed on theirs with the other label."""

    added: dict[Side, int]
    removed: dict[Side, int]
    kept: dict[Side, int]
    to_train: int
    to_holdout: int
    relabelled: int


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """From the dataset `older` to `newer` (hashes): what became of the rows of each form, and every count that changed, as (then, now)."""

    older: str
    newer: str
    forms: dict[Form, Changes]
    counts: dict[str, tuple[int, int]]

    @property
    def is_empty(self) -> bool:
        """Whether the two hold the same rows."""
        return self.older == self.newer


def compare(older: Path, newer: Path) -> Difference:
    """Compare two dataset folders. Rows are the same when their texts are, whatever their ids; of each only a digest is kept in memory."""
    then, now = read_manifest(older), read_manifest(newer)
    forms: list[Form] = ["unpaired", "pair", "passage"]
    return Difference(
        older=then.hash,
        newer=now.hash,
        forms={form: changes for form in forms if (changes := _changes(older, newer, form)) is not None},
        counts={
            name: (then.counts.get(name, 0), now.counts.get(name, 0))
            for name in sorted({*then.counts, *now.counts})
            if then.counts.get(name, 0) != now.counts.get(name, 0)
        },
    )


def as_markdown(difference: Difference) -> str:
    """A paragraph and two tables."""
    if difference.is_empty:
        return f"The same rows: {difference.older[:12]}.\n"
    lines = [f"From {difference.older[:12]} to {difference.newer[:12]}:", ""]
    lines += ["| form | added | removed | kept | to train | to holdout | label changed |", "|---|---:|---:|---:|---:|---:|---:|"]
    for form, changes in difference.forms.items():
        cells = [*map(_by_side, (changes.added, changes.removed, changes.kept)), changes.to_train, changes.to_holdout, changes.relabelled]
        lines.append(f"| {form} | {' | '.join(map(str, cells))} |")
    lines += ["", "Cells with two figures are train + holdout.", ""]
    if difference.counts:
        lines += ["| count | then | now |", "|---|---:|---:|"]
        lines += [f"| {name} | {then:,} | {now:,} |" for name, (then, now) in difference.counts.items()]
        lines.append("")
    return "\n".join(lines)


_Known = tuple[bytes, bool]
"""A digest of the texts, and the label (true where there is none)."""


def _changes(older: Path, newer: Path, form: Form) -> Changes | None:
    then, now = ({side: Counter(_known(path, side, form)) for side in _SIDES} for path in (older, newer))
    if not any(map(bool, (*then.values(), *now.values()))):
        return None
    kept = {side: then[side] & now[side] for side in _SIDES}
    gone, come = ({side: rows[side] - kept[side] for side in _SIDES} for rows in (then, now))
    to_train, to_holdout = gone["holdout"] & come["train"], gone["train"] & come["holdout"]
    gone = {"train": gone["train"] - to_holdout, "holdout": gone["holdout"] - to_train}
    come = {"train": come["train"] - to_train, "holdout": come["holdout"] - to_holdout}
    relabelled = {side: _turned(gone[side]) & come[side] for side in _SIDES}
    return Changes(
        added={side: (come[side] - relabelled[side]).total() for side in _SIDES},
        removed={side: (gone[side] - _turned(relabelled[side])).total() for side in _SIDES},
        kept={side: kept[side].total() for side in _SIDES},
        to_train=to_train.total(),
        to_holdout=to_holdout.total(),
        relabelled=sum(rows.total() for rows in relabelled.values()),
    )


def _known(path: Path, side: Side, form: Form) -> Iterator[_Known]:
    for row in rows_of(path, side, form):
        yield _digest(row), row.get("label", True)


def _digest(row: dict[str, Any]) -> bytes:
    content = as_line({name: row[name] for name in _CONTENT if name in row})
    return hashlib.blake2b(content.encode(), digest_size=16).digest()


def _turned(rows: Counter[_Known]) -> Counter[_Known]:
    """The same rows with the other label."""
    return Counter({(digest, not label): count for (digest, label), count in rows.items()})


def _by_side(counts: dict[Side, int]) -> str:
    return f"{counts['train']:,} + {counts['holdout']:,}"
