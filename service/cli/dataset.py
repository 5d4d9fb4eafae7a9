"""`attune dataset`: what nights learn from."""

import rich_click as click

from service.cli.lazy import Commands

_COMMANDS = {
    "build": "service.cli.dataset_build:build",
    "list": "service.cli.dataset_show:list_frozen",
    "show": "service.cli.dataset_show:show",
    "diff": "service.cli.dataset_show:diff",
    "export": "service.cli.dataset_export:export_frozen",
    "golden": "service.cli.dataset_golden:golden",
}


@click.group(cls=Commands, modules=_COMMANDS)
def dataset() -> None:
    """The frozen datasets: what is in them, where every row came from, and the golden rows that versions are judged by."""
