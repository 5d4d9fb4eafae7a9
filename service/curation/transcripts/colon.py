"""Scripts and chat logs in which a speech begins with `NAME: `, on any line."""

from collections import Counter
from collections.abc import Iterator, Set

import msgspec
import regex

from service.curation.transcripts.breaks import read_break
from service.curation.transcripts.directions import bare, is_direction, mark, uses_parentheses
from service.curation.transcripts.events import Aside, Event, Start, Words
from service.curation.transcripts.names import is_name, is_shouted, key
from service.curation.transcripts.prose import join_lines, words_of
from service.curation.transcripts.source import Line, paragraphs_of

_BOLD = r"(?:\*\*|__?)?"
_HEAD = regex.compile(
    rf"\s*{_BOLD}(?P<name>\p{{L}}[^:：\[\](){{}}*_\"“”?!;<>]{{0,79}}?){_BOLD}\s*"
    rf"(?P<cue>,? *[_*]*(?:\[[^\]\n]{{1,200}}\]|\([^)\n]{{1,200}}\))[_*]*)?{_BOLD}\s*"
    r"(?::(?=[\s*_]|$)|：)(?:\*\*|__?(?=\s|$))?\s*(?P<tail>.*)"
)
_TITLE_PAGE = frozenset({
    "title", "subtitle", "author", "authors", "written by", "credit", "source", "draft", "draft date", "date", "contact", "copyright",
    "version", "notes", "language", "genre", "release date", "series", "directed by", "translator", "editor", "setting", "time", "place",
})  # fmt: skip
_MOSTLY = 0.7
_FAMILIAR = 2
"""How often a name in small letters must speak before it is one."""


class Head(msgspec.Struct, frozen=True):
    """The line that a speech begins with: the name, the direction beside it and what follows."""

    name: str
    cue: str
    tail: str


def read_head(text: str) -> Head | None:
    """Read the line as the beginning of a speech, `NAME: Hello.` or `NAME (smiling): Hello.`, whoever may be named."""
    found = _HEAD.fullmatch(text)
    return Head(found["name"].strip(), (found["cue"] or "").strip(" ,_*"), found["tail"].strip()) if found else None


def read_colon(lines: list[Line]) -> Iterator[Event]:
    """Yield what the lines say. Where most names are in capitals, all are; in small letters a name must speak twice."""
    lines = _without_title_page(lines)
    heads = [head for line in lines if (head := _head(line))]
    counts = Counter(key(head.name) for head in heads)
    shouted = sum(is_shouted(head.name) for head in heads) > _MOSTLY * len(heads)

    def speaks(head: Head) -> bool:
        if shouted or is_shouted(head.name):
            return is_shouted(head.name)
        return is_name(head.name) or (counts[key(head.name)] >= _FAMILIAR and len(head.name.split()) == 1)

    names = frozenset(head.name for head in heads if speaks(head))
    return _read(lines, names, words_of(lines), uses_parentheses(line.text for line in lines))


def _read(lines: list[Line], names: Set[str], words: Set[str], parentheses: bool) -> Iterator[Event]:
    speaking = False
    for paragraph in paragraphs_of(lines):
        for run in _runs(paragraph, names):
            first = run[0]
            if head := _head(first, names):
                yield Start(first.number, head.name)
                speaking = True
                if text := f"{_bracketed(head.cue)} {join_lines([head.tail, *(line.text for line in run[1:])], words)}".strip():
                    yield Words(first.number, mark(text, parentheses))
            elif found := read_break(first.text, first.number):
                yield found
                speaking = False
            else:
                text = join_lines([line.text for line in run], words)
                if is_direction(text) or not speaking:
                    yield Aside(first.number, bare(text))
                else:
                    yield Words(first.number, mark(text, parentheses))


def _runs(paragraph: list[Line], names: Set[str]) -> Iterator[list[Line]]:
    """The lines of a paragraph, in runs that begin with a name, a break or a direction of its own."""
    run: list[Line] = []
    closed = False
    for line in paragraph:
        speaks = _head(line, names) is not None
        alone = not speaks and (is_direction(line.text) or read_break(line.text, line.number) is not None)
        if run and (closed or alone or speaks):
            yield run
            run = []
        run.append(line)
        closed = alone
    if run:
        yield run


def _head(line: Line, names: Set[str] | None = None) -> Head | None:
    """The beginning of a speech, by one of the names if they are known."""
    head = None if read_break(line.text, line.number) else read_head(line.text)
    return head if head and (names is None or head.name in names) else None


def _without_title_page(lines: list[Line]) -> list[Line]:
    """What a title page says of the script is said by nobody; further below, `TIME: ` may well be somebody."""
    for at, line in enumerate(lines):
        if line.text.strip() and not ((head := _head(line)) and key(head.name) in _TITLE_PAGE):
            return lines[at:]
    return lines


def _bracketed(cue: str) -> str:
    """A direction beside a name is one, however it is written."""
    return f"[{cue[1:-1]}]" if cue else ""
