"""`attune openapi`: the description of the API as a file."""

import rich_click as click


@click.command()
def openapi() -> None:
    """Print the description of the API (OpenAPI), as /schema serves it; deploy/openapi.json is the one of this version."""
    from service.web.openapi import written  # noqa: PLC0415  # so that `attune --help` does not wait for the framework

    click.echo(written(), nl=False)
