"""Markdown from plain values: tables, and whatever a scorecard holds, section by section."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_MARKS = str.maketrans({mark: f"\\{mark}" for mark in "\\`*[]<>|"})
_FIRST = ("holdout", "gain", "accuracy", "probes", "candidate", "champion")
_MOST_DEEP = 4


def said(text: str) -> str:
    """A text on one line, with nothing in it that Markdown would act upon: it may hold anybody's words."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split()).translate(_MARKS)


def heading(title: str) -> str:
    """A heading below those of the page."""
    return f"### {said(title.replace('_', ' ').capitalize())}"


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[str]:
    """A table, numbers to the right; nothing when there are no rows."""
    if not rows:
        return []
    numbers = [all(isinstance(row[place], int | float) for row in rows) for place in range(len(columns))]
    lines = [f"| {' | '.join(said(column) for column in columns)} |", f"|{'|'.join('---:' if each else '---' for each in numbers)}|"]
    return [*lines, *(f"| {' | '.join(said(as_value(cell)) for cell in row)} |" for row in rows)]


def as_value(value: Any) -> str:
    """A value in a cell: numbers short, an interval as `value (low to high)`, lists and small tables in words."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.4g}" if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return _interval(value) if _is_interval(value) else ", ".join(f"{name} {as_value(each)}" for name, each in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(as_value(each) for each in value)
    return str(value)


def sections(card: Mapping[str, Any]) -> Iterator[str]:
    """A scorecard: a heading for each section, the known ones first. Sides of one shape, such as candidate and champion, are one table."""
    names = [*(name for name in _FIRST if name in card), *(name for name in card if name not in _FIRST)]
    sides = [name for name in ("candidate", "champion") if isinstance(card.get(name), Mapping)]
    if len(sides) == 2 and set(card["candidate"]) == set(card["champion"]):
        names = [name for name in names if name not in sides]
        yield from (heading("text"), "")
        yield from table(("measure", *sides), [(name, *(card[side][name] for side in sides)) for name in card["candidate"]])
        yield ""
    for name in names:
        if card[name] not in (None, {}, []):
            yield from (heading(name), "")
            yield from _section(card[name], 1)


def _section(value: Any, depth: int) -> Iterator[str]:
    """A table of what is plain, then a table for each part that is not."""
    if isinstance(value, Mapping) and not _is_interval(value) and depth < _MOST_DEEP:
        parts = {name: each for name, each in value.items() if _is_table(each)}
        plain = [(name.replace("_", " "), as_value(each)) for name, each in value.items() if name not in parts and each is not None]
        yield from table(("measure", "value"), plain)
        yield ""
        for name, part in parts.items():
            yield from (f"{said(name.replace('_', ' ').capitalize())}:", "")
            yield from _part(part, depth)
    elif _is_table(value):
        yield from _part(value, depth)
    else:
        yield from (said(as_value(value)), "")


def _part(part: Any, depth: int) -> Iterator[str]:
    """Rows of one shape as one table; of a mapping the names come first. What has no shape in common goes on as a section."""
    named = isinstance(part, Mapping)
    rows = list(part.values()) if named else list(part)
    columns = list(dict.fromkeys(name for row in rows if isinstance(row, Mapping) for name in row))
    if columns and all(isinstance(row, Mapping) and not _is_interval(row) for row in rows):
        first = [[name] for name in part] if named else [[] for _ in rows]
        cells = [[*start, *(row.get(name) for name in columns)] for start, row in zip(first, rows, strict=True)]
        yield from table([*(["about"] if named else []), *(name.replace("_", " ") for name in columns)], cells)
        yield ""
    elif named:
        yield from _section(part, depth + 1)
    else:
        yield from (said(as_value(part)), "")


def _is_table(value: Any) -> bool:
    """Whether it takes more than a cell: a mapping that is no interval, or a list of mappings."""
    if isinstance(value, Mapping):
        return bool(value) and not _is_interval(value)
    return isinstance(value, Sequence) and not isinstance(value, str) and any(isinstance(each, Mapping) for each in value)


def _is_interval(value: Mapping[str, Any]) -> bool:
    return {"value", "low", "high"} <= set(value)


def _interval(value: Mapping[str, Any]) -> str:
    if value["value"] is None:
        return value.get("why") or "not measured"
    ends = [value["low"], value["high"]]
    if any(end is None or not math.isfinite(end) for end in ends):
        why = f", {value['why']}" if value.get("why") else ""
        return f"{value['value']:+.3f} (no interval{why})"
    return f"{value['value']:+.3f} (95 % interval {ends[0]:+.3f} to {ends[1]:+.3f})"
