"""`attune receipts`: what nights, canaries and watches decided, and why."""

from typing import Any

import rich_click as click
from sqlmodel import Session, col, select

from service.cli.dataset_show import show_markdown
from service.cli.named import LATEST, find_named
from service.cli.output import WHEN, as_json, database, in_minutes, settings, short_id, show_json, show_rows
from service.db.engine import reading
from service.db.tables import Canary, Night, Outcome, Receipt, ReceiptKind, Version
from service.personas.shelf import read_personas
from service.proof.page import write_page
from service.proof.record import record_of

_NONE_YET = "There is no receipt yet. A night leaves one: attune nightly PERSONA --wait"


@click.group()
def receipts() -> None:
    """What every night decided and why, also when it did nothing; and what became of versions that people tried."""


@receipts.command("list")
@click.argument("persona", required=False)
@click.option("--outcome", type=click.Choice([each.value for each in Outcome]), help="Only these.")
@click.option("--kind", type=click.Choice([each.value for each in ReceiptKind]), help="Only of nights, canaries or watches.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000))
@as_json
def list_receipts(persona: str | None, outcome: str | None, kind: str | None, limit: int, as_json: bool) -> None:
    """List the receipts, newest first."""
    query = select(Receipt).order_by(col(Receipt.id).desc()).limit(limit)
    for column, wanted in ((Receipt.persona, persona), (Receipt.outcome, outcome), (Receipt.kind, kind)):
        query = query.where(col(column) == wanted) if wanted else query
    with database() as engine, reading(engine) as session:
        found = list(session.exec(query))
    if persona and not found:
        read_personas(settings().personas).get(persona)
    if as_json:
        show_json([_as_dict(receipt) for receipt in found])
        return
    rows = [
        (short_id(each.id), each.persona, in_minutes(each.created_at), each.kind, each.outcome, each.version, each.reason) for each in found
    ]
    show_rows(("id", "persona", WHEN, "of a", "outcome", "version", "reason"), rows, _NONE_YET)


@receipts.command()
@click.argument("named", metavar="ID|latest", default=LATEST)
@click.option("--persona", help="Only of this persona.")
@click.option("--markdown", is_flag=True, help="Print the page as Markdown, on a terminal too.")
@as_json
def show(named: str, persona: str | None, markdown: bool, as_json: bool) -> None:
    """Show a receipt with the proof page of its night or version: an id, or the end of one as the list shows it.

    With --json the receipt as it was written, and the record of its night or version as it stands now.
    """
    with database() as engine, reading(engine) as session:
        receipt = _find(session, named, persona)
        night = session.get_one(Night, receipt.night_id) if receipt.night_id else None
        trial = session.get_one(Canary, receipt.canary_id) if receipt.canary_id else None
        version = session.get_one(Version, trial.version_id) if trial else None
        record = record_of(session, settings().artifact_folder, night, version)
    if as_json:
        show_json({**_as_dict(receipt), "record": record})
        return
    page = write_page(record)
    if markdown:
        click.echo(page, nl=False)
    else:
        show_markdown(page)


def _find(session: Session, named: str, persona: str | None) -> Receipt:
    query = select(Receipt).order_by(col(Receipt.id).desc())
    query = query.where(Receipt.persona == persona) if persona else query
    return find_named(session, query, col(Receipt.id), named, "receipt", _NONE_YET)


def _as_dict(receipt: Receipt) -> dict[str, Any]:
    return {
        "id": receipt.id,
        "persona": receipt.persona,
        "night": receipt.night_id,
        "trial": receipt.canary_id,
        "kind": receipt.kind.value,
        "outcome": receipt.outcome.value,
        "reason": receipt.reason,
        "version": receipt.version,
        "champion": receipt.champion,
        "created_at": receipt.created_at.isoformat(),
        "details": receipt.details,
    }
