"""`attune exchanges show`: all that is known of one exchange, and what learned from it."""

from datetime import datetime
from typing import Any

import rich_click as click
from sqlmodel import Session, col, select

from service.cli.exchanges_list import NOTHING_YET
from service.cli.named import LATEST, find_named
from service.cli.output import as_json, database, in_minutes, show_json, show_record
from service.db.engine import reading
from service.db.tables import Conversation, Dataset, Exchange, Prompt, Rating, Sample, Version


@click.command()
@click.argument("named", metavar="ID|latest", default=LATEST)
@as_json
def show(named: str, as_json: bool) -> None:
    """Show an exchange: its words, who made the reply, every rating of it, and the datasets it became part of.

    ID is the whole id, as an app has it too, or its last letters, as the list shows them.
    """
    with database() as engine, reading(engine) as session:
        newest_first = select(Exchange).order_by(col(Exchange.id).desc())
        exchange = find_named(session, newest_first, col(Exchange.id), named.removeprefix("chatcmpl-"), "exchange", NOTHING_YET)
        document = _document(session, exchange)
    if as_json:
        show_json(document)
        return
    show_record([*_said(document), *_lines(document)])


def _document(session: Session, exchange: Exchange) -> dict[str, Any]:
    version = session.get_one(Version, exchange.version_id)
    prompt = session.get_one(Prompt, exchange.fingerprint)
    conversation = session.get_one(Conversation, exchange.conversation_id)
    ratings = session.exec(select(Rating).where(Rating.exchange_id == exchange.id).order_by(col(Rating.id))).all()
    newest = {rating.person_id: rating.id for rating in ratings}
    learned = session.exec(
        select(Sample, Dataset)
        .join(Dataset, col(Dataset.id) == col(Sample.dataset_id))
        .where((col(Sample.exchange_id) == exchange.id) | (col(Sample.other_id) == exchange.id))
        .order_by(col(Sample.id))
    ).all()
    same = ("id", "conversation_id", "previous_id", "persona", "finish_reason", "error", "provider", "model", "prompt_tokens")
    return {
        **{name: getattr(exchange, name) for name in same},
        "completion_tokens": exchange.completion_tokens,
        "person_id": conversation.person_id,
        "version": version.name,
        "state": exchange.state.value,
        "fingerprint": exchange.fingerprint,
        "revision": exchange.revision,
        "prompt": prompt.text,
        "context": exchange.context,
        "message": exchange.message,
        "reply": exchange.reply,
        "additions": exchange.additions,
        "warnings": exchange.warnings,
        "created_at": exchange.created_at.isoformat(),
        "ended_at": exchange.ended_at and exchange.ended_at.isoformat(),
        "ratings": [{**_rating(rating), "stands": newest[rating.person_id] == rating.id} for rating in ratings],
        "datasets": [
            {"id": dataset.id, "hash": dataset.hash, "form": sample.form, "split": sample.split, "origin": sample.origin}
            for sample, dataset in learned
        ],
    }


def _rating(rating: Rating) -> dict[str, Any]:
    same = {name: getattr(rating, name) for name in ("id", "person_id", "reasons", "comment", "correction")}
    return {**same, "rating": rating.rating.value, "created_at": rating.created_at.isoformat()}


def _said(document: dict[str, Any]) -> list[tuple[Any, ...]]:
    """What was said, from the prompt to the reply."""
    context = [("context", turn["role"], turn["content"]) for turn in document["context"]]
    return [("prompt", "system", document["prompt"]), *context, ("message", "user", document["message"]), ("reply", "", document["reply"])]


def _lines(document: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Who made it, what people thought of it, and where it was learned from."""
    by = f"{document['provider']}:{document['model']}" if document["model"] else document["provider"]
    made = [
        ("persona", "", f"{document['persona']} {document['version']}"),
        ("state", "", document["error"] or document["state"]),
        ("made by", "", by or "nobody yet"),
        ("at", "", f"{in_minutes(datetime.fromisoformat(document['created_at']))} UTC"),
        ("conversation", "", document["conversation_id"]),
    ]
    ratings = [("rating" if rating["stands"] else "earlier rating", rating["rating"], _words(rating)) for rating in document["ratings"]]
    learned = [("dataset", f"{sample['split']}, {sample['form']}", sample["hash"][:12]) for sample in document["datasets"]]
    return [*made, *ratings, *learned]


def _words(rating: dict[str, Any]) -> str:
    better = f"better: {rating['correction']}" if rating["correction"] else ""
    return "; ".join(word for word in (", ".join(rating["reasons"]), rating["comment"], better) if word)
