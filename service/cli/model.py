"""`attune model`: the registry of versions."""

import rich_click as click

from service.cli.lazy import Commands

_COMMANDS = {
    "list": "service.cli.model_versions:list_versions",
    "show": "service.cli.model_show:show",
    "lineage": "service.cli.model_show:lineage",
    "fetch": "service.cli.model_fetch:fetch",
    "promote": "service.cli.model_versions:promote",
    "rollback": "service.cli.model_rollback:rollback",
    "canary": "service.cli.model_canary:canary",
}


@click.group(cls=Commands, modules=_COMMANDS)
def model() -> None:
    """The versions of a persona: which one serves, which is being tried, what each was proved by, and where it came from."""
