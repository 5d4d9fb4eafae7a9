"""`attune model rollback`: the version before serves again. Made to be quick; it reads no persona, so a broken one is in nobody's way."""

import rich_click as click

from service import registry
from service.cli.output import as_json, database, settings, show_json
from service.db.engine import reading, transaction
from service.db.tables import Version


@click.command()
@click.argument("persona")
@as_json
def rollback(persona: str, as_json: bool) -> None:
    """Serve the version of PERSONA that served before the present one."""
    with database() as engine:
        with reading(engine) as session:
            known = bool(registry.list_versions(session, persona))
            before = registry.list_fallbacks(session, persona)
        if not known:
            _require_persona(persona)
        if before:
            make_servable(before[0])
        with transaction(engine) as session:
            show_champion(registry.rollback(session, persona), as_json)


def make_servable(version: Version) -> None:
    """Bring back what was taken from its host to make room; what is served already costs no import."""
    ours = settings()
    run = ours.artifact_folder / "runs" / (version.night_id or "")
    gone = version.provider == "local" and not ours.version_folder(version.model or "").is_dir()
    if version.night_id and (gone or (run / "withdrawn").exists()):
        from service import keeper  # noqa: PLC0415 - it knows every host and its client: half a second

        click.echo(f"{version.persona} {version.name} was taken from its host; it is brought back first.", err=True)
        keeper.rebuild(ours, version)


def as_dict(version: Version) -> dict[str, str | None]:
    """A version as the commands print it."""
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


def show_champion(version: Version, as_json: bool) -> None:
    """Say which version serves now."""
    if as_json:
        show_json(as_dict(version))
    else:
        click.echo(f"{version.persona} {version.name} is the champion. The next exchange uses it.", err=True)


def _require_persona(name: str) -> None:
    """Raise `NotFound` for a persona that there is no file of."""
    from service.personas.shelf import read_personas  # noqa: PLC0415 - a quarter of a rollback's time, and seldom wanted

    read_personas(settings().personas).get(name)
