"""What came back from a version: people's words on its replies, and the replies that its own model gave or failed to give.

Never counted are requests for a version by its name, replies that another model gave in its place, what was imported, and the words of
quarantined people. Ids begin with their moment, so everything since a trial began is a range of ids.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, func, select
from sqlmodel import Session, col

from service.chat.exchange import PINNED
from service.db.tables import Canary, Conversation, Exchange, ExchangeState, Person, Rating, ReceiptKind, Thumb, Version
from service.evaluation.canary import MOST_VOTES, Answer, Heard, Tally, Vote, tally, within_caps

HISTORY_DAYS = 28
"""How far back a champion's ratings are compared with."""

_IMPORTED = "import:"
_MOST_BESIDE = 1_000
_MOST_WORDS = 5_000
"""The newest are enough: a rate known from more would find hardly more."""

_WORD = (
    *(col(each) for each in (Rating.exchange_id, Rating.person_id, Rating.rating, Rating.reasons, Rating.comment, Rating.correction)),
    *(col(each) for each in (Rating.created_at, Exchange.conversation_id, Exchange.provider, Exchange.model)),
    *(col(each) for each in (Person.external, Person.approved_at)),
)


def heard_in(session: Session, trial: Canary) -> tuple[Heard, Heard]:
    """What came back in the trial so far: from its version, and in a canary from the champion beside it.

    In a canary both are heard in conversations that began after it; in a watch everybody has the version, and nobody is beside it.
    """
    version, champion = (session.get_one(Version, each) for each in (trial.version_id, trial.champion_id))
    if trial.kind == ReceiptKind.watch:
        return _heard(session, version, trial.id, MOST_VOTES), Heard()
    of_trial = (col(Exchange.conversation_id) > trial.id,)
    return _heard(session, version, trial.id, MOST_VOTES, *of_trial), _heard(session, champion, trial.id, _MOST_BESIDE, *of_trial)


def history_of(session: Session, version: Version, until: datetime) -> Tally:
    """The votes on the version's replies in the four weeks before."""
    return tally(Heard(_votes(session, version, first_id(until - timedelta(days=HISTORY_DAYS)))))


def people_in(session: Session, trial: Canary) -> Sequence[Row[Any]]:
    """Who talked with the trial's version since it began: person's id, name and source, conversations and replies; the busiest first."""
    replies = func.count().label("replies")
    query = (
        select(col(Person.id), col(Person.name), col(Person.external), func.count(col(Conversation.id).distinct()), replies)
        .join(Conversation, col(Conversation.person_id) == col(Person.id))
        .join(Exchange, col(Exchange.conversation_id) == col(Conversation.id))
        .where(*_of(session.get_one(Version, trial.version_id), trial.id))
        .group_by(col(Person.id), col(Person.name), col(Person.external))
        .order_by(replies.desc(), col(Person.id))
    )
    return session.execute(query).all()


def first_id(moment: datetime) -> str:
    """What every id of that moment and later comes after."""
    return f"{int(moment.timestamp() * 1000) << 80:032x}"


def _heard(session: Session, version: Version, since: str, most: int, *which: ColumnElement[bool]) -> Heard:
    return Heard(_votes(session, version, since, *which), _answers(session, version, since, most, *which))


def _votes(session: Session, version: Version, since: str, *which: ColumnElement[bool]) -> list[Vote]:
    """The words that stand on the version's replies, in their order. A person who changed their mind has spoken last."""
    query = (
        select(*_WORD)
        .join(Exchange, col(Exchange.id) == col(Rating.exchange_id))
        .join(Person, col(Person.id) == col(Rating.person_id))
        .where(col(Rating.id) > since, col(Exchange.state) == ExchangeState.complete, *_of(version, since), *which)
        .where(col(Person.quarantined_at).is_(None), ~col(Person.external).startswith(_IMPORTED))
        .order_by(col(Rating.id).desc())
        .limit(_MOST_WORDS)
    )
    standing: dict[tuple[str, str], Row[Any]] = {}
    for word in reversed(session.execute(query).all()):
        place = (word.exchange_id, word.person_id)
        standing.pop(place, None)
        if word.rating != Thumb.withdrawn and _is_own(version, word.provider, word.model):
            standing[place] = word
    return within_caps(_vote(word) for word in standing.values())


def _vote(word: Row[Any]) -> Vote:
    up = word.rating == Thumb.up
    complaint = not up and bool(word.reasons or word.comment or word.correction)
    trusted = _is_trusted(word.external, word.approved_at)
    return Vote(up, complaint, word.created_at.timestamp(), word.person_id, word.conversation_id, trusted)


def _answers(session: Session, version: Version, since: str, most: int, *which: ColumnElement[bool]) -> list[Answer]:
    """The first replies that were asked of the version and came to an end of their own."""
    query = (
        select(col(Exchange.state), col(Exchange.provider), col(Exchange.model), col(Exchange.created_at))
        .where(*_of(version, since), *which, col(Exchange.state).in_([ExchangeState.complete, ExchangeState.failed]))
        .order_by(col(Exchange.id))
        .limit(most)
    )
    return [
        Answer(state == ExchangeState.complete and _is_own(version, provider, model), at.timestamp())
        for state, provider, model, at in session.execute(query)
    ]


def _of(version: Version, since: str) -> tuple[ColumnElement[bool], ...]:
    """The exchanges with the version since then, but for those that asked for a version by its name."""
    pinned: ColumnElement[Any] = col(Exchange.additions)[PINNED].as_string()
    return (col(Exchange.persona) == version.persona, col(Exchange.id) > since, col(Exchange.version_id) == version.id, pinned.is_(None))


def _is_own(version: Version, provider: str | None, model: str | None) -> bool:
    """Whether the version's own model gave the reply; where it cannot be reached another one takes over. The start has no model."""
    return version.model is None or (provider, model) == (version.provider, version.model)


def _is_trusted(external: str, approved_at: datetime | None) -> bool:
    """Whoever the owner approved, and keys that speak in their own name."""
    source, _, name = external.partition(":")
    return approved_at is not None or (source == "key" and ":" not in name)
