"""What is remembered: one class per table. A table never crosses the wire, and nothing here has behaviour."""

from datetime import UTC, datetime
from enum import StrEnum, auto
from typing import Any

from sqlalchemy import JSON, Column, Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from service.db.ids import new_id


def now() -> datetime:
    """The present moment, with its zone."""
    return datetime.now(UTC)


def _json() -> Any:
    return Column(JSON, nullable=False)


class ExchangeState(StrEnum):
    """`open` until the reply ended, one way or another."""

    open = auto()
    complete = auto()
    cancelled = auto()
    failed = auto()
    interrupted = auto()


class Thumb(StrEnum):
    """A person's word on one exchange; `withdrawn` takes the earlier ones back."""

    up = auto()
    down = auto()
    withdrawn = auto()


class Stage(StrEnum):
    """Where a version stands. There is at most one champion per persona."""

    candidate = auto()
    canary = auto()
    champion = auto()
    retired = auto()
    quarantined = auto()


class RunState(StrEnum):
    """The state of a training run."""

    queued = auto()
    running = auto()
    succeeded = auto()
    failed = auto()
    cancelled = auto()


class Outcome(StrEnum):
    """How a night ended, or a canary or watch: these promote or roll back."""

    promoted = auto()
    canary = auto()
    rejected = auto()
    skipped = auto()
    failed = auto()
    rolled_back = auto()


class ReceiptKind(StrEnum):
    """What a receipt is about."""

    night = auto()
    canary = auto()
    watch = auto()


class ApiKey(SQLModel, table=True):
    """A key of an app or operator; only the digest of its secret is kept."""

    __tablename__ = "api_key"
    id: str = Field(default_factory=new_id, primary_key=True)
    name: str
    digest: str = Field(unique=True)
    scopes: list[str] = Field(sa_column=_json())
    created_at: datetime = Field(default_factory=now)
    revoked_at: datetime | None = None


class Person(SQLModel, table=True):
    """Who talks or rates. `external` tells one person of one source apart: a key, a key and the app's user, a visitor, an import.

    What a quarantined person said and rated is not learned from; an approved one's ratings neither wait nor are capped.
    """

    __tablename__ = "person"
    id: str = Field(default_factory=new_id, primary_key=True)
    external: str = Field(unique=True)
    name: str = ""
    created_at: datetime = Field(default_factory=now)
    approved_at: datetime | None = None
    quarantined_at: datetime | None = None
    __table_args__ = (
        Index(
            "person_quarantined",
            "id",
            sqlite_where=text("quarantined_at IS NOT NULL"),
            postgresql_where=text("quarantined_at IS NOT NULL"),
        ),
    )


class Revision(SQLModel, table=True):
    """One text of a persona file, or of the safety text (persona `""`), as it stood when it was first read; never changed."""

    __tablename__ = "revision"
    persona: str = Field(primary_key=True)
    fingerprint: str = Field(primary_key=True)
    text: str
    created_at: datetime = Field(default_factory=now)


class Prompt(SQLModel, table=True):
    """The rendered system prompt behind a fingerprint: a night trains with the prompt that was in force."""

    __tablename__ = "prompt"
    fingerprint: str = Field(primary_key=True)
    persona: str = Field(index=True)
    text: str
    created_at: datetime = Field(default_factory=now)


class Conversation(SQLModel, table=True):
    """A thread of exchanges of one person with one persona."""

    __tablename__ = "conversation"
    id: str = Field(default_factory=new_id, primary_key=True)
    persona: str = Field(index=True)
    person_id: str = Field(foreign_key="person.id", index=True)
    key_id: str | None = Field(default=None, foreign_key="api_key.id")
    token_digest: str | None = Field(default=None, unique=True)
    created_at: datetime = Field(default_factory=now)


class Exchange(SQLModel, table=True):
    """One message with one reply, the version and the fingerprint that made it.

    `context` is what the model saw between the system prompt and the message. Variants share `previous_id`.
    `thread` names the conversation up to and including the reply, so that a stateless client's next call finds it.
    `revision` and `safety` are fingerprints of the persona file and of the safety text, `additions` the ids of what was shown beside
    the prompt (`examples`, `lore`, `facts`, `summary`), and `warnings` says what the provider could not be asked for.
    """

    __tablename__ = "exchange"
    id: str = Field(default_factory=new_id, primary_key=True)
    conversation_id: str = Field(foreign_key="conversation.id", index=True)
    previous_id: str | None = Field(default=None, foreign_key="exchange.id")
    persona: str
    version_id: str = Field(foreign_key="version.id")
    fingerprint: str = Field(foreign_key="prompt.fingerprint")
    revision: str | None = None
    safety: str | None = None
    additions: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True)))
    warnings: list[str] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True)))
    context: list[dict[str, str]] = Field(sa_column=_json())
    message: str
    reply: str = ""
    state: ExchangeState = ExchangeState.open
    finish_reason: str | None = None
    error: str | None = None
    provider: str | None = None
    model: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    boot: str
    thread: str | None = Field(default=None, index=True)
    created_at: datetime = Field(default_factory=now)
    ended_at: datetime | None = None
    __table_args__ = (Index("exchange_persona", "persona", "id"), Index("exchange_state", "state"))


class Fact(SQLModel, table=True):
    """Something a person asked a persona to remember. Deleting it deletes the row."""

    __tablename__ = "fact"
    id: str = Field(default_factory=new_id, primary_key=True)
    person_id: str = Field(foreign_key="person.id", index=True)
    persona: str
    text: str
    exchange_id: str | None = Field(default=None, foreign_key="exchange.id")
    created_at: datetime = Field(default_factory=now)


class Summary(SQLModel, table=True):
    """What was said in a conversation up to and including the exchange `through_id`, in the model's words; the newest one counts."""

    __tablename__ = "summary"
    id: str = Field(default_factory=new_id, primary_key=True)
    conversation_id: str = Field(foreign_key="conversation.id", index=True)
    through_id: str = Field(foreign_key="exchange.id")
    text: str
    created_at: datetime = Field(default_factory=now)


class IdempotentRequest(SQLModel, table=True):
    """A request that was accepted under a name of the caller's: the same name again means the same exchange, not another one."""

    __tablename__ = "idempotent_request"
    caller: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    digest: str
    exchange_id: str = Field(foreign_key="exchange.id", index=True)
    created_at: datetime = Field(default_factory=now, index=True)


class Rating(SQLModel, table=True):
    """Append-only: the newest row of one person on one exchange is that person's word."""

    __tablename__ = "rating"
    id: str = Field(default_factory=new_id, primary_key=True)
    exchange_id: str = Field(foreign_key="exchange.id", index=True)
    person_id: str = Field(foreign_key="person.id", index=True)
    rating: Thumb
    reasons: list[str] = Field(sa_column=_json())
    comment: str = ""
    correction: str | None = None
    created_at: datetime = Field(default_factory=now)


class LikedExchange(SQLModel, table=True):
    """What may be shown to the model as an example: an exchange that somebody likes and nobody dislikes. It follows from the ratings.

    `words` are those of the message, for the full-text search; the indexes over them differ so much between SQLite (an FTS5 table,
    followed by triggers) and PostgreSQL (a tsvector under GIN) that migration 0004 alone makes them. `rating_id` is the word, of
    `rater_id`, that made it an example and whose correction is shown; `person_id` is who talked. When the exchange or the rating is
    deleted, so is the row.
    """

    __tablename__ = "liked_exchange"
    id: int | None = Field(default=None, primary_key=True)
    exchange_id: str = Field(foreign_key="exchange.id", unique=True, ondelete="CASCADE")
    rating_id: str = Field(foreign_key="rating.id", index=True, ondelete="CASCADE")
    persona: str
    conversation_id: str
    person_id: str
    rater_id: str
    words: str


class Comparison(SQLModel, table=True):
    """Two replies to one message, shown side by side in this order, which was drawn at random; and what the person preferred.

    `decided_at` without `preferred_id`: neither was better. A preference is also a rating of each of the two.
    """

    __tablename__ = "comparison"
    first_id: str = Field(primary_key=True, foreign_key="exchange.id", ondelete="CASCADE")
    second_id: str = Field(foreign_key="exchange.id", unique=True, ondelete="CASCADE")
    conversation_id: str = Field(foreign_key="conversation.id", index=True)
    preferred_id: str | None = Field(default=None, foreign_key="exchange.id")
    created_at: datetime = Field(default_factory=now)
    decided_at: datetime | None = None


class Referral(SQLModel, table=True):
    """A crisis card was shown: the persona and the moment, and nothing that leads to a person, so that the count outlives an erasure."""

    __tablename__ = "referral"
    id: str = Field(default_factory=new_id, primary_key=True)
    persona: str
    created_at: datetime = Field(default_factory=now)
    __table_args__ = (Index("referral_persona", "persona", "created_at"),)


class Night(SQLModel, table=True):
    """One run of the loop for one persona; at most one is under way per persona."""

    __tablename__ = "night"
    id: str = Field(default_factory=new_id, primary_key=True)
    persona: str
    step: str = "queued"
    progress: dict[str, Any] = Field(default_factory=dict, sa_column=_json())
    started_at: datetime = Field(default_factory=now)
    ended_at: datetime | None = None
    __table_args__ = (
        Index(
            "one_night_under_way",
            "persona",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
    )


class Dataset(SQLModel, table=True):
    """One frozen, content-hashed set of samples; its rows lie in a folder named by the hash."""

    __tablename__ = "dataset"
    id: str = Field(default_factory=new_id, primary_key=True)
    persona: str = Field(index=True)
    night_id: str | None = Field(default=None, foreign_key="night.id", unique=True)
    hash: str = Field(index=True)
    counts: dict[str, int] = Field(sa_column=_json())
    created_at: datetime = Field(default_factory=now)


class Sample(SQLModel, table=True):
    """Where one row of a dataset came from: sample -> exchange -> rating -> person, or sample -> import.

    `form` is the kind of row (`unpaired`, `pair`, `passage`), `person_id` whose word made it one. `other_id` is the exchange with the
    rejected reply of a pair.
    """

    __tablename__ = "sample"
    id: int | None = Field(default=None, primary_key=True)
    dataset_id: str = Field(foreign_key="dataset.id", index=True)
    exchange_id: str | None = Field(default=None, foreign_key="exchange.id", index=True)
    other_id: str | None = Field(default=None, foreign_key="exchange.id")
    rating_id: str | None = Field(default=None, foreign_key="rating.id")
    person_id: str | None = Field(default=None, foreign_key="person.id", index=True)
    import_id: str | None = Field(default=None, foreign_key="import.id", index=True)
    form: str = "unpaired"
    split: str
    origin: str
    hash: str


class Import(SQLModel, table=True):
    """A file that was brought in: its dialogues became exchanges of a person of its own (`import:<id>`), its passages rows of `Passage`.

    `digest` is the SHA-256 of the file and of how it was read: the same file read the same way is brought in once.
    """

    __tablename__ = "import"
    id: str = Field(default_factory=new_id, primary_key=True)
    persona: str = Field(index=True)
    source: str
    form: str
    digest: str
    counts: dict[str, int] = Field(sa_column=_json())
    created_at: datetime = Field(default_factory=now)
    withdrawn_at: datetime | None = None
    __table_args__ = (UniqueConstraint("persona", "digest"),)


class Passage(SQLModel, table=True):
    """A piece of dialogue to learn as plain language; `position` counts the pieces of its import from 0."""

    __tablename__ = "passage"
    id: str = Field(default_factory=new_id, primary_key=True)
    import_id: str = Field(foreign_key="import.id", index=True, ondelete="CASCADE")
    position: int
    title: str = ""
    text: str


class Prepared(SQLModel, table=True):
    """What curation works out once about a reply (`id` is the exchange's) or a correction (`id` is the rating's): hashes, never words.

    `features` are packed as `curation/features.py` says; `recipe` is the number of the way they were worked out, `surprise` how unlikely
    the base finds the reply, in nats per token, once that was asked.
    """

    __tablename__ = "prepared"
    id: str = Field(primary_key=True)
    exchange_id: str = Field(foreign_key="exchange.id", index=True, ondelete="CASCADE")
    recipe: int
    features: bytes
    surprise: float | None = None


class Review(SQLModel, table=True):
    """Something that waits for the owner: a person (`subject` is their id) or a sample (the exchange's or the rating's id).

    `kind` is the reason key under which it is held back; `approved` is None until somebody decided.
    """

    __tablename__ = "review"
    id: str = Field(default_factory=new_id, primary_key=True)
    persona: str
    kind: str
    subject: str
    detail: dict[str, Any] = Field(default_factory=dict, sa_column=_json())
    approved: bool | None = None
    created_at: datetime = Field(default_factory=now)
    decided_at: datetime | None = None
    __table_args__ = (UniqueConstraint("persona", "kind", "subject"),)


class TrainingRun(SQLModel, table=True):
    """A job of a trainer; one per night. `method` names what was trained in turn, such as `sft+dpo`.

    `job` is what an outside trainer calls it, `progress` where it stands, `stop_asked_at` when a person asked to end it for good.
    """

    __tablename__ = "training_run"
    id: str = Field(default_factory=new_id, primary_key=True)
    persona: str = Field(index=True)
    night_id: str = Field(foreign_key="night.id", unique=True)
    dataset_id: str = Field(foreign_key="dataset.id")
    trainer: str
    method: str
    base: str
    parameters: dict[str, Any] = Field(sa_column=_json())
    state: RunState = RunState.queued
    progress: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True)))
    error: str | None = None
    attempts: int = 0
    job: str | None = None
    created_at: datetime = Field(default_factory=now)
    stop_asked_at: datetime | None = None
    ended_at: datetime | None = None


class Version(SQLModel, table=True):
    """What a provider is asked for, and all that it came from.

    Number 0 of a persona is the untrained start: its provider and model are empty and mean 'as the persona file says'.
    `adapter` is the digest of its weights in the store, `revision` the fingerprint of the persona file it was proved under, `note` why it
    stands where it does, where its stage alone does not say so.
    """

    __tablename__ = "version"
    id: str = Field(default_factory=new_id, primary_key=True)
    persona: str
    number: int
    stage: Stage = Stage.candidate
    provider: str | None = None
    model: str | None = None
    base: str | None = None
    adapter: str | None = None
    revision: str | None = None
    note: str | None = None
    night_id: str | None = Field(default=None, foreign_key="night.id", unique=True)
    dataset_id: str | None = Field(default=None, foreign_key="dataset.id")
    training_run_id: str | None = Field(default=None, foreign_key="training_run.id")
    created_at: datetime = Field(default_factory=now)
    __table_args__ = (
        UniqueConstraint("persona", "number"),
        Index(
            "one_champion",
            "persona",
            unique=True,
            sqlite_where=text("stage = 'champion'"),
            postgresql_where=text("stage = 'champion'"),
        ),
    )

    @property
    def name(self) -> str:
        """How people call it: v0, v1, ..."""
        return f"v{self.number}"


class Promotion(SQLModel, table=True):
    """Append-only: who became champion when, after whom, and why. A rollback names the earlier promotion that it restores."""

    __tablename__ = "promotion"
    id: str = Field(default_factory=new_id, primary_key=True)
    persona: str = Field(index=True)
    version_id: str = Field(foreign_key="version.id")
    previous_id: str | None = Field(default=None, foreign_key="version.id")
    restores_id: str | None = Field(default=None, foreign_key="promotion.id")
    reason: str
    created_at: datetime = Field(default_factory=now)


class Canary(SQLModel, table=True):
    """A version on trial against the champion's ratings: before its promotion on a share of new conversations (kind `canary`), or for some
    days after it (kind `watch`). At most one of a kind is under way per persona. `figures` are the counts at its end.
    """

    __tablename__ = "canary"
    id: str = Field(default_factory=new_id, primary_key=True)
    persona: str
    kind: ReceiptKind = ReceiptKind.canary
    version_id: str = Field(foreign_key="version.id", index=True)
    champion_id: str = Field(foreign_key="version.id")
    share: float
    started_at: datetime = Field(default_factory=now)
    ends_at: datetime
    ended_at: datetime | None = None
    outcome: Outcome | None = None
    reason: str | None = None
    figures: dict[str, Any] = Field(default_factory=dict, sa_column=_json())
    __table_args__ = (
        Index(
            "one_canary_under_way",
            "persona",
            "kind",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
    )


class Evaluation(SQLModel, table=True):
    """Candidate against champion: the scorecard and the gate's decision."""

    __tablename__ = "evaluation"
    id: str = Field(default_factory=new_id, primary_key=True)
    night_id: str = Field(foreign_key="night.id", unique=True)
    candidate_id: str = Field(foreign_key="version.id")
    champion_id: str = Field(foreign_key="version.id")
    scorecard: dict[str, Any] = Field(sa_column=_json())
    created_at: datetime = Field(default_factory=now)


class Receipt(SQLModel, table=True):
    """What a night decided and why, or how a canary or a watch ended; never changed. One for each night and one for each trial.

    A trial's `night_id` is the night that made its version, None for a version that no night made.
    """

    __tablename__ = "receipt"
    id: str = Field(default_factory=new_id, primary_key=True)
    night_id: str | None = Field(default=None, foreign_key="night.id")
    canary_id: str | None = Field(default=None, foreign_key="canary.id", unique=True)
    kind: ReceiptKind = ReceiptKind.night
    persona: str = Field(index=True)
    outcome: Outcome
    reason: str
    version: str | None = None
    champion: str | None = None
    details: dict[str, Any] = Field(sa_column=_json())
    created_at: datetime = Field(default_factory=now)
    __table_args__ = (
        Index("receipt_night_id", "night_id"),
        Index(
            "one_receipt_of_a_night",
            "night_id",
            unique=True,
            sqlite_where=text("kind = 'night'"),
            postgresql_where=text("kind = 'night'"),
        ),
    )


class Worker(SQLModel, table=True):
    """A sign of life of each worker, so that a person who starts a night is told when nobody will run it."""

    __tablename__ = "worker"
    id: str = Field(primary_key=True)
    seen_at: datetime = Field(default_factory=now)
