"""Stage directions: found in what was written, kept in square brackets, and rendered as the reader of a sample wants them."""

import re
from collections.abc import Collection, Iterable
from typing import Literal

import regex

Directions = Literal["keep", "strip", "action"]

_LONGEST = 300
# After nothing, or after the end of a sentence: where an aside is put that nobody says.
_PLACE = r"(?:(?<=^\s*)|(?<=[.!?…:—–-][\"'”’)\]]?\s)|(?<=\n))"
_PARENTHESIS = regex.compile(rf"{_PLACE}[_*]*\((?P<text>[^()\n]{{1,{_LONGEST}}})\)[_*]*(?=[\s.,]|$)")
_ITALIC = regex.compile(rf"(?:(?<=^\s*)|(?<=[.!?…][\"'”’)\]]?\s))(?P<mark>[_*])(?P<text>\p{{Ll}}[^_*\n]{{0,{_LONGEST}}})(?P=mark)(?=\s|$)")
_EMPHASIS = re.compile(r"(?<!\w)_(?=\S)([^_]*?\S)_|_(?=\S)([^_]*?\S)_(?!\w)")
_DIRECTION = re.compile(r"[ \t]*\[[^\]]*\][ \t]*(?P<point>[,.;:!?](?!\.))?")
_ALONE = re.compile(r"\[[^\]]*\]?|\([^()]*\)|_[^_]+_|\*[^*]+\*|<[^<>]+>", re.DOTALL)
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")


def uses_parentheses(lines: Iterable[str]) -> bool:
    """Whether the script writes its directions in parentheses; where most are in brackets, a parenthesis is something said."""
    brackets = parentheses = 0
    for line in lines:
        brackets += line.count("[")
        parentheses += line.count("(")
    return parentheses >= brackets


def is_direction(paragraph: str) -> bool:
    """Whether a whole paragraph is in brackets, parentheses or italics."""
    return _ALONE.fullmatch(paragraph.strip()) is not None


def mark(paragraph: str, parentheses: bool) -> str:
    """Return the paragraph with its directions in square brackets, none in another and none left open, and emphasis unmarked.

    With `parentheses`, what stands in parentheses, or in small letters in italics, where a sentence begins is a direction too.
    """
    text = paragraph
    if parentheses:
        text = _ITALIC.sub(r"[\g<text>]", _PARENTHESIS.sub(r"[\g<text>]", text))
    parts: list[str] = []
    depth = 0
    for part in re.split(r"([\[\]])", text):
        if part == "[":
            depth += 1
            parts.append("[" if depth == 1 else "")
        elif part == "]":
            parts.append("]" if depth == 1 else "")
            depth = max(0, depth - 1)
        else:
            parts.append(" ".join(part.replace("_", "").split(" ")) if depth else _EMPHASIS.sub(r"\1\2", part))
    return "".join(parts) + ("]" if depth else "")


def bare(paragraph: str) -> str:
    """A paragraph that is one direction, without what marks it as such."""
    text = " ".join(paragraph.replace("_", "").split())
    closing = {"[": "]", "(": ")", "*": "*", "<": ">"}.get(text[:1])
    return text[1:].removesuffix(closing).strip() if closing else text


def render(text: str, directions: Directions, names: Collection[str]) -> str:
    """Return a speech with its directions as written, without them, or as actions: `[Smiling.] Yes.` becomes `*smiling* Yes.`

    `names` are the words of the parts' names, in small letters: in an action a name in capitals is written as a name.
    """
    if directions == "keep":
        return text
    if directions == "action":
        return re.sub(r"\[([^\]]*)\]", lambda found: act(found[1], names), text)
    return _tidy(_DIRECTION.sub(_gap, text))


def _gap(direction: re.Match[str]) -> str:
    """What stands where a direction stood: a blank, or the mark that followed it, unless there is one before it."""
    before = direction.string[max(0, direction.start() - 1) : direction.start()]
    return " " if not direction["point"] or (before and before in ",.;:!?—–-") else direction["point"]


def act(direction: str, names: Collection[str]) -> str:
    """A direction as an action."""
    words = " ".join(direction.split()).rstrip(".,;:-— ")
    if not words:
        return ""
    first = _WORD.match(words)
    if first and first[0].lower() not in names and not first[0].isupper():
        words = words[0].lower() + words[1:]
    return f"*{_WORD.sub(lambda word: _named(word[0], names), words).replace('*', '')}*"


def _named(word: str, names: Collection[str]) -> str:
    stem = re.split("['’]", word, maxsplit=1)[0]
    return word.capitalize() if len(stem) > 1 and word.isupper() and stem.lower() in names else word


def _tidy(text: str) -> str:
    lines = [" ".join(line.split()) for line in text.split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
