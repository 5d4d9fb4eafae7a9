"""What the database and the persona's files know that the model may be shown: lore, facts, a summary, liked replies.

Nothing is asked of the database that the persona's settings do not ask for.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlmodel import Session, col, select

from service.chat.context import Material, Piece, dialogue, within
from service.chat.examples import find_examples
from service.db.tables import Exchange, Fact, Person, Prompt, Summary
from service.personas.lorebook import Entry
from service.personas.persona import Persona
from service.providers.base import Turn
from service.providers.tokens import TokenCounter

_LIKED_SINCE = 20
"""Exchanges that may have been liked since, and are nearer."""


class Scene(NamedTuple):
    """Who says what to whom, after what, and how the tokens of the model that will answer are counted."""

    persona: Persona
    person: Person
    conversation_id: str
    previous_id: str | None
    history: Sequence[Turn]
    message: str
    counter: TokenCounter

    @property
    def prompt(self) -> str:
        """The persona's prompt, with the person's name in it where that is known."""
        return self.persona.prompt({"user": self.person.name} if self.person.name else None)

    @property
    def budget(self) -> int:
        """Tokens that the facts, and the examples, may have: half of what the history may."""
        return self.persona.settings.memory.max_tokens // 2


def recall(session: Session, scene: Scene, added: str, facts: Sequence[Fact]) -> Material:
    """All that may be shown for a new message, but for the summary. Of the facts the newest, of the examples the nearest that fit."""
    newest = within((Piece(fact.id, fact.text) for fact in reversed(facts)), scene.budget, scene.counter)
    return Material(
        prompt=scene.prompt,
        added=added,
        lore=find_lore(scene.persona, scene.person.name, scene.history, scene.message, scene.counter),
        facts=newest[::-1],
        examples=_examples(session, scene),
        safety=scene.persona.safety,
    )


def recall_again(session: Session, scene: Scene, shown: dict[str, Any]) -> Material:
    """What an earlier exchange was shown, by the ids that it recorded. What was deleted since, or left the lorebook, is gone."""
    book = scene.persona.lorebook
    entries = {entry.id: entry for entry in book.entries} if book else {}
    return Material(
        prompt=scene.prompt,
        added=session.get_one(Prompt, shown["app"]).text if "app" in shown else "",
        lore=tuple(_piece(entries[each], scene.person) for each in shown.get("lore", ()) if each in entries),
        facts=_again(session, Fact, shown.get("facts", ())),
        summary=_again(session, Summary, [shown["summary"]] if "summary" in shown else ()),
        examples=_examples_again(session, scene, shown.get("examples", ())),
        safety=scene.persona.safety,
    )


def find_lore(persona: Persona, user: str, history: Sequence[Turn], message: str, counter: TokenCounter) -> tuple[Piece, ...]:
    """What the persona's lorebook has to say about what was said; `user` is the name of who talks, empty where it is not known."""
    book = persona.lorebook
    if book is None:
        return ()
    replies = sum(1 for turn in history if turn.role == "assistant")
    texts = [*(turn.content for turn in history), message]
    return tuple(Piece(entry.id, entry.content) for entry in book.select(texts, counter.count, user=user, replies=replies))


def find_summary(session: Session, conversation_id: str, previous_id: str | None) -> Summary | None:
    """The newest summary on the way to `previous_id`; one of another branch of the conversation tells of what was not said here."""
    newest = select(Summary).where(Summary.conversation_id == conversation_id).order_by(col(Summary.id).desc())
    summaries = session.exec(newest).all()
    if not summaries:
        return None
    way = set(ancestors(session, conversation_id, previous_id))
    return next((summary for summary in summaries if summary.through_id in way), None)


def ancestors(session: Session, conversation_id: str, last_id: str | None) -> list[str]:
    """The ids of the exchanges that lead to `last_id`, that one included, newest first."""
    before = dict(session.exec(select(Exchange.id, Exchange.previous_id).where(Exchange.conversation_id == conversation_id)).all())
    way: list[str] = []
    while last_id is not None and last_id in before:
        way.append(last_id)
        last_id = before[last_id]
    return way


def _piece(entry: Entry, person: Person) -> Piece:
    return Piece(entry.id, entry.source.replace("{{user}}", person.name) if person.name else entry.content)


def _examples(session: Session, scene: Scene) -> tuple[Piece, ...]:
    count = scene.persona.settings.examples
    if not count:
        return ()
    return within(_nearest(session, scene, count), scene.budget, scene.counter)


def _examples_again(session: Session, scene: Scene, ids: Sequence[str]) -> tuple[Piece, ...]:
    """Searched for anew, and wider: an example whose thumb was withdrawn since, or whose person may not be shown, is none any more."""
    if not ids:
        return ()
    found = {piece.id: piece for piece in _nearest(session, scene, len(ids) + _LIKED_SINCE)}
    return tuple(found[each] for each in ids if each in found)


def _nearest(session: Session, scene: Scene, count: int) -> list[Piece]:
    name, title = scene.persona.name, scene.persona.settings.title
    found = find_examples(session, name, scene.message, count, scene.conversation_id)
    return [Piece(each.exchange_id, dialogue(title, each.message, each.reply)) for each in found]


def _again(session: Session, table: type[Fact] | type[Summary], ids: Sequence[str]) -> tuple[Piece, ...]:
    """The texts of these ids that are still there, in the order of the ids."""
    if not ids:
        return ()
    found = dict(session.exec(select(table.id, table.text).where(col(table.id).in_(ids))).all())
    return tuple(Piece(each, found[each]) for each in ids if each in found)
