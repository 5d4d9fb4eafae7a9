"""What crosses the wire on `/api`: msgspec Structs, never tables. Unknown fields of a request are refused."""

from datetime import datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

import msgspec

from service.db.tables import Dataset, Exchange, Rating, Receipt, TrainingRun, Version

T = TypeVar("T")
Short = Annotated[str, msgspec.Meta(max_length=200)]
"""A name or an id of somebody else's making: kept under an index, which has room for no novel."""


class _Request(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A request's body."""


class Page(msgspec.Struct, Generic[T], kw_only=True):
    """One page of a list: ask for the next one with `after=last_id`."""

    data: list[T]
    first_id: str | None
    last_id: str | None
    has_more: bool
    object: Literal["list"] = "list"


class Reasons(msgspec.Struct):
    """The keys a person may give as reasons for a thumb."""

    up: list[str]
    down: list[str]


class PersonaOut(msgspec.Struct, kw_only=True):
    """The public part of a persona."""

    name: str
    title: str
    greeting: str
    reasons: Reasons


class UserIn(_Request, kw_only=True):
    """Who talks, as the app knows them."""

    name: Short = ""
    id: Short = ""


class ConversationIn(_Request, kw_only=True):
    """Begin a conversation with a persona."""

    persona: str
    user: UserIn | None = None


class ConversationStarted(msgspec.Struct, kw_only=True):
    """A new conversation; its token is shown once."""

    id: str
    token: str
    persona: str


class MessageIn(_Request, kw_only=True):
    """A message to the persona."""

    message: str


class RatingIn(_Request, kw_only=True):
    """A person's word on an exchange."""

    rating: Literal["up", "down"]
    reasons: list[str] = []
    comment: str = ""
    correction: str | None = None


class RatingOut(msgspec.Struct, kw_only=True):
    """A person's word as it stands."""

    rating: str
    reasons: list[str]
    comment: str
    correction: str | None


class ExchangeOut(msgspec.Struct, kw_only=True):
    """One exchange. Variants of one message share `previous`."""

    id: str
    conversation: str
    previous: str | None
    persona: str
    version: str
    fingerprint: str
    message: str
    reply: str
    state: str
    finish_reason: str | None
    error: str | None
    provider: str | None
    created_at: datetime
    rating: RatingOut | None = None


class ConversationOut(msgspec.Struct, kw_only=True):
    """A conversation with all its exchanges, oldest first."""

    id: str
    persona: str
    created_at: datetime
    exchanges: list[ExchangeOut]


class NightIn(_Request, kw_only=True):
    """Run a night now."""

    persona: str


class NightOut(msgspec.Struct, kw_only=True):
    """A night under way."""

    id: str
    persona: str
    step: str


class VersionOut(msgspec.Struct, kw_only=True):
    """A version of a persona."""

    id: str
    persona: str
    version: str
    stage: str
    provider: str | None
    model: str | None
    created_at: datetime


class DatasetOut(msgspec.Struct, kw_only=True):
    """A frozen dataset."""

    id: str
    persona: str
    hash: str
    counts: dict[str, int]
    created_at: datetime


class RunOut(msgspec.Struct, kw_only=True):
    """A training run."""

    id: str
    persona: str
    trainer: str
    method: str
    state: str
    error: str | None
    created_at: datetime


class ReceiptOut(msgspec.Struct, kw_only=True):
    """What a night decided and why."""

    id: str
    persona: str
    outcome: str
    reason: str
    version: str | None
    champion: str | None
    details: dict[str, Any]
    created_at: datetime


def rating_out(rating: Rating | None) -> RatingOut | None:
    """A rating as the wire shows it."""
    if rating is None:
        return None
    return RatingOut(rating=rating.rating.value, reasons=rating.reasons, comment=rating.comment, correction=rating.correction)


def exchange_out(exchange: Exchange, version: str, rating: Rating | None = None) -> ExchangeOut:
    """An exchange as the wire shows it."""
    return ExchangeOut(
        id=exchange.id,
        conversation=exchange.conversation_id,
        previous=exchange.previous_id,
        persona=exchange.persona,
        version=version,
        fingerprint=exchange.fingerprint,
        message=exchange.message,
        reply=exchange.reply,
        state=exchange.state.value,
        finish_reason=exchange.finish_reason,
        error=exchange.error,
        provider=exchange.provider,
        created_at=exchange.created_at,
        rating=rating_out(rating),
    )


def version_out(version: Version) -> VersionOut:
    """A version as the wire shows it."""
    return VersionOut(
        id=version.id,
        persona=version.persona,
        version=version.name,
        stage=version.stage.value,
        provider=version.provider,
        model=version.model,
        created_at=version.created_at,
    )


def dataset_out(dataset: Dataset) -> DatasetOut:
    """A dataset as the wire shows it."""
    return msgspec.convert(dataset, DatasetOut, from_attributes=True)


def run_out(run: TrainingRun) -> RunOut:
    """A training run as the wire shows it."""
    return msgspec.convert(run, RunOut, from_attributes=True)


def receipt_out(receipt: Receipt) -> ReceiptOut:
    """A receipt as the wire shows it."""
    return msgspec.convert(receipt, ReceiptOut, from_attributes=True)
