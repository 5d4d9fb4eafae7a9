"""Approach A: pieces of dialogue as plain text, for language modelling."""

import re
from collections import deque
from collections.abc import Iterator, Sequence

import msgspec

from service.curation.transcripts.directions import Directions, act, render
from service.curation.transcripts.scenes import Direction, Scene, Script
from service.curation.transcripts.spoken import name_words

_SENTENCE = re.compile(r"(?<=[.!?…])[\"'”’)\]]*\s+|\n+")


class Chunk(msgspec.Struct, frozen=True):
    """A piece of a scene, one `NAME: line` after the other; `line` is where it begins."""

    text: str
    scene: str
    line: int


def chunks(script: Script, *, directions: Directions = "strip", longest: int = 2000) -> list[Chunk]:
    """Return the scenes whole, or in pieces of at most `longest` characters, of about the same length, cut between speeches.

    Directions between the speeches are lines of their own, unless they are stripped. A speech that is longer than a piece is cut between
    sentences, or between words where it must be, and each part has the name before it.
    """
    words = name_words(script)
    return [chunk for scene in script.scenes for chunk in _chunks(scene, directions, longest, words)]


class _Part(msgspec.Struct, frozen=True):
    """A speech, its name included, or a direction, which has none."""

    name: str
    text: str
    line: int


def _chunks(scene: Scene, directions: Directions, longest: int, words: frozenset[str]) -> Iterator[Chunk]:
    parts = [part for written in _parts(scene, directions, words) for part in _cut(written, longest)]
    left = sum(len(part.text) + 1 for part in parts)
    piece: list[_Part] = []
    length = aim = 0
    for part in parts:
        if piece and (length + len(part.text) > longest or length >= aim):
            yield _chunk(piece, scene.title)
            left -= length
            piece, length = [], 0
        if not piece:
            aim = left // -(-left // longest)
        piece.append(part)
        length += len(part.text) + 1
    if piece:
        yield _chunk(piece, scene.title)


def _chunk(piece: Sequence[_Part], title: str) -> Chunk:
    return Chunk("\n".join(part.text for part in piece), title, piece[0].line)


def _parts(scene: Scene, directions: Directions, words: frozenset[str]) -> Iterator[_Part]:
    """What a scene has in the order of the script, each on lines of its own."""
    waiting = deque(() if directions == "strip" else scene.directions)
    for at, speech in enumerate(scene.speeches):
        while waiting and waiting[0].after <= at:
            yield _direction(waiting.popleft(), directions, words)
        name = f"{speech.speaker}: "
        if text := render(speech.text, directions, words).strip():
            yield _Part(name, name + re.sub(r"\n+", "\n", text), speech.line)
    yield from (_direction(direction, directions, words) for direction in waiting)


def _direction(direction: Direction, directions: Directions, words: frozenset[str]) -> _Part:
    return _Part("", act(direction.text, words) if directions == "action" else f"[{direction.text}]", direction.line)


def _cut(part: _Part, longest: int) -> Iterator[_Part]:
    """The part, or as many as are needed to keep to the length, each with the name."""
    if len(part.text) <= longest:
        yield part
        return
    name = part.name if len(part.name) * 2 < longest else ""
    room = longest - len(name)
    rest = part.text[len(part.name) :]
    while rest:
        end = len(rest) if len(rest) <= room else _border(rest, room)
        yield _Part(name, name + rest[:end].rstrip(), part.line)
        rest = rest[end:].lstrip()


def _border(text: str, room: int) -> int:
    """Where to cut: after the last sentence that fits, else after the last word, else where the room ends."""
    sentences = [found.end() for found in _SENTENCE.finditer(text[:room])]
    return sentences[-1] if sentences else text.rfind(" ", 1, room) + 1 or room
