"""`attune model list` and `promote`: which versions there are, and which one serves."""

import rich_click as click

from service import registry
from service.canary.trial import promote_by_hand
from service.cli.model_rollback import as_dict, make_servable, show_champion
from service.cli.output import WHEN, as_json, database, in_minutes, settings, show_json, show_rows
from service.db.engine import reading, transaction
from service.db.tables import Version
from service.personas.persona import Persona
from service.personas.shelf import read_personas


@click.command("list")
@click.argument("persona", required=False)
@as_json
def list_versions(persona: str | None, as_json: bool) -> None:
    """List the versions, newest first."""
    personas = read_personas(settings().personas)
    with database() as engine:
        with transaction(engine) as session:
            for each in personas:
                registry.champion(session, each.name)
        with reading(engine) as session:
            found = list(registry.list_versions(session, persona))
    if persona and not found:
        personas.get(persona)
    if as_json:
        show_json([as_dict(version) for version in found])
        return
    rows = [
        (each.persona, each.name, each.stage.value, in_minutes(each.created_at), each.model or "as the persona file says") for each in found
    ]
    show_rows(("persona", "version", "stage", WHEN, "model"), rows, "There is no version of that persona.")


@click.command()
@click.argument("persona")
@click.argument("version")
@as_json
def promote(persona: str, version: str, as_json: bool) -> None:
    """Serve VERSION (v0, v1 ...) of PERSONA from the next exchange on, and watch it as after a night."""
    found = read_personas(settings().personas).get(persona)
    with database() as engine:
        with transaction(engine) as session:
            make_servable(registry.find_version(session, found.name, version))
        with transaction(engine) as session:
            wanted = registry.find_version(session, found.name, version)
            show_champion(promote_by_hand(session, found, wanted, "promoted by hand"), as_json)
            _remark(wanted, found)


def _remark(version: Version, persona: Persona) -> None:
    if version.revision and version.revision != persona.revision:
        click.echo("It was proved under another text of the persona file than the one in force.", err=True)
