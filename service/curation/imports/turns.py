"""From the messages of a file to a dialogue: what every form has to settle about roles, and about what cannot be learned from."""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from service.curation.imports.dialogue import UNJUDGED, Dialogue, Judgement
from service.curation.imports.text import clean
from service.personas.shelf import Message

SYSTEM = "system messages were left out: the persona's own prompt is learned with"
TRAILING = "messages after the last reply were left out: nobody answers them"
JOINED = "messages of one speaker in a row were joined"
TOOLS = "dialogues were left out: they call tools"
PICTURES = "dialogues were left out: they hold something other than text"
UNKNOWN_KEY = "times the key '{}' was left out"


class Flaw(Exception):
    """What is wrong with a record, in words that quote nothing of it but its keys."""


class LeftOut(Exception):
    """Why a record that is in order is not for learning: a note."""


class Turn(NamedTuple):
    """A message as it stood in the file, with the judgement of a reply."""

    role: str
    content: str
    judgement: Judgement = UNJUDGED


def dialogue_of(turns: Iterable[Turn], notes: Counter[str], *, line: int = 0, title: str = "") -> Dialogue:
    """Make a dialogue of the turns; raise `Flaw` when one is empty, or nothing in them answers a user.

    System messages and whatever follows the last reply are left out. Messages of one speaker in a row become one, parted by a blank line;
    of joined replies the last judgement counts.
    """
    runs: list[Turn] = []
    for number, turn in enumerate(turns, 1):
        content = clean(turn.content, notes)
        if turn.role == "system":
            notes[SYSTEM] += 1
            continue
        if not content.strip():
            raise Flaw(f"message {number} is empty")
        if runs and runs[-1].role == turn.role:
            notes[JOINED] += 1
            runs[-1] = Turn(turn.role, f"{runs[-1].content}\n\n{content}", turn.judgement)
        else:
            runs.append(Turn(turn.role, content, turn.judgement))
    if runs and runs[-1].role == "user":
        notes[TRAILING] += 1
        runs.pop()
    answers = [turn.judgement for before, turn in pairwise(runs) if (before.role, turn.role) == ("user", "assistant")]
    if not answers:
        raise Flaw("there is no reply to a user's message")
    *earlier, last = [_cleaned(judgement, notes) for judgement in answers]
    return Dialogue(
        messages=tuple(Message("user" if turn.role == "user" else "assistant", turn.content) for turn in runs),
        label=last.label,
        correction=last.correction,
        comment=last.comment,
        reasons=last.reasons,
        line=line,
        title=clean(title, notes),
        earlier=tuple(earlier),
    )


def text_of(content: Any, place: str) -> str:
    """The text of a message's content, which is a text or a list of parts; raise `Flaw`, or `LeftOut` for pictures and sounds."""
    if isinstance(content, str):
        return content
    if content is None:
        return ""
    if not isinstance(content, list):
        raise Flaw(f"{place}: the content is no text")
    texts: list[str] = []
    for part in content:
        if not isinstance(part, dict):
            raise Flaw(f"{place}: a part of the content is no object")
        if part.get("type") not in {"text", "input_text", "output_text"}:
            raise LeftOut(PICTURES)
        if not isinstance(part.get("text"), str):
            raise Flaw(f"{place}: a part of the content has no text")
        texts.append(part["text"])
    return "\n".join(texts)


def object_of(value: Any, place: str) -> dict[str, Any]:
    """The value as an object; raise `Flaw` when it is none."""
    if not isinstance(value, dict):
        raise Flaw(f"{place} is no object")
    return value


def list_of(value: Any, place: str) -> list[Any]:
    """The value as a list with something in it; raise `Flaw` when it is none."""
    if not isinstance(value, list):
        raise Flaw(f"{place} is no list")
    if not value:
        raise Flaw(f"{place} is empty")
    return value


def note_unknown(record: dict[str, Any], known: Sequence[str], notes: Counter[str]) -> None:
    """Count the keys that say something and that nobody here reads."""
    for key, value in record.items():
        if key not in known and value not in (None, "", [], {}, False):
            notes[UNKNOWN_KEY.format("".join(mark for mark in key[:40] if mark.isprintable()))] += 1


def _cleaned(judgement: Judgement, notes: Counter[str]) -> Judgement:
    if judgement is UNJUDGED or judgement == Judgement(label=judgement.label):
        return judgement
    correction = clean(judgement.correction or "", notes).strip()
    return Judgement(
        label=judgement.label,
        correction=correction or None,
        comment=clean(judgement.comment, notes).strip(),
        reasons=tuple(clean(reason, notes) for reason in judgement.reasons),
    )
