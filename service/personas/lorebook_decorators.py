"""The decorators at the head of a lorebook entry's content: `@@name value` lines, each with `@@@name value` lines to fall back to.

Decorators that mean nothing here are passed over, and so are their values that cannot be: then the fallback counts, if there is one.
"""

import re
from collections.abc import Callable
from typing import Any

_LINE = re.compile(r"(?P<marks>@@@?)(?P<name>[A-Za-z_]+)(?P<value>(?:[ \t].*)?)")
_POSITIONS = {"before_desc": "before_char", "after_desc": "after_char", "personality": "after_char", "scenario": "after_char"}


def split_decorators(content: str) -> tuple[dict[str, Any], str]:
    """The decorators that count, by name, with their values, and the content without any."""
    found: dict[str, Any] = {}
    lines = content.split("\n")
    settled = True  # Whether the last decorator, or one of its fallbacks, counts.
    for place, text in enumerate(lines):
        line = _LINE.fullmatch(text)
        if line is None and text.strip():
            return found, "\n".join(lines[place:]).strip()
        if line is None or (line["marks"] == "@@@" and settled):
            continue
        value = _read(line["name"], line["value"].strip())
        settled = value is not None
        if settled:
            found.setdefault(line["name"], value)
    return found, ""


def _read(name: str, value: str) -> Any:
    """What the decorator says; None when nothing that is known here."""
    return _READERS[name](value) if name in _READERS else None


def _number(value: str) -> int | None:
    return int(value) if re.fullmatch(r"-?[0-9]{1,9}", value) else None


def _positive(value: str) -> int | None:
    number = _number(value)
    return number if number and number > 0 else None


def _flag(value: str) -> bool | None:
    return None if value == "false" else True


def _words(value: str) -> list[str] | None:
    return [word.strip() for word in value.split(",") if word.strip()] or None


def _role(value: str) -> str | None:
    return value if value in {"system", "user", "assistant"} else None


_READERS: dict[str, Callable[[str], Any]] = {
    "activate": _flag,
    "dont_activate": _flag,
    "keep_activate_after_match": _flag,
    "activate_only_after": _number,
    "activate_only_every": _positive,
    "is_greeting": _number,
    "scan_depth": _number,
    "additional_keys": _words,
    "exclude_keys": _words,
    "depth": _number,
    "role": _role,
    "position": _POSITIONS.get,
}
