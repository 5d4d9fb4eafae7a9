"""What crosses the wire on `/api`: msgspec Structs, never tables. Unknown fields of a request are refused."""

from datetime import datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

import msgspec

from service.chat.crisis_words import Card
from service.db.tables import Dataset, Exchange, Rating, Receipt, TrainingRun, Version
from service.evaluation.canary import Standing

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


class NoticeOut(msgspec.Struct):
    """When a page says that this is an AI: at the start, and again after so many hours of a conversation."""

    start: bool
    hours: float


class PersonaOut(msgspec.Struct, kw_only=True):
    """The public part of a persona."""

    name: str
    title: str
    greeting: str
    reasons: Reasons
    notice: NoticeOut


class UserIn(_Request, kw_only=True):
    """Who talks, as the app knows them."""

    name: Short = ""
    id: Short = ""


class ConversationIn(_Request, kw_only=True):
    """Begin a conversation with a persona."""

    persona: Annotated[str, msgspec.Meta(examples=["friend"])]
    user: UserIn | None = None


class ConversationStarted(msgspec.Struct, kw_only=True):
    """A new conversation; its token is shown once."""

    id: str
    token: str
    persona: str


class MessageIn(_Request, kw_only=True):
    """A message to the persona."""

    message: Annotated[str, msgspec.Meta(description="1 to 8,000 characters.", examples=["Good morning"])]
    previous: Annotated[
        str | msgspec.UnsetType | None,
        msgspec.Meta(description="The exchange that this follows, null for the beginning; without it, the newest with a reply."),
    ] = msgspec.UNSET


class PreferenceIn(_Request, kw_only=True):
    """Which of two replies, shown side by side, is better: this one rather than the one it is put `over`, or neither (`equal`)."""

    over: str
    equal: bool = False


class PreferenceOut(msgspec.Struct, kw_only=True):
    """Two replies in the order in which they were shown, and the better one of them; null when neither is."""

    order: list[str]
    preferred: str | None


class CompareOut(msgspec.Struct):
    """Another reply to the same message, to choose between the two, and the order in which they are shown."""

    other: str
    order: list[str]


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
    card: Card | None = None
    compare: CompareOut | None = None


class ExchangeTrace(ExchangeOut, kw_only=True):
    """An exchange with all that made its reply, for operators: see `Exchange` in the tables."""

    model: str | None
    revision: str | None
    safety: str | None
    additions: dict[str, Any] | None
    warnings: list[str] | None
    prompt_tokens: int | None
    completion_tokens: int | None
    ended_at: datetime | None


class ConversationOut(msgspec.Struct, kw_only=True):
    """A conversation with its newest exchanges, oldest first; `has_more`: there are older ones, see its list of exchanges."""

    id: str
    persona: str
    created_at: datetime
    exchanges: list[ExchangeOut]
    has_more: bool


class NightIn(_Request, kw_only=True):
    """Run a night now."""

    persona: str


class NightOut(msgspec.Struct, kw_only=True):
    """A night under way."""

    id: str
    persona: str
    step: str


class VersionOut(msgspec.Struct, kw_only=True):
    """A version of a persona; `note` says why it stands where it does, where its stage alone does not."""

    id: str
    persona: str
    version: str
    stage: str
    provider: str | None
    model: str | None
    note: str | None
    created_at: datetime


class CanaryOut(msgspec.Struct, kw_only=True):
    """A version on trial (`kind` canary), or watched after its promotion (`kind` watch), and how it does so far."""

    kind: str
    persona: str
    version: str
    against: str
    share: float
    started_at: datetime
    ends_at: datetime
    standing: Standing


class CanaryEndIn(_Request, kw_only=True):
    """How a canary is ended by hand."""

    how: Literal["promote", "rollback"]


class CanaryEndOut(msgspec.Struct):
    """What became of the version, and the sentence that its receipt has."""

    outcome: str | None
    reason: str | None


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
    """What a night, or the canary or watch of its version, decided and why."""

    id: str
    persona: str
    kind: str
    outcome: str
    reason: str
    version: str | None
    champion: str | None
    details: dict[str, Any]
    created_at: datetime


def rating_out(rating: Rating) -> RatingOut:
    """A rating as the wire shows it."""
    return RatingOut(rating=rating.rating.value, reasons=rating.reasons, comment=rating.comment, correction=rating.correction)


def exchange_out(
    exchange: Exchange, version: str, rating: Rating | None = None, card: Card | None = None, compare: CompareOut | None = None
) -> ExchangeOut:
    """An exchange as the wire shows it."""
    return ExchangeOut(**_shown(exchange, version), rating=rating_out(rating) if rating else None, card=card, compare=compare)


def exchange_trace(exchange: Exchange, version: str) -> ExchangeTrace:
    """An exchange as the wire shows it to an operator."""
    return ExchangeTrace(
        **_shown(exchange, version),
        model=exchange.model,
        revision=exchange.revision,
        safety=exchange.safety,
        additions=exchange.additions,
        warnings=exchange.warnings,
        prompt_tokens=exchange.prompt_tokens,
        completion_tokens=exchange.completion_tokens,
        ended_at=exchange.ended_at,
    )


def _shown(exchange: Exchange, version: str) -> dict[str, Any]:
    return {
        "id": exchange.id,
        "conversation": exchange.conversation_id,
        "previous": exchange.previous_id,
        "persona": exchange.persona,
        "version": version,
        "fingerprint": exchange.fingerprint,
        "message": exchange.message,
        "reply": exchange.reply,
        "state": exchange.state.value,
        "finish_reason": exchange.finish_reason,
        "error": exchange.error,
        "provider": exchange.provider,
        "created_at": exchange.created_at,
    }


def version_out(version: Version) -> VersionOut:
    """A version as the wire shows it."""
    return VersionOut(
        id=version.id,
        persona=version.persona,
        version=version.name,
        stage=version.stage.value,
        provider=version.provider,
        model=version.model,
        note=version.note,
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
