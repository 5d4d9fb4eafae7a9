"""The keys of a lorebook's entries: plain words, whole words or regular expressions, looked for in what was said.

Regular expressions are written by whoever wrote the card, and some take forever. So each search has a time limit, all searches of one
exchange have one together, and a pattern that would take much memory is never compiled.
"""

import math
import re
import time
from collections.abc import Sequence
from typing import Any

import msgspec
import regex
import structlog

log = structlog.get_logger()

_SLASHED = re.compile(r"/(?P<pattern>.+)/(?P<flags>[a-z]*)", re.DOTALL)
_FLAGS = {"i": regex.IGNORECASE, "m": regex.MULTILINE, "s": regex.DOTALL}
_REPETITION = re.compile(r"\{([0-9]*)(?:,([0-9]*))?\}")
_LONGEST_PATTERN = 1_000
_MOST_REPETITIONS = 10_000
_LONGEST_SEARCH = 0.02
_ALL_SEARCHES = 0.1


class Keys(msgspec.Struct, frozen=True):
    """Keys of which one has to be found: texts to be contained as they are or in small letters (`folded`), and patterns.

    Only `slow` patterns have a time limit.
    """

    folded: tuple[str, ...] = ()
    exact: tuple[str, ...] = ()
    patterns: tuple[Any, ...] = ()
    slow: tuple[Any, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.folded or self.exact or self.patterns or self.slow)


class Patience:
    """The time, in seconds, that is left for the slow patterns of one exchange."""

    def __init__(self) -> None:
        self.left = _ALL_SEARCHES


class Scan:
    """A text in which keys are looked for."""

    def __init__(self, text: str, patience: Patience) -> None:
        self._text = text
        self._folded = text.casefold()
        self._patience = patience

    def holds_any(self, keys: Keys) -> bool:
        """Whether one of the keys is found."""
        return (
            any(map(self._folded.__contains__, keys.folded))
            or any(map(self._text.__contains__, keys.exact))
            or any(pattern.search(self._text) for pattern in keys.patterns)
            or any(self._search(pattern) for pattern in keys.slow)
        )

    def _search(self, pattern: Any) -> bool:
        left = min(self._patience.left, _LONGEST_SEARCH)
        if left <= 0:
            return False
        began = time.monotonic()
        try:
            return pattern.search(self._text, timeout=left) is not None
        except TimeoutError:
            log.warning("lorebook_pattern_slow", pattern=pattern.pattern[:80])
            return False
        finally:
            self._patience.left -= time.monotonic() - began


def plain_keys(texts: Sequence[str], case_sensitive: bool, whole_words: bool = False) -> Keys:
    """Keys that are contained in what was said; blank ones would be contained in everything and are left out."""
    keys = [text.strip() for text in texts if text.strip()]
    if whole_words:
        flags = 0 if case_sensitive else re.IGNORECASE
        return Keys(patterns=tuple(re.compile(rf"(?<!\w){re.escape(key)}(?!\w)", flags) for key in keys))
    return Keys(exact=tuple(keys)) if case_sensitive else Keys(folded=tuple(key.casefold() for key in keys))


def pattern_keys(texts: Sequence[str], case_sensitive: bool) -> Keys:
    """Keys that are patterns, `written so` or `/so/i`; those that are none, or could not be held in memory, find nothing."""
    return Keys(slow=tuple(pattern for text in texts if (pattern := _compiled(text, case_sensitive))))


def _compiled(text: str, case_sensitive: bool) -> Any:
    slashed = _SLASHED.fullmatch(text.strip())
    source = slashed["pattern"] if slashed else text
    flags = 0 if case_sensitive else regex.IGNORECASE
    if slashed:
        flags = sum(_FLAGS[flag] for flag in set(slashed["flags"]) & set(_FLAGS))
    if not source.strip() or len(source) > _LONGEST_PATTERN or _repetitions(source) > _MOST_REPETITIONS:
        return None
    try:
        return regex.compile(source, flags)
    except (regex.error, RecursionError, OverflowError, ValueError):
        return None


def _repetitions(pattern: str) -> int:
    """How often the innermost part of a pattern might be written out, as if all its `{m,n}` stood within each other."""
    return math.prod(max(1, *(int(number or 1) for number in match.groups(""))) for match in _REPETITION.finditer(pattern))
