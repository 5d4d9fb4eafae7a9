"""Screenplays: a name in capitals on a line of its own, set in or not, and what is said below it up to a blank line."""

from collections.abc import Iterator, Set
from statistics import median

import regex

from service.curation.transcripts.breaks import Break, is_place, read_break
from service.curation.transcripts.directions import bare, mark
from service.curation.transcripts.events import Aside, Event, Start, Words
from service.curation.transcripts.names import CAPITALS
from service.curation.transcripts.prose import join_lines, words_of
from service.curation.transcripts.source import Line, paragraphs_of

_CUE = regex.compile(rf"\s*@?(?P<name>{CAPITALS})(?P<extensions>(?: *\([^()\n]{{1,40}}\))*) *\^?\s*")
_FORCED = regex.compile(r"\s*@(?P<name>[^\s()][^()\n]{0,60}?)(?P<extensions>(?: *\([^()\n]{1,40}\))*) *\^?\s*")
_PAGE = regex.compile(r"\s*(?:\(?(?:CONTINUED|MORE)\)?:?(?: *\(\d+\))?|(?:CONTINUED:? *)?\d{1,4}\.?)\s*")
_CONTINUED = regex.compile(r"\((?:V\.?O\.?|O\.?S\.?|O\.?C\.?|CONT(?:['’]?D|INUED|INUING)?\.?|ON SCREEN|OFF(?:SCREEN)?)\)", regex.IGNORECASE)
_PARENTHETICAL = regex.compile(r"\([^()]*\)")
_SET_IN = 8
"""Columns from which on names count as centred; then names at half their column or less are none."""


def read_screenplay(lines: list[Line]) -> Iterator[Event]:
    """Yield what the lines say: scene headings, cues with their dialogue, and action, which is a direction."""
    paragraphs = _paragraphs(lines)
    centre = _centre(paragraphs)
    return _read(paragraphs, centre / 2 if centre >= _SET_IN else 0, words_of(lines))


def is_screenplay(lines: list[Line]) -> bool:
    """Whether it names places as screenplays do (INT., EXT.), or its names are centred."""
    return _centre(_paragraphs(lines)) >= _SET_IN or any(is_place(line.text) for line in lines)


def _paragraphs(lines: list[Line]) -> list[list[Line]]:
    """The paragraphs without the numbers of pages and what says that they go on."""
    return paragraphs_of([line for line in lines if not _PAGE.fullmatch(line.text) or not line.text.strip()])


def _centre(paragraphs: list[list[Line]]) -> float:
    """The column in which most names stand."""
    indents = [line.indent for paragraph in paragraphs for line in paragraph[:-1] if _cue(line) and not _break(line)]
    return median(indents) if indents else 0


def _read(paragraphs: list[list[Line]], least: float, words: Set[str]) -> Iterator[Event]:
    for paragraph in paragraphs:
        action: list[Line] = []
        dialogue: list[Line] = []
        for at, line in enumerate(paragraph):
            found = _break(line)
            cue = None if found or at == len(paragraph) - 1 or line.indent < least or (at and not least) else _cue(line)
            if found or cue:
                yield from _dialogue(dialogue, words)
                yield from _action(action, words)
                action, dialogue = [], []
            if found:
                yield found
            elif cue:
                yield Start(line.number, cue["name"])
                dialogue = [line]
            elif dialogue:
                dialogue.append(line)
            else:
                action.append(line)
        yield from _dialogue(dialogue, words)
        yield from _action(action, words)


def _dialogue(lines: list[Line], words: Set[str]) -> Iterator[Event]:
    """What is said below a cue; a line in parentheses is a direction, and so is what stands beside the name and is not its voice."""
    if not lines:
        return
    cue = _cue(lines[0])
    beside = _PARENTHETICAL.findall(_CONTINUED.sub("", cue["extensions"])) if cue else []
    said = (line.text.strip() for line in lines[1:])
    text = join_lines([f"[{line[1:-1]}]" if _PARENTHETICAL.fullmatch(line) else line for line in (*beside, *said)], words)
    yield Words(lines[0].number, mark(text, True))


def _action(lines: list[Line], words: Set[str]) -> Iterator[Event]:
    if lines:
        yield Aside(lines[0].number, bare(join_lines([line.text for line in lines], words)))


def _break(line: Line) -> Break | None:
    return read_break(line.text, line.number)


def _cue(line: Line) -> regex.Match[str] | None:
    return _CUE.fullmatch(line.text) or _FORCED.fullmatch(line.text)
