"""`attune version`."""

from importlib.metadata import version as version_of

import rich_click as click

from service.cli.output import as_json, show_json


@click.command()
@as_json
def version(as_json: bool) -> None:
    """Print the version of Attune."""
    number = version_of("attune")
    if as_json:
        show_json({"version": number})
    else:
        click.echo(f"attune {number}")
