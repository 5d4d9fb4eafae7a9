"""Lines of a paragraph put together again: what was broken only for the width of the page."""

import re
from collections.abc import Set

from service.curation.transcripts.source import Line

_FEWEST_VERSES = 3
_LONGEST_VERSE = 60
_WORD = re.compile(r"[^\W\d_]+")
_BROKEN = re.compile(r"(?<![-–—])\b([^\W\d_]+)-$")


def words_of(lines: list[Line]) -> frozenset[str]:
    """The words of a script in small letters; they tell a word broken at a line's end from one that has a hyphen."""
    return frozenset(word.lower() for line in lines for word in _WORD.findall(line.text))


def join_lines(lines: list[str], words: Set[str]) -> str:
    """Return the lines as one. A hyphen at a line's end goes if the word is in `words` without it, and stays if not."""
    text = ""
    for line in (line.strip() for line in lines):
        if text.endswith("\u00ad"):
            text = text[:-1] + line
        elif (broken := _BROKEN.search(text)) and (first := _WORD.match(line)) and first[0][0].islower():
            text = (text[:-1] if (broken[1] + first[0]).lower() in words else text) + line
        else:
            text = f"{text} {line}" if text else line
    return text.replace("\u00ad", "")


def is_verse(lines: list[str], set_in: bool) -> bool:
    """Whether the lines are verses, which keep their ends: set in from the rest, or short and each with a capital at its beginning."""
    if set_in:
        return True
    letters = [re.sub(r"^\W+", "", line)[:1] for line in lines]
    short = all(len(line.strip()) <= _LONGEST_VERSE for line in lines)
    return short and len(lines) >= _FEWEST_VERSES and all(letter.isupper() for letter in letters)
