"""`attune persona`: the personas as their files say."""

import rich_click as click

from service.cli.output import as_json, settings, show_json, show_rows
from service.personas.persona import fingerprint
from service.personas.shelf import read_personas


@click.group()
def persona() -> None:
    """The personas."""


@persona.command("list")
@as_json
def list_personas(as_json: bool) -> None:
    """List the personas."""
    found = [
        (each.name, each.settings.title, each.settings.models, fingerprint(each.prompt())) for each in read_personas(settings().personas)
    ]
    if as_json:
        show_json([{"name": name, "title": title, "models": models, "fingerprint": mark} for name, title, models, mark in found])
    else:
        show_rows(("name", "title", "models", "fingerprint"), [(n, t, ", ".join(m), f) for n, t, m, f in found], "")


@persona.command()
@click.argument("name")
@as_json
def show(name: str, as_json: bool) -> None:
    """Show a persona's prompt as it is served, and its settings with --json."""
    found = read_personas(settings().personas).get(name)
    if as_json:
        show_json({"name": name, "fingerprint": fingerprint(found.prompt()), "prompt": found.prompt(), "settings": found.settings})
    else:
        click.echo(found.prompt())


@persona.command()
def check() -> None:
    """Check every persona file with its seeds and probes."""
    personas = read_personas(settings().personas)
    for each in personas:
        seeds, probes = personas.seeds(each.name), personas.probes(each.name)
        click.echo(f"{each.name}: {len(seeds)} seeds, {len(probes)} probes, fingerprint {fingerprint(each.prompt())}", err=True)
