"""`attune exchanges`: what was said, and what was brought in."""

import rich_click as click

from service.cli.lazy import Commands

_COMMANDS = {
    "list": "service.cli.exchanges_list:list_exchanges",
    "show": "service.cli.exchanges_show:show",
    "import": "service.cli.exchanges_import:import_exchanges",
    "imports": "service.cli.exchanges_imports:imports",
    "withdraw-import": "service.cli.exchanges_imports:withdraw",
    "export": "service.cli.exchanges_export:export",
}


@click.group(cls=Commands, modules=_COMMANDS)
def exchanges() -> None:
    """The exchanges, with their ratings: what was said here, and what was brought in from elsewhere."""
