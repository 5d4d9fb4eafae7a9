"""`attune exchanges list`: what was said."""

import rich_click as click
from sqlmodel import col, select

from service.cli.output import WHEN, as_json, database, in_minutes, settings, short_id, show_json, show_rows
from service.db.engine import reading
from service.db.tables import Exchange, ExchangeState, Rating, Thumb, Version
from service.personas.shelf import read_personas

NOTHING_YET = "Nothing was said yet. Start: attune up"


@click.command("list")
@click.option("--persona", help="Only of this persona.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 1000))
@as_json
def list_exchanges(persona: str | None, limit: int, as_json: bool) -> None:
    """List the exchanges, newest first."""
    query = (
        select(Exchange, Version.number)
        .join(Version, col(Version.id) == Exchange.version_id)
        .order_by(col(Exchange.id).desc())
        .limit(limit)
    )
    with database() as engine, reading(engine) as session:
        found = list(session.exec(query.where(Exchange.persona == persona) if persona else query))
        words = select(Rating).where(col(Rating.exchange_id).in_([exchange.id for exchange, _ in found])).order_by(col(Rating.id))
        thumbs = {rating.exchange_id: rating.rating for rating in session.exec(words)}
    if persona and not found:
        read_personas(settings().personas).get(persona)
    rows = [
        {
            "id": exchange.id,
            "persona": exchange.persona,
            "version": f"v{number}",
            "state": exchange.state.value,
            "rating": None if thumbs.get(exchange.id) in {None, Thumb.withdrawn} else thumbs[exchange.id].value,
            "message": exchange.message,
            "reply": exchange.reply,
            "created_at": exchange.created_at.isoformat(),
        }
        for exchange, number in found
    ]
    if as_json:
        show_json(rows)
        return
    cells = [
        (short_id(each.id), in_minutes(each.created_at), f"{each.persona} {row['version']}", row["rating"], each.message, _reply(each))
        for (each, _), row in zip(found, rows, strict=True)
    ]
    show_rows(("id", WHEN, "by", "rating", "message", "reply"), cells, NOTHING_YET)


def _reply(exchange: Exchange) -> str:
    """What was replied; unless it came to its end, also what became of it."""
    ended = exchange.state == ExchangeState.complete
    return exchange.reply or "" if ended else f"({exchange.state.value}) {exchange.reply or ''}"
