"""Composing: the chosen rows get their texts back, without personal data, and become samples and pairs."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
from sqlalchemy import Engine, select
from sqlmodel import Session, col

from service.curation.openings import read_openings
from service.curation.pool import Pool
from service.curation.redaction.redactor import Redactor, given_names
from service.curation.sample import Pair, Sample
from service.db.engine import reading
from service.db.tables import Exchange, Person, Prompt, Rating
from service.personas.shelf import Message

_AT_ONCE = 1_000

Report = Callable[[int, int], None]
"""Told how many of how many are done."""


class Style(NamedTuple):
    """How samples are made: the system prompt they are trained with, the name a person's own is replaced by, and the tokens they may have.

    `count` counts the tokens of one message as the base does, what its chat template puts around it included.
    """

    system_prompt: Literal["in_force", "current", "none"]
    current: str
    placeholder: str
    tokens: int
    count: Callable[[Message], int]


class _Texts(NamedTuple):
    """What the database has on some exchanges and people, by id."""

    exchanges: Mapping[str, Any]
    corrections: Mapping[str, str]
    prompts: Mapping[str, str]
    people: Mapping[str, tuple[str, str]]
    openings: Mapping[str, str]


class Chosen(NamedTuple):
    """Samples, each beside the row of the pool that it was made of."""

    samples: list[Sample]
    rows: list[int]


class Composed(NamedTuple):
    """What was composed; how much was replaced, by kind, and how many rows were left out, by reason."""

    samples: list[Sample]
    rows: list[int]
    redacted: dict[str, int]
    left_out: dict[str, int]


def compose(engine: Engine, pool: Pool, style: Style, redactor: Redactor, report: Report = lambda done, total: None) -> Composed:
    """Make a sample of every row of the pool, in its order.

    A prompt is cut from the front, by whole exchanges, until the sample has `style.tokens` at most; what is too long even then is left
    out (`too_long`). Raises `CurationError` when personal data could not be looked for: then nothing is learned.
    """
    samples: list[Sample] = []
    rows: list[int] = []
    redacted: dict[str, int] = {}
    too_long = 0
    for start in range(0, len(pool), _AT_ONCE):
        part = pool.take(np.arange(start, min(start + _AT_ONCE, len(pool))))
        with reading(engine) as session:
            texts = _read(session, part)
        for place, sample in enumerate(_samples(part, texts, style)):
            clean = _redact(sample, texts.people[_text(part.people[part.talker[place]])], style.placeholder, redactor, redacted)
            fitted = fit(clean, style)
            if fitted is None:
                too_long += 1
            else:
                samples.append(fitted)
                rows.append(start + place)
        report(start + len(part), len(pool))
    return Composed(samples, rows, dict(sorted(redacted.items())), {"too_long": too_long} if too_long else {})


def pairs_of(samples: Sequence[Sample], rows: Sequence[int], pool: Pool) -> list[Pair]:
    """Return the pairs that the samples make: a correction over what it corrects, liked over disliked variants of one context.

    Variants are matched one to one, oldest first: a much-asked question shall not outweigh the others.
    """
    made: list[Pair] = []
    replies = {sample.exchange_id: sample for sample, row in zip(samples, rows, strict=True) if not pool.corrected[row]}
    variants: dict[int, tuple[list[Sample], list[Sample]]] = {}
    for sample, row in zip(samples, rows, strict=True):
        original = replies.get(sample.exchange_id)
        if not pool.corrected[row]:
            variants.setdefault(int(pool.features["context"][row]), ([], []))[0 if sample.label else 1].append(sample)
        elif original is not None and original.completion != sample.completion:
            made.append(_pair(sample, original, "corrected"))
    for liked, disliked in variants.values():
        made.extend(_pair(better, worse, "preferred") for better, worse in zip(liked, disliked, strict=False))
    return made


def fit(sample: Sample, style: Style) -> Sample | None:
    """The sample with as many of its oldest exchanges taken away as bring it down to the budget; None when none are left to take.

    Whole exchanges go, never the system message, the last message or the reply: a chat template may insist that the speakers alternate.
    """
    system = [message for message in sample.prompt if message.role == "system"]
    spoken = [message for message in sample.prompt if message.role != "system"]
    room = style.tokens - sum(map(style.count, [*system, Message("assistant", sample.completion)]))
    costs = [style.count(message) for message in spoken]
    starts = [0, *(place for place, message in enumerate(spoken) if message.role == "user" and place > 0)]
    for start in starts:
        if sum(costs[start:]) <= room:
            return sample if start == 0 else msgspec.structs.replace(sample, prompt=(*system, *spoken[start:]))
    return None


def _pair(better: Sample, worse: Sample, origin: Literal["corrected", "preferred"]) -> Pair:
    return Pair(
        prompt=better.prompt,
        chosen=better.completion,
        rejected=worse.completion,
        origin=origin,
        exchange_id=better.exchange_id or "",
        other_id=worse.exchange_id or "",
        rating_id=better.rating_id or "",
        person_id=better.person_id,
        conversation_id=better.conversation_id,
        opening=better.opening,
    )


def _samples(part: Pool, texts: _Texts, style: Style) -> Iterator[Sample]:
    for place in range(len(part)):
        exchange = texts.exchanges[_text(part.exchange[place])]
        rating = _text(part.rating[place])
        corrected = bool(part.corrected[place])
        imported = texts.people[_text(part.people[part.talker[place]])][1].partition("import:")[2]
        system = {"in_force": texts.prompts[exchange.fingerprint], "current": style.current, "none": ""}[style.system_prompt]
        context = msgspec.convert(exchange.context, tuple[Message, ...])
        yield Sample(
            prompt=(*([Message("system", system)] if system else []), *context, Message("user", exchange.message)),
            completion=texts.corrections[rating] if corrected else exchange.reply,
            label=bool(part.liked[place]) or corrected,
            origin="imported" if imported else "corrected" if corrected else "rated",
            exchange_id=exchange.id,
            rating_id=rating,
            person_id=_text(part.people[part.rater[place]]),
            conversation_id=exchange.conversation_id,
            import_id=imported or None,
            opening=texts.openings[exchange.conversation_id],
        )


def _redact(sample: Sample, person: tuple[str, str], placeholder: str, redactor: Redactor, counts: dict[str, int]) -> Sample:
    """The sample without personal data; `person` is the talker's name and where they are known from."""
    name, external = person
    said = [message.content for message in sample.prompt if message.role == "user"]
    # In an imported script people are characters: their names are part of the text.
    names = set() if external.startswith("import:") else given_names([*said, sample.opening]) | ({name} if name else set())

    def clean(text: str) -> str:
        found = redactor.redact(text, names, placeholder)
        for kind, count in found.counts.items():
            counts[kind] = counts.get(kind, 0) + count
        return found.text

    return msgspec.structs.replace(
        sample,
        prompt=tuple(Message(message.role, clean(message.content)) for message in sample.prompt),
        completion=clean(sample.completion),
        opening=clean(sample.opening),
    )


def _read(session: Session, part: Pool) -> _Texts:
    ids = sorted({_text(name) for name in part.exchange})
    columns = ("id", "conversation_id", "fingerprint", "context", "message", "reply")
    exchanges = {
        row.id: row for row in session.execute(select(*(getattr(Exchange, name) for name in columns)).where(col(Exchange.id).in_(ids)))
    }
    ratings = {_text(name) for name in part.rating[part.corrected]}
    found = session.execute(select(col(Rating.id), col(Rating.correction)).where(col(Rating.id).in_(ratings)))
    prompts = {row.fingerprint for row in exchanges.values()}
    told = select(col(Prompt.fingerprint), col(Prompt.text)).where(col(Prompt.fingerprint).in_(prompts))
    talkers = {_text(part.people[code]) for code in np.unique(part.talker)}
    return _Texts(
        exchanges=exchanges,
        corrections={name: text or "" for name, text in found},
        prompts={row[0]: row[1] for row in session.execute(told)},
        people={
            row[0]: (row[1], row[2])
            for row in session.execute(select(col(Person.id), col(Person.name), col(Person.external)).where(col(Person.id).in_(talkers)))
        },
        openings=read_openings(session, {row.conversation_id for row in exchanges.values()}),
    )


def _text(name: "npt.NDArray[np.bytes_] | bytes") -> str:
    return bytes(name).decode()
