"""A group of commands that are imported when they are used: `--help` waits for none of them."""

import importlib
from collections.abc import Mapping
from typing import Any

import rich_click as click


class Commands(click.RichGroup):
    """Knows its commands by name; `modules` says where each one lives, as `module:name`."""

    def __init__(self, *arguments: Any, modules: Mapping[str, str], **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._modules = modules

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self._modules)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._modules:
            return None
        module, _, name = self._modules[cmd_name].partition(":")
        found: click.Command = getattr(importlib.import_module(module), name)
        return found
