"""Conversations on their way out: as dialogues with what people thought of each reply, and as lines of a form that comes in again."""

import csv
import io
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, pairwise
from typing import Any, Literal, NamedTuple

import msgspec
from sqlalchemy import Row, select
from sqlmodel import Session, col

from service.curation.imports.dialogue import UNJUDGED, Dialogue, Judgement
from service.curation.imports.pairs import shielded
from service.db.tables import Conversation, Exchange, ExchangeState, Person, Rating, Thumb
from service.personas.shelf import Message

Format = Literal["jsonl", "openai", "sharegpt", "csv"]
"""`jsonl` and `csv` say all that is known of a reply; `openai` and `sharegpt` say what was liked, and have the rest as context."""

Judged = Literal["rated", "liked"]

_JUDGED: dict[Judged, set[bool | None]] = {"rated": {True, False}, "liked": {True}}
_ROWS_AT_ONCE = 1_000
_RATED_AT_ONCE = 200
_COLUMNS = ("conversation", "message", "reply", "rating", "correction", "comment", "reasons")
_WORDS = {True: "up", False: "down"}


class Told(NamedTuple):
    """A dialogue with the id of its conversation and the persona who took part."""

    conversation: str
    persona: str
    dialogue: Dialogue


def told_dialogues(session: Session, persona: str | None = None, *, only: Judged | None = None) -> Iterator[Told]:
    """Every conversation as a dialogue, oldest first, a few in memory at a time; `only` those with a reply that was judged so.

    Where there are several replies to one message each is the end of a dialogue of its own; what such dialogues share is judged in the
    first of them only. A reply is judged as the larger side of people judged it; a tie is no judgement. Quarantined people have no word,
    and conversations of theirs, which those of withdrawn imports are, stay here.
    """
    for conversations in _many(_conversations(session, persona)):
        judgements = _judgements(session, [row.id for exchanges in conversations for row in exchanges])
        for exchanges in conversations:
            for dialogue in _paths(exchanges, judgements):
                labels = {each.label for each in (*dialogue.earlier, dialogue.last)}
                if only is None or labels & _JUDGED[only]:
                    yield Told(exchanges[0].conversation_id, exchanges[0].persona, dialogue)


def lines_of(told: Iterable[Told], form: Format) -> Iterator[str]:
    """The dialogues as the lines of a file of the form, each with its end."""
    if form == "csv":
        yield _csv_row(_COLUMNS)
        for number, one in enumerate(told, 1):
            for row in _pairs(one, number):
                yield _csv_row(row)
    else:
        write = {"jsonl": _chat, "openai": _openai, "sharegpt": _sharegpt}[form]
        for one in told:
            yield json.dumps(write(one), separators=(",", ":")) + "\n"


def _conversations(session: Session, persona: str | None) -> Iterator[list[Row[Any]]]:
    query = (
        select(
            col(Exchange.id),
            col(Exchange.conversation_id),
            col(Exchange.previous_id),
            col(Exchange.persona),
            col(Exchange.context),
            col(Exchange.message),
            col(Exchange.reply),
        )
        .join(Conversation, col(Conversation.id) == col(Exchange.conversation_id))
        .join(Person, col(Person.id) == col(Conversation.person_id))
        .where(col(Person.quarantined_at).is_(None), col(Exchange.state) != ExchangeState.open, col(Exchange.reply) != "")
        .order_by(col(Exchange.conversation_id), col(Exchange.id))
        .execution_options(yield_per=_ROWS_AT_ONCE)
    )
    found = session.execute(query.where(col(Exchange.persona) == persona) if persona else query)
    for _, rows in groupby(found, key=lambda row: row.conversation_id):
        yield list(rows)


def _many(conversations: Iterable[list[Row[Any]]]) -> Iterator[list[list[Row[Any]]]]:
    """The conversations in groups whose ratings are read at once."""
    group: list[list[Row[Any]]] = []
    for exchanges in conversations:
        group.append(exchanges)
        if sum(map(len, group)) >= _RATED_AT_ONCE:
            yield group
            group = []
    if group:
        yield group


def _judgements(session: Session, exchange_ids: Sequence[str]) -> dict[str, Judgement]:
    """What the larger side thought of each exchange, with the newest correction, comment and reasons of that side."""
    query = (
        select(Rating)
        .join(Person, col(Person.id) == col(Rating.person_id))
        .where(col(Rating.exchange_id).in_(exchange_ids), col(Person.quarantined_at).is_(None))
        .order_by(col(Rating.id))
    )
    current: dict[str, dict[str, Rating]] = defaultdict(dict)
    for rating in session.scalars(query):
        current[rating.exchange_id][rating.person_id] = rating
    return {name: _majority(list(words.values())) for name, words in current.items()}


def _majority(words: Sequence[Rating]) -> Judgement:
    ups = [word for word in words if word.rating is Thumb.up]
    downs = [word for word in words if word.rating is Thumb.down]
    if len(ups) == len(downs):
        return UNJUDGED
    side = sorted(ups if len(ups) > len(downs) else downs, key=lambda word: word.id, reverse=True)
    return Judgement(
        label=len(ups) > len(downs),
        correction=next((word.correction for word in side if word.correction), None),
        comment=next((word.comment for word in side if word.comment), ""),
        reasons=next((tuple(word.reasons) for word in side if word.reasons), ()),
    )


def _paths(exchanges: Sequence[Row[Any]], judgements: dict[str, Judgement]) -> Iterator[Dialogue]:
    """One dialogue for each exchange that nothing follows, from the beginning to it."""
    known = {row.id: row for row in exchanges}
    followed = {row.previous_id for row in exchanges}
    said: set[str] = set()
    for last in exchanges:
        if last.id in followed:
            continue
        path = [last]
        while (before := known.get(path[-1].previous_id)) is not None:
            path.append(before)
        path.reverse()
        own = [UNJUDGED if row.id in said else judgements.get(row.id, UNJUDGED) for row in path]
        said.update(row.id for row in path)
        yield _dialogue(path, own)


def _dialogue(path: Sequence[Row[Any]], own: Sequence[Judgement]) -> Dialogue:
    before = msgspec.convert([turn for turn in path[0].context if turn["role"] in {"user", "assistant"}], list[Message])
    # Of replies that only a client told us about nothing is known; `earlier` has one entry for each of them too.
    unknown = sum((one.role, other.role) == ("user", "assistant") for one, other in pairwise(before))
    *earlier, last = [*[UNJUDGED] * unknown, *own]
    return Dialogue(
        messages=(*before, *(message for row in path for message in (Message("user", row.message), Message("assistant", row.reply)))),
        label=last.label,
        correction=last.correction,
        comment=last.comment,
        reasons=last.reasons,
        earlier=tuple(earlier),
    )


def _turns(one: Told) -> Iterator[tuple[Message, Judgement | None]]:
    """The messages, each reply with its judgement."""
    judgements = iter((*one.dialogue.earlier, one.dialogue.last))
    before = ""
    for message in one.dialogue.messages:
        answers = (before, message.role) == ("user", "assistant")
        yield message, next(judgements) if answers else None
        before = message.role


def _chat(one: Told) -> dict[str, Any]:
    """OpenAI's form with all that is known of each reply, which `attune exchanges import` reads."""
    messages: list[dict[str, Any]] = []
    for message, judgement in _turns(one):
        line: dict[str, Any] = {"role": message.role, "content": message.content}
        if message.role == "assistant":
            known = judgement or UNJUDGED
            line["rating"] = None if known.label is None else _WORDS[known.label]
            more = {"correction": known.correction, "comment": known.comment, "reasons": list(known.reasons)}
            line |= {name: value for name, value in more.items() if value}
        messages.append(line)
    return {"messages": messages, "persona": one.persona, "conversation": one.conversation}


def _openai(one: Told) -> dict[str, Any]:
    """OpenAI's form; what was not liked has the weight 0."""
    return {
        "messages": [
            {"role": message.role, "content": message.content}
            | ({"weight": int(judgement is not None and judgement.label is True)} if message.role == "assistant" else {})
            for message, judgement in _turns(one)
        ]
    }


def _sharegpt(one: Told) -> dict[str, Any]:
    """ShareGPT's form; what was not liked has the weight 0."""
    return {
        "id": one.conversation,
        "conversations": [
            {"from": "human", "value": message.content}
            if message.role == "user"
            else {"from": "gpt", "value": message.content, "weight": int(judgement is not None and judgement.label is True)}
            for message, judgement in _turns(one)
        ],
    }


def _pairs(one: Told, number: int) -> Iterator[tuple[str, ...]]:
    """A row for each reply to a message. The number tells dialogues apart that share a conversation."""
    before = ""
    for message, judgement in _turns(one):
        if judgement is not None:
            rating = "" if judgement.label is None else _WORDS[judgement.label]
            more = (judgement.correction or "", judgement.comment, "; ".join(judgement.reasons))
            yield (f"{number}", before, message.content, rating, *more)
        before = message.content


def _csv_row(cells: Sequence[str]) -> str:
    row = io.StringIO()
    csv.writer(row, lineterminator="\r\n").writerow([shielded(cell) for cell in cells])
    return row.getvalue()
