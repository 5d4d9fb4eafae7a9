"""Harvesting: from what people said about the exchanges of one persona, and from the owner's seeds, to samples."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Select, func, select
from sqlmodel import Session, col

from service.curation.sample import Sample
from service.db.tables import Conversation, Exchange, ExchangeState, Person, Prompt, Rating, Thumb
from service.personas.shelf import Message, Seed

_ROWS_AT_ONCE = 2_000


class _Word(NamedTuple):
    """A person's current word on an exchange, beside that exchange: one row of the query in `_words`."""

    exchange_id: str
    conversation_id: str
    fingerprint: str
    context: list[dict[str, str]]
    message: str
    reply: str
    rating_id: str
    person_id: str
    thumb: Thumb
    correction: str | None


def harvest(session: Session, persona_name: str) -> list[Sample]:
    """Return the samples of the persona's complete exchanges, ordered by exchange; three queries, however many exchanges.

    Each person has one word on an exchange, the newest; a withdrawn one is none, and a quarantined person has none. The majority
    decides the label, a tie drops the exchange. A correction becomes a liked sample of its own, whichever thumb it came with, if its
    author is of the majority: one person shall not put words into a mouth that others were pleased with.
    """
    systems = {name: Message("system", text) for name, text in session.execute(_prompts(persona_name))}
    openings = {name: _first_user_message(context, message) for name, context, message in session.execute(_first_exchanges(persona_name))}
    found = session.execute(_words(persona_name).execution_options(yield_per=_ROWS_AT_ONCE))
    samples: list[Sample] = []
    for _, words in groupby((_Word(*row) for row in found), key=lambda word: word.exchange_id):
        winners = _majority(list(words))
        if winners:
            samples.extend(_samples(winners, systems[winners[0].fingerprint], openings[winners[0].conversation_id]))
    return samples


def seed_samples(seeds: Sequence[Seed], prompt_text: str) -> list[Sample]:
    """Return one liked sample per seed under the system prompt `prompt_text`: its last reply, with the turns before as the prompt."""
    system = Message("system", prompt_text)
    return [Sample(prompt=(system, *seed.messages[:-1]), completion=seed.messages[-1].content, label=True, origin="seed") for seed in seeds]


def _prompts(persona_name: str) -> Select[*tuple[Any, ...]]:
    """Fingerprint and text of every system prompt that was in force. Not by `Prompt.persona`: two personas may share a text."""
    used = select(col(Exchange.fingerprint)).where(col(Exchange.persona) == persona_name).distinct()
    return select(col(Prompt.fingerprint), col(Prompt.text)).where(col(Prompt.fingerprint).in_(used))


def _first_exchanges(persona_name: str) -> Select[*tuple[Any, ...]]:
    """Conversation, context and message of the first exchange of each conversation. That row never changes, whatever is rated later."""
    first = select(func.min(col(Exchange.id))).where(col(Exchange.persona) == persona_name).group_by(col(Exchange.conversation_id))
    return select(col(Exchange.conversation_id), col(Exchange.context), col(Exchange.message)).where(col(Exchange.id).in_(first))


def _words(persona_name: str) -> Select[*tuple[Any, ...]]:
    """The columns of `_Word`, by exchange, then by rating. Quarantined people have no word, and nothing they said is learned."""
    newest = select(func.max(col(Rating.id))).group_by(col(Rating.exchange_id), col(Rating.person_id))
    quarantined = select(col(Person.id)).where(col(Person.quarantined_at).is_not(None))
    return (
        select(
            col(Exchange.id),
            col(Exchange.conversation_id),
            col(Exchange.fingerprint),
            col(Exchange.context),
            col(Exchange.message),
            col(Exchange.reply),
            col(Rating.id),
            col(Rating.person_id),
            col(Rating.rating),
            col(Rating.correction),
        )
        .join(Rating, col(Rating.exchange_id) == col(Exchange.id))
        .join(Conversation, col(Conversation.id) == col(Exchange.conversation_id))
        .where(
            col(Exchange.persona) == persona_name,
            col(Exchange.state) == ExchangeState.complete,
            col(Rating.id).in_(newest),
            col(Rating.person_id).not_in(quarantined),
            col(Conversation.person_id).not_in(quarantined),
        )
        .order_by(col(Exchange.id), col(Rating.id))
    )


def _majority(words: list[_Word]) -> list[_Word]:
    """The words of the larger side, oldest first; none of them when the sides are equal."""
    ups = [word for word in words if word.thumb is Thumb.up]
    downs = [word for word in words if word.thumb is Thumb.down]
    if len(ups) == len(downs):
        return []
    return max(ups, downs, key=len)


def _samples(winners: list[_Word], system: Message, opening: str) -> Iterator[Sample]:
    first = winners[0]
    context = msgspec.convert(first.context, tuple[Message, ...])
    prompt = (system, *context, Message("user", first.message))
    rated = Sample(
        prompt=prompt,
        completion=first.reply,
        label=first.thumb is Thumb.up,
        origin="rated",
        exchange_id=first.exchange_id,
        rating_id=first.rating_id,
        person_id=first.person_id,
        conversation_id=first.conversation_id,
        opening=opening,
    )
    yield rated
    for word in winners:
        if word.correction and word.correction.strip():
            yield msgspec.structs.replace(
                rated, completion=word.correction, label=True, origin="corrected", rating_id=word.rating_id, person_id=word.person_id
            )


def _first_user_message(context: list[dict[str, str]], message: str) -> str:
    return next((turn["content"] for turn in context if turn["role"] == "user"), message)
