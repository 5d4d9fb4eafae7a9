"""Approach B: each reply of the persona with what was said to it, as messages of a conversation."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby

import msgspec

from service.curation.transcripts.cast import Cast, Role
from service.curation.transcripts.directions import Directions, render
from service.curation.transcripts.scenes import Scene, Script, Speech
from service.curation.transcripts.spoken import name_words, says_something
from service.personas.shelf import Message


class Dialogue(msgspec.Struct, frozen=True):
    """Messages in turn, from a user's to the persona's reply; the line is that of the reply's first speech, `speakers` who took part."""

    messages: tuple[Message, ...]
    scene: str
    line: int
    speakers: tuple[str, ...]


def pairs(script: Script, cast: Cast, *, context: int = 3, directions: Directions = "strip") -> list[Dialogue]:
    """Return one dialogue for each reply: the persona's speeches in a row, the speech before them, and `context` speeches before that.

    Speeches in a row on one side are one message, parted by blank lines. Where several of the user's side speak in one message, each
    has its name before it, `ROPER: Hello.`; a user who speaks alone has none, because a person who chats has none either.

    A speech of a part that is left out (`none`) ends what can be context: a reply to it is nobody's. So does a scene's end. Speeches
    that hold no word once their directions are rendered are passed over, and so are directions between speeches: they are no part's.
    """
    words = name_words(script)
    return [found for scene in script.scenes for found in _replies(scene, cast, context, directions, words) if isinstance(found, Dialogue)]


def unanswered(script: Script, cast: Cast, *, directions: Directions = "strip") -> dict[str, int]:
    """How many of the persona's speeches begin no pair, by reason: `opens_scene`, `follows_left_out`, `no_words`."""
    words = name_words(script)
    reasons = Counter(found for scene in script.scenes for found in _replies(scene, cast, 0, directions, words) if isinstance(found, str))
    mine = [speech for speech in script.speeches if cast.role(speech.speaker) == "assistant"]
    reasons["no_words"] = sum(not says_something(render(speech.text, directions, words)) for speech in mine)
    return {reason: count for reason, count in reasons.items() if count}


def _replies(scene: Scene, cast: Cast, context: int, directions: Directions, words: frozenset[str]) -> Iterator[Dialogue | str]:
    """The dialogue that ends with each reply of a scene, or why there is none."""
    rendered = (msgspec.structs.replace(speech, text=render(speech.text, directions, words)) for speech in scene.speeches)
    before: list[Speech] = []
    previous: Role | None = None
    for role, run in groupby((speech for speech in rendered if says_something(speech.text)), key=lambda each: cast.role(each.speaker)):
        speeches = list(run)
        if role == "none":
            before.clear()
        else:
            if role == "assistant" and previous == "user":
                yield _dialogue(before[-context - 1 :], speeches, cast, scene.title)
            elif role == "assistant":
                yield "follows_left_out" if previous else "opens_scene"
            before += speeches
        previous = role


def _dialogue(before: Sequence[Speech], reply: Sequence[Speech], cast: Cast, title: str) -> Dialogue:
    speeches = [*before, *reply]
    while cast.role(speeches[0].speaker) == "assistant":
        del speeches[0]
    runs = [list(run) for _, run in groupby(speeches, key=lambda speech: cast.role(speech.speaker))]
    return Dialogue(
        messages=tuple(_message(run, cast) for run in runs),
        scene=title,
        line=reply[0].line,
        speakers=tuple(dict.fromkeys(cast.name(speech.speaker) for speech in speeches)),
    )


def _message(speeches: Sequence[Speech], cast: Cast) -> Message:
    if cast.role(speeches[0].speaker) == "assistant":
        return Message("assistant", "\n\n".join(speech.text for speech in speeches))
    names = {cast.name(speech.speaker) for speech in speeches}
    named = len(names) > 1
    return Message("user", "\n\n".join(f"{cast.name(speech.speaker)}: {speech.text}" if named else speech.text for speech in speeches))
