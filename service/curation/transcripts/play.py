"""Plays as they are printed: `NAME.` on a line of its own, or at the beginning of the speech; paragraphs parted by blank lines."""

from collections import Counter
from collections.abc import Iterator, Set

import msgspec
import regex

from service.curation.transcripts.breaks import Break, read_break
from service.curation.transcripts.directions import bare, is_direction, mark, uses_parentheses
from service.curation.transcripts.events import Aside, Event, Start, Words
from service.curation.transcripts.names import CAPITALS, key, members
from service.curation.transcripts.prose import is_verse, join_lines, words_of
from service.curation.transcripts.source import Line, paragraphs_of

_CUE = r"(?P<cue>,? *[_*]*(?:\[[^\]\n]*\]|\([^)\n]*\))[_*]*)?"
_HEAD = regex.compile(rf"\s*(?P<name>{CAPITALS}){_CUE}(?P<stop>\.?)(?=[\s—–-]|$)")
_ITALIC = regex.compile(rf"\s*_(?P<name>\p{{Lu}}[^_.]{{0,30}}(?:\. \p{{Lu}}[^_.]{{0,30}})?)(?:\._|_\.){_CUE}(?=[\s—–-])")
_LONGEST_HEAD = 500
"""Characters within which the name and the direction beside it end; what is said may be as long as it likes."""

_BRACE = regex.compile(r"\s*\}\s*(?P<cue>\[.*\])?\s*$")
_STYLES = ("stop", "tail", "italic", "bare")
"""`NAME.` alone, `NAME. What is said`, `_Name._ What is said`, `NAME` alone; the first is taken where two are as frequent."""

_DENSE = 2
_INDENT = 2


class Head(msgspec.Struct, frozen=True):
    """The line that a speech begins with: how it is written, the name, the direction beside it and what follows in the same line."""

    style: str
    name: str
    cue: str
    tail: str


def read_head(text: str) -> Head | None:
    """Read the line as the beginning of a speech. A brace that gathers several speeches says nothing of its own."""
    brace = _BRACE.search(text)
    gathered = brace["cue"] or "" if brace else ""
    text = text[: brace.start()] if brace else text
    if found := _HEAD.match(text[:_LONGEST_HEAD]):
        cue, tail = (found["cue"] or "").strip(" ,_*"), text[found.end() :].strip()
        if tail and not (found["stop"] or cue):
            return None
        style = "tail" if tail else "stop" if found["stop"] else "bare"
        return Head(style, found["name"], f"{cue} {gathered}".strip(), tail)
    if (found := _ITALIC.match(text[:_LONGEST_HEAD])) and (tail := text[found.end() :].strip()):
        return Head("italic", found["name"], f"{(found['cue'] or '').strip(' ,_*')} {gathered}".strip(), tail)
    return None


def read_play(lines: list[Line]) -> Iterator[Event]:
    """Yield what the lines say. One way of writing names is the script's own; others count where the name is known from it."""
    paragraphs = _paragraphs(lines)
    heads = [head for paragraph in paragraphs if (head := _head(paragraph))]
    styles = Counter(head.style for head in heads)
    style = max(_STYLES, key=lambda each: styles[each])
    known = frozenset(key(member) for head in heads if head.style == style for member in members(head.name))
    return _read(paragraphs, style, known, words_of(lines), uses_parentheses(line.text for line in lines))


def _read(paragraphs: list[list[Line]], style: str, known: Set[str], words: Set[str], parentheses: bool) -> Iterator[Event]:
    speaking = spoken = set_apart = False
    for paragraph in paragraphs:
        first, text = paragraph[0], "\n".join(line.text for line in paragraph)
        set_in = all(line.indent >= _INDENT for line in paragraph)
        found = _break(paragraph)
        if found and not (found.rank == "pause" and speaking and not spoken):  # a dash below a name is what is said there
            yield found
            speaking = False
        elif (head := _head(paragraph)) and _accepts(head, style, known):
            yield Start(first.number, head.name)
            speaking, spoken = True, False
            rest = [part for part in (f"{head.cue} {head.tail}".strip(), *(_unbraced(line.text) for line in paragraph[1:])) if part]
            if rest:
                yield Words(first.number, mark(_text(rest, False, words), parentheses))
                spoken = True
        elif not speaking or (is_direction(text) and (set_in or spoken)):
            yield Aside(first.number, bare(join_lines([line.text for line in paragraph], words)))
        elif set_apart and set_in:
            # Verses after a direction of their own: sung by whom the direction says, not by whoever spoke last.
            yield Aside(first.number, mark("\n".join(line.text.strip() for line in paragraph), False))
        else:
            yield Words(first.number, mark(_text([_unbraced(line.text) for line in paragraph], set_in, words), parentheses))
            spoken = True
        set_apart = set_in and is_direction(text)


def _paragraphs(lines: list[Line]) -> list[list[Line]]:
    """The paragraphs; where the speeches follow each other without a blank line, each begins one."""
    paragraphs = paragraphs_of(lines)
    inside = sum(1 for paragraph in paragraphs for line in paragraph[1:] if _speaks(line))
    if inside < _DENSE * sum(1 for paragraph in paragraphs if _speaks(paragraph[0])):
        return paragraphs
    parted: list[list[Line]] = []
    for paragraph in paragraphs:
        for at, line in enumerate(paragraph):
            if at == 0 or _speaks(line) or read_break(line.text, line.number):
                parted.append([line])
            else:
                parted[-1].append(line)
    return parted


def _speaks(line: Line) -> bool:
    head = read_head(line.text)
    return head is not None and head.style != "bare"


def _break(paragraph: list[Line]) -> Break | None:
    return read_break(paragraph[0].text, paragraph[0].number) if len(paragraph) == 1 else None


def _head(paragraph: list[Line]) -> Head | None:
    return None if read_break(paragraph[0].text, paragraph[0].number) else read_head(paragraph[0].text)


def _accepts(head: Head, style: str, known: Set[str]) -> bool:
    return head.style == style or all(key(member) in known for member in members(head.name))


def _unbraced(text: str) -> str:
    brace = _BRACE.search(text)
    return f"{brace['cue'] or ''} {text[: brace.start()].strip()}".strip() if brace else text


def _text(lines: list[str], set_in: bool, words: Set[str]) -> str:
    return "\n".join(line.strip() for line in lines) if is_verse(lines, set_in) else join_lines(lines, words)
