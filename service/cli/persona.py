"""`attune persona`: the personas as their files say."""

import rich_click as click

from service.cli.lazy import Commands

_COMMANDS = {
    "list": "service.cli.persona_list:list_personas",
    "show": "service.cli.persona_list:show",
    "check": "service.cli.persona_check:check",
    "try": "service.cli.persona_try:try_persona",
    "revisions": "service.cli.persona_history:revisions",
    "diff": "service.cli.persona_history:diff",
    "import": "service.cli.persona_cards:import_persona",
    "export": "service.cli.persona_cards:export_persona",
}


@click.group(cls=Commands, modules=_COMMANDS)
def persona() -> None:
    """The personas: their files, the texts they had, and how they do with a model."""
