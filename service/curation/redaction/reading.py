"""A text as the finders read it."""

import re
import sys
import unicodedata
from functools import cache

from service.curation.redaction.kinds import PLACEHOLDERS

LETTER = r"0-9A-Za-z\u00c0-\u0dff"
"""For a pattern's class of characters: letters and digits of the scripts that put spaces between words, so that
a number may begin right after a Chinese or Thai one."""


class Reading:
    """A text in two forms, both of the same length as the original, so that a place in one is the same place in the others.

    `plain` has ASCII digits, spaces, hyphens and signs where the text has other scripts' digits, full-width signs and the like;
    placeholders are masked in it; `lower` is that in lower case. `digits` tells whether there is any digit, `number` whether there
    are six close to each other. Both are asked first: most texts have none, and then most kinds need not be looked for.
    """

    __slots__ = ("digits", "lower", "number", "plain")

    def __init__(self, text: str) -> None:
        plain = text if text.isascii() else text.translate(_plain_forms())
        self.plain = _PLACEHOLDER.sub(_mask, plain) if "[" in plain else plain
        lower = self.plain.lower()
        self.lower = lower if len(lower) == len(text) else "".join(map(_lower_one, self.plain))
        self.digits = _DIGIT.search(self.plain) is not None
        self.number = self.digits and _NUMBER.search(self.plain) is not None

    def before(self, place: int, most: int = 48) -> str:
        """What stands before a place on its line, in lower case, at most so many characters."""
        start = max(0, place - most)
        return self.lower[max(start, self.lower.rfind("\n", start, place) + 1) : place]

    def after(self, place: int, most: int = 32) -> str:
        """What follows a place on its line, in lower case, at most so many characters."""
        return self.lower[place : place + most].partition("\n")[0]


_PLACEHOLDER = re.compile("|".join(re.escape(placeholder) for placeholder in sorted(set(PLACEHOLDERS.values()))))
_DIGIT = re.compile("[0-9]")
_NUMBER = re.compile(r"[0-9](?:[^0-9\n]{0,6}[0-9]){5}")


def _mask(placeholder: re.Match[str]) -> str:
    return "\0" * len(placeholder[0])


def _lower_one(letter: str) -> str:
    lower = letter.lower()
    return lower if len(lower) == 1 else letter


@cache
def _plain_forms() -> dict[int, str]:
    """What each character that is written in another way than in ASCII becomes."""
    forms: dict[int, str] = {}
    for code in range(128, sys.maxunicode + 1):
        letter = chr(code)
        category = unicodedata.category(letter)
        if category == "Nd":
            forms[code] = str(unicodedata.decimal(letter))
        elif category == "Zs":
            forms[code] = " "
        elif category == "Pd":
            forms[code] = "-"
    for code in range(0xFF01, 0xFF5F):
        forms[code] = chr(code - 0xFEE0)
    forms[0x2212] = "-"
    forms[0x2019] = "'"
    return forms
