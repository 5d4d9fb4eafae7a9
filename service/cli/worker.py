"""`attune worker`: the process that runs nights."""

import rich_click as click

from service.cli.output import settings
from service.logs import configure_logs


@click.command()
def worker() -> None:
    """Run nights: those on the schedule and those asked for. Part of `attune up`."""
    from service.worker import run_worker  # noqa: PLC0415  # DBOS takes half a second to import

    configure_logs()
    run_worker(settings())
