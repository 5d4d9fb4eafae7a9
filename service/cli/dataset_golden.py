"""`attune dataset golden`: the rows that every version is judged by and none is trained on."""

from typing import Any

import msgspec
import rich_click as click

from service.cli.output import as_json, database, settings, show_json, show_rows
from service.curation.golden import add_golden, golden_of, remove_golden
from service.db.engine import reading
from service.personas.shelf import Golden, survey

_COLUMNS = ("persona", "row", "label", "exchange", "message", "reply")


@click.group()
def golden() -> None:
    """The golden rows of a persona, in a file beside it. They are held out, with all that begins like them."""


@golden.command("list")
@click.argument("persona", required=False)
@as_json
def list_golden(persona: str | None, as_json: bool) -> None:
    """List the golden rows, of PERSONA or of all."""
    found = survey(settings().personas)
    names = [found.get(persona).name] if persona else [each.name for each in found]
    rows = [_as_dict(name, number, row) for name in names for number, row in enumerate(found.golden(name), start=1)]
    if as_json:
        show_json(rows)
    else:
        _show(rows, f"There is no golden row yet. Add one: attune dataset golden add {persona or 'PERSONA'} EXCHANGE_ID")


@golden.command("add")
@click.argument("persona")
@click.argument("exchange_id")
@click.option("--bad", is_flag=True, help="The reply is one that no version shall give.")
@as_json
def add(persona: str, exchange_id: str, bad: bool, as_json: bool) -> None:
    """Freeze the reply of a rated exchange as a golden row of PERSONA: a good one, or with --bad a bad one."""
    found = survey(settings().personas)
    name = found.get(persona).name
    present, path = found.golden(name), found.golden_file(name)
    with database() as engine, reading(engine) as session:
        row = golden_of(session, name, exchange_id, label=not bad)
    add_golden(path, present, row)
    added = _as_dict(name, len(present) + 1, row)
    if as_json:
        show_json(added)
    else:
        _show([added], "")
    click.echo(f"added to {path}. From the next dataset on it is judged by and, with all that begins like it, not trained on.", err=True)
    click.echo("note: the file holds what was said word for word; personal data is replaced when a dataset is made of it.", err=True)


@golden.command("remove")
@click.argument("persona")
@click.argument("which", metavar="ROW|EXCHANGE_ID")
@as_json
def remove(persona: str, which: str, as_json: bool) -> None:
    """Take a golden row of PERSONA away. What was held out once is not trained on afterwards either."""
    found = survey(settings().personas)
    name = found.get(persona).name
    present, path = found.golden(name), found.golden_file(name)
    row = remove_golden(path, present, which)
    removed = _as_dict(name, present.index(row) + 1, row)
    if as_json:
        show_json(removed)
    else:
        _show([removed], "")
    click.echo(f"removed from {path}", err=True)


def _as_dict(persona: str, number: int, row: Golden) -> dict[str, Any]:
    return {
        "persona": persona,
        "row": number,
        "label": "good" if row.label else "bad",
        "exchange": row.exchange,
        "message": row.messages[-2].content,
        "reply": row.messages[-1].content,
        "messages": msgspec.to_builtins(row.messages),
    }


def _show(rows: list[dict[str, Any]], empty: str) -> None:
    show_rows(_COLUMNS, [tuple(row[name] for name in _COLUMNS) for row in rows], empty)
