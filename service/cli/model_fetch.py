"""`attune model fetch`: a base model from a hub."""

import rich_click as click

from service.cli.output import as_json, settings, show_json
from service.providers.catalog import checkpoint_folder
from service.training.base import count_parameters
from service.training.hub import fetch_base


@click.command()
@click.argument("name")
@click.option("--revision", help="A branch, tag or commit of the model; by default its newest.")
@as_json
def fetch(name: str, revision: str | None, as_json: bool) -> None:
    """Fetch the base model NAME (organisation/model) from the hub, so that a persona can name it as `learning.base`."""
    folder = fetch_base(name, checkpoint_folder(name, settings()), revision)
    weights = count_parameters(folder)
    if as_json:
        show_json({"name": name, "folder": str(folder), "weights": weights})
    else:
        click.echo(f"{name} with {weights / 1e9:.2f} billion weights lies in {folder}.", err=True)
        click.echo(f"Let a persona learn on it: learning: {{base: {name}}}, and chat with it: models: [local:{name}]", err=True)
