"""`attune persona import` and `attune persona export`: Character Cards in and out."""

from pathlib import Path
from typing import Any

import rich_click as click

from service.cli.output import settings, show_record
from service.personas.card_export import export_card
from service.personas.card_import import USER, import_card
from service.personas.shelf import read_personas

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command("import")
@click.argument("file", type=_FILE)
@click.option("--name", default="", help="The persona's name; by default made of the card's.")
@click.option("--models", default="local:starter", show_default=True, help="Who answers, in order: provider:model,provider:model.")
@click.option("--user", default=USER, show_default=True, help="What {{user}} says where nobody knows the person's name.")
@click.option("--force", is_flag=True, help="Replace the persona of that name; its files are kept as .bak.")
def import_persona(file: Path, name: str, models: str, user: str, force: bool) -> None:
    """Make a persona of a Character Card (V1, V2 or V3; JSON, PNG or CHARX)."""
    asked = [model.strip() for model in models.split(",") if model.strip()]
    done = import_card(file, settings().personas, name=name, models=asked, user=user, force=force)
    show_record(done.fields, ("field", "became"))
    for note in done.notes:
        click.echo(f"note: {note}", err=True)
    if done.replaced:
        click.echo(f"replaced, and kept as .bak: {', '.join(map(str, done.replaced))}", err=True)
    click.echo(f"wrote {', '.join(map(str, done.written))}", err=True)
    click.echo(f"The card of V{done.card.version} is now the persona '{done.name}'. See: attune persona show {done.name}", err=True)


@click.command("export")
@click.argument("name")
@click.argument("file", type=_FILE)
@click.option("--spec", type=click.Choice(["v2", "v3"]), help="The version of a fresh card, v3 by default.")
@click.option("--force", is_flag=True, help="Replace the file if it is there.")
def export_persona(name: str, file: Path, spec: Any, force: bool) -> None:
    """Write a persona as a Character Card into FILE (.json, .png or .charx)."""
    folder = settings().personas
    done = export_card(read_personas(folder), folder, name, file, spec=spec, force=force)
    for note in done.notes:
        click.echo(f"note: {note}", err=True)
    if done.edited:
        click.echo(f"edited since the import, so the persona's words stand in: {', '.join(done.edited)}", err=True)
    click.echo(f"wrote {file}: a card of V{done.version}", err=True)
