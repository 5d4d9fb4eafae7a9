"""`attune persona list` and `show`: which personas there are, and what a model is told."""

from collections.abc import Sequence
from typing import Any

import rich_click as click

from service.cli.output import as_json, database, settings, show_json, show_rows
from service.db.engine import reading
from service.personas.persona import Persona, fingerprint
from service.personas.shelf import survey


@click.command("list")
@as_json
def list_personas(as_json: bool) -> None:
    """List the personas, those with a mistake in their file too."""
    found = survey(settings().personas)
    rows = sorted([*map(_row, found), *(_broken_row(name, error.message) for name, error in found.troubles.items())], key=_name)
    if as_json:
        show_json(rows)
    else:
        columns = ("name", "title", "models", "revision", "fingerprint", "state")
        empty = f"There is no persona in {settings().personas}. Write one there, such as friend.md, or set ATTUNE_PERSONAS."
        show_rows(columns, [_cells(row, columns) for row in rows], empty)
        for error in found.troubles.values():
            click.echo(error.message, err=True)


@click.command()
@click.argument("name")
@click.option("--revision", "mark", help="Show the whole file as it stood under this fingerprint, or the beginning of one.")
@as_json
def show(name: str, mark: str | None, as_json: bool) -> None:
    """Show the prompt of the persona NAME as it is served, and all that its file says with --json."""
    if mark is not None:
        _show_kept(name, mark, as_json)
        return
    found = survey(settings().personas).require(name)
    if as_json:
        show_json(
            {
                "name": name,
                "revision": found.revision,
                "fingerprint": fingerprint(found.prompt()),
                "prompt": found.prompt(),
                "safety": found.safety,
                "settings": found.settings,
            }
        )
    else:
        click.echo(found.prompt())


def _show_kept(name: str, mark: str, as_json: bool) -> None:
    from service.chat.revision import find_revision, kept_under  # noqa: PLC0415  # so that `list` does not wait for the chat

    with database() as engine, reading(engine) as session:
        kept = find_revision(session, kept_under(name), mark)
    if as_json:
        show_json({"name": name, "revision": kept.fingerprint, "text": kept.text, "created_at": kept.created_at.isoformat()})
    else:
        click.echo(kept.text, nl=False)


def _cells(row: dict[str, Any], columns: Sequence[str]) -> list[str | None]:
    """A line of the table; what is wrong stands below it."""
    shown = {**row, "models": ", ".join(row["models"]), "state": "ok" if row["state"] == "ok" else "broken"}
    return [shown[name] for name in columns]


def _name(row: dict[str, Any]) -> str:
    return str(row["name"])


def _row(persona: Persona) -> dict[str, Any]:
    return {
        "name": persona.name,
        "title": persona.settings.title,
        "models": persona.settings.models,
        "revision": persona.revision,
        "fingerprint": fingerprint(persona.prompt()),
        "state": "ok",
    }


def _broken_row(name: str, complaint: str) -> dict[str, Any]:
    return {"name": name, "title": None, "models": [], "revision": None, "fingerprint": None, "state": complaint}
