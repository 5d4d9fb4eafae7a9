"""`attune exchanges imports` and `withdraw-import`: what was brought in, and taking it back."""

import rich_click as click

from service.cli.output import WHEN, as_json, database, in_minutes, settings, show_json, show_rows
from service.curation.imports.storage import list_imports, withdraw_import
from service.db.engine import reading, transaction
from service.db.tables import Import
from service.personas.shelf import survey


@click.command()
@click.option("--persona", help="Only for this persona.")
@as_json
def imports(persona: str | None, as_json: bool) -> None:
    """List the files that were brought in, transcripts too, newest first."""
    with database() as engine, reading(engine) as session:
        found = list_imports(session, persona)
    if persona and not found:
        survey(settings().personas).require(persona)
    if as_json:
        show_json([_document(one) for one in found])
    else:
        rows = [(one.id, one.persona, one.source, one.form, _counts(one), in_minutes(one.created_at), _state(one)) for one in found]
        empty = "Nothing was imported yet. See: attune exchanges import --help, attune transcript import --help"
        show_rows(("id", "persona", "file", "form", "what", WHEN, "state"), rows, empty)


@click.command("withdraw-import")
@click.argument("import_id", metavar="ID")
@as_json
def withdraw(import_id: str, as_json: bool) -> None:
    """Take back the import ID: no later night learns from it. The file can be imported again."""
    with database() as engine, transaction(engine) as session:
        found = withdraw_import(session, import_id)
    if as_json:
        show_json(_document(found))
    click.echo(f"Withdrawn: {found.source}, {_counts(found)}. The next night of {found.persona} learns without it.", err=True)


def _document(one: Import) -> dict[str, object]:
    same = {name: getattr(one, name) for name in ("id", "persona", "source", "form", "counts")}
    return {**same, "created_at": one.created_at.isoformat(), "withdrawn_at": one.withdrawn_at and one.withdrawn_at.isoformat()}


def _counts(one: Import) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in one.counts.items() if count)


def _state(one: Import) -> str:
    return f"withdrawn {one.withdrawn_at:%Y-%m-%d %H:%M}" if one.withdrawn_at else ""
