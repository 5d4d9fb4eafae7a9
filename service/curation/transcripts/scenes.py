"""What a script is made of, and how the events of its file become scenes."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence

import msgspec

from service.curation.transcripts.breaks import Break
from service.curation.transcripts.events import Aside, Event, Start, Words
from service.curation.transcripts.names import key, tidy

_FRONT = 10
"""How many times as many speeches must follow the first act or scene as stand before it, for those to be a title page."""

_SCENE_OF_ACT = re.compile(r"[\s,.:;—–-]*\bscene\b.*", re.IGNORECASE)


class Speech(msgspec.Struct, frozen=True):
    """What one part says in one go; directions are in square brackets, verses on lines of their own. `line` is that of its name."""

    speaker: str
    text: str
    line: int


class Direction(msgspec.Struct, frozen=True):
    """A stage direction between the speeches, without brackets; `after` so many speeches of its scene."""

    text: str
    line: int
    after: int = 0


class Scene(msgspec.Struct, frozen=True):
    """What is said without a break; acts without scenes are scenes."""

    title: str
    speeches: tuple[Speech, ...]
    directions: tuple[Direction, ...] = ()


class Script(msgspec.Struct, frozen=True):
    """The scenes in which somebody speaks; `cast` says how often each part does, as it is named, those who speak together together."""

    scenes: tuple[Scene, ...]
    cast: dict[str, int]
    form: str = "colon"
    """The form it was read as."""

    @property
    def speeches(self) -> Iterator[Speech]:
        """Every speech of every scene."""
        return (speech for scene in self.scenes for speech in scene.speeches)


def without_front(events: Sequence[Event]) -> list[Event]:
    """The events without what seems to be spoken on the title page, by names that never speak after the first act or scene begins."""
    first = next((at for at, event in enumerate(events) if isinstance(event, Break) and event.rank in {"act", "scene"}), 0)
    after = {key(event.speaker) for event in events[first:] if isinstance(event, Start)}
    before = sum(isinstance(event, Start) for event in events[:first])
    if before * _FRONT > sum(isinstance(event, Start) for event in events[first:]):
        return list(events)
    kept: list[Event] = []
    speaks = True
    for event in events[:first]:
        if isinstance(event, Start):
            speaks = key(event.speaker) in after
        if speaks or isinstance(event, Break):
            kept.append(event)
    return [*kept, *events[first:]]


def build(events: Sequence[Event], form: str) -> Script:
    """Put scenes together. A part that is written in several ways is named as it is most often; scenes without a speech are left out."""
    spellings: dict[str, Counter[str]] = {}
    for event in events:
        if isinstance(event, Start):
            spellings.setdefault(key(event.speaker), Counter())[tidy(event.speaker)] += 1
    names = {each: counts.most_common(1)[0][0] for each, counts in spellings.items()}
    scenes = [scene for scene in _scenes(events, names) if scene.speeches]
    counts = Counter(speech.speaker for scene in scenes for speech in scene.speeches)
    return Script(tuple(scenes), dict(counts.most_common()), form)


def _scenes(events: Sequence[Event], names: dict[str, str]) -> Iterator[Scene]:
    act = title = ""
    begin = 0
    for at, event in enumerate(events):
        if isinstance(event, Break):
            yield _scene(title, events[begin:at], names)
            begin = at + 1
            act, title = _titled(event, act, title)
    yield _scene(title, events[begin:], names)


def _titled(found: Break, act: str, title: str) -> tuple[str, str]:
    """The act that is played after a break, and the title of the scene."""
    if found.rank == "act":
        return _SCENE_OF_ACT.sub("", found.title), found.title
    if found.rank == "scene":
        return act, f"{act}, {found.title}" if act else found.title
    return act, title if found.rank == "pause" else ""


def _scene(title: str, events: Sequence[Event], names: dict[str, str]) -> Scene:
    """A scene; a direction within a speech that goes on after it belongs to the speech."""
    speeches: list[Speech] = []
    directions: list[Direction] = []
    speaker, line = "", 0
    texts: list[str] = []
    waiting: list[Direction] = []

    def close() -> None:
        if text := "\n\n".join(texts).strip():
            speeches.append(Speech(speaker, text, line))
        directions.extend(msgspec.structs.replace(direction, after=len(speeches)) for direction in waiting)
        texts.clear()
        waiting.clear()

    for event in events:
        match event:
            case Start():
                close()
                speaker, line = names[key(event.speaker)], event.line
            case Words() if speaker:
                texts += [*(f"[{direction.text}]" for direction in waiting), event.text]
                waiting.clear()
            case Aside():
                waiting.append(Direction(event.text, event.line))
    close()
    return Scene(title, tuple(speeches), tuple(directions))
