"""`attune model list`, `promote` and `rollback`: which versions there are, and which one serves."""

import rich_click as click
from sqlalchemy import Engine

from service import registry
from service.cli.output import as_json, database, settings, show_json, show_rows
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
            found = [_as_dict(version) for version in registry.list_versions(session, persona)]
    if persona and not found:
        personas.get(persona)
    if as_json:
        show_json(found)
    else:
        columns = ("persona", "version", "stage", "model", "created_at")
        rows = [tuple(row[name] or ("as the persona file says" if name == "model" else "") for name in columns) for row in found]
        show_rows(columns, rows, "There is no version of that persona.")


@click.command()
@click.argument("persona")
@click.argument("version")
@as_json
def promote(persona: str, version: str, as_json: bool) -> None:
    """Serve VERSION (v0, v1 ...) of PERSONA from the next exchange on, and watch it as after a night."""
    found = read_personas(settings().personas).get(persona)
    with database() as engine:
        with transaction(engine) as session:
            _make_servable(registry.find_version(session, found.name, version))
        _promote(engine, found, version, as_json)


def _promote(engine: Engine, found: Persona, version: str, as_json: bool) -> None:
    from service.canary.trial import promote_by_hand  # noqa: PLC0415 - a rollback needs none of it, and is to be quick

    with transaction(engine) as session:
        wanted = registry.find_version(session, found.name, version)
        _show(promote_by_hand(session, found, wanted, "promoted by hand"), as_json)
        _remark(wanted, found)


@click.command()
@click.argument("persona")
@as_json
def rollback(persona: str, as_json: bool) -> None:
    """Serve the version of PERSONA that served before the present one."""
    name = read_personas(settings().personas).get(persona).name
    with database() as engine:
        with reading(engine) as session:
            before = registry.list_fallbacks(session, name)
        if before:
            _make_servable(before[0])
        with transaction(engine) as session:
            _show(registry.rollback(session, name), as_json)


def _make_servable(version: Version) -> None:
    """Bring back what was taken from its host to make room; what is served already costs no import."""
    ours = settings()
    run = ours.artifact_folder / "runs" / (version.night_id or "")
    gone = version.provider == "local" and not ours.version_folder(version.model or "").is_dir()
    if version.night_id and (gone or (run / "withdrawn").exists()):
        from service import keeper  # noqa: PLC0415 - it knows every host and its client: half a second

        click.echo(f"{version.persona} {version.name} was taken from its host; it is brought back first.", err=True)
        keeper.rebuild(ours, version)


def _as_dict(version: Version) -> dict[str, str | None]:
    return {
        "id": version.id,
        "persona": version.persona,
        "version": version.name,
        "stage": version.stage.value,
        "provider": version.provider,
        "model": version.model,
        "note": version.note,
        "created_at": version.created_at.isoformat(),
    }


def _show(version: Version, as_json: bool) -> None:
    if as_json:
        show_json(_as_dict(version))
    else:
        click.echo(f"{version.persona} {version.name} is the champion. The next exchange uses it.", err=True)


def _remark(version: Version, persona: Persona) -> None:
    if version.revision and version.revision != persona.revision:
        click.echo("It was proved under another text of the persona file than the one in force.", err=True)
