"""The words of a text: told apart, cut to their stems, and the many that say little set aside."""

import re
from pathlib import Path

from service.curation.text import make_whole, normalise

_FILE = Path(__file__).with_name("stop_words.txt")
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_MARK = re.compile(r"\S")
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff]{2,}")
_ENDINGS = ("ing", "ed", "es", "s")
_VOWEL = re.compile(r"[aeiouy]")
_SHORTEST_STEM = 3


def _read() -> frozenset[str]:
    lines = _FILE.read_text(encoding="utf-8").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())


STOP_WORDS = _read()
"""Words that say little about what a text is about, in small letters with straight apostrophes."""


def words_of(text: str) -> list[str]:
    """The words in small letters, with straight apostrophes and without punctuation.

    Of a run of characters that sets no words apart (Chinese, Japanese, Thai), every two that stand together are a word. A text without
    any word, as one of emoji, gives its single characters.
    """
    folded = normalise(make_whole(text)).replace("’", "'")
    words = _WORD.findall(folded)
    if not folded.isascii():
        words = [part for word in words for part in _parts(word)]
    return words or _MARK.findall(folded)


def stem(word: str) -> str:
    """The word without a possessive and without one of the commonest English endings: what is left need not be a word.

    Much less than Porter 1980 does, and about as good for telling topics apart; other languages lose no more than a last "s" or "es".
    """
    if "'" in word:
        word = word.partition("'")[0] or word
    for ending in _ENDINGS:
        left = word.removesuffix(ending)
        if left != word and len(left) >= _SHORTEST_STEM and _VOWEL.search(left) and not word.endswith("ss"):
            return _undoubled(left) if ending in ("ing", "ed") else left
    return word.removesuffix("e") if len(word) > _SHORTEST_STEM else word


def _undoubled(left: str) -> str:
    """The stem of "running" and of "baked" as that of "run" and "bake"."""
    doubled = len(left) > _SHORTEST_STEM and left[-1] == left[-2] and left[-1] not in "ls"
    return left[:-1] if doubled else left.removesuffix("e")


def _parts(word: str) -> list[str]:
    runs = _UNSPACED.findall(word)
    if not runs:
        return [word]
    spaced = [part for part in _UNSPACED.split(word) if part]
    return [*spaced, *(run[place : place + 2] for run in runs for place in range(len(run) - 1))]
