"""Lines of a paragraph put together again: what was broken only for the width of the page."""

import re
from collections.abc import Set

from service.curation.transcripts.source import Line

_FEWEST_VERSES = 3
_LONGEST_VERSE = 60
_LONGEST_WORD = 100
_WORD = re.compile(r"[^\W\d_]+")
_BROKEN = re.compile(r"(?<![-–—])\b([^\W\d_]+)-$")


def words_of(lines: list[Line]) -> frozenset[str]:
    """The words of a script in small letters; they tell a word broken at a line's end from one that has a hyphen."""
    return frozenset(word.lower() for line in lines for word in _WORD.findall(line.text))


def join_lines(lines: list[str], words: Set[str]) -> str:
    """Return the lines as one. A hyphen at a line's end goes if the word is in `words` without it, and stays if not."""
    parts: list[str] = []
    last = ""
    for line in (line.strip() for line in lines):
        if last.endswith("\u00ad"):
            parts[-1] = last[:-1]
        elif (broken := _BROKEN.search(last[-_LONGEST_WORD:])) and (first := _WORD.match(line)) and first[0][0].islower():
            parts[-1] = last[:-1] if (broken[1] + first[0]).lower() in words else last
        elif last:
            parts.append(" ")
        parts.append(line)
        last = line
    return "".join(parts).replace("\u00ad", "")


def is_verse(lines: list[str], set_in: bool) -> bool:
    """Whether the lines are verses, which keep their ends: set in from the rest, or short and each with a capital at its beginning."""
    if set_in:
        return True
    letters = [re.sub(r"^\W+", "", line)[:1] for line in lines]
    short = all(len(line.strip()) <= _LONGEST_VERSE for line in lines)
    return short and len(lines) >= _FEWEST_VERSES and all(letter.isupper() for letter in letters)
