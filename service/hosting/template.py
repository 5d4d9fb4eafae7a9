"""The chat template of a model folder, applied without loading the model: what the training tokenizer would make of a conversation.

The rules are those of transformers' `apply_chat_template` (huggingface.co/docs/transformers, "Chat templates"): Jinja in a sandbox, blocks
trimmed, the tokenizer's special tokens as variables, and `{% generation %}` marks that leave no trace in the text.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

import msgspec
from jinja2 import TemplateError, nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from service.errors import HostingError
from service.personas.shelf import Message

PARITY = (
    [Message("user", "Hi.")],
    [Message("system", "You are kind."), Message("user", "Hi."), Message("assistant", "Hello."), Message("user", "Ünïcode\n\nand <lines>")],
)
"""Conversations that a host has to show as they were trained on, before a version counts as published."""

_FILE = "chat_template.jinja"
_SETTINGS = "tokenizer_config.json"
_SPECIAL = ("bos_token", "eos_token", "unk_token", "pad_token", "sep_token", "cls_token", "mask_token")


def render_template(folder: Path, messages: Sequence[Message]) -> str:
    """The text after which the reply would begin; `HostingError` when the folder has no template, or the template refuses."""
    settings = _settings(folder)
    source = (folder / _FILE).read_text("utf-8") if (folder / _FILE).exists() else settings.get("chat_template")
    if not isinstance(source, str) or not source:
        raise HostingError(f"The model in {folder} has no chat template.")
    try:
        return (
            _environment()
            .from_string(source)
            .render(
                messages=msgspec.to_builtins(list(messages)), add_generation_prompt=True, tools=None, documents=None, **_special(settings)
            )
        )
    except TemplateError as error:
        raise HostingError(f"The chat template in {folder} does not take this conversation: {error}") from error


def first_difference(ours: str, theirs: str) -> str:
    """Where two renderings part, in words; empty when they do not."""
    if ours == theirs:
        return ""
    place = next((n for n, (one, other) in enumerate(zip(ours, theirs, strict=False)) if one != other), min(len(ours), len(theirs)))
    return f"at character {place} there is {theirs[place : place + 24]!r} and should be {ours[place : place + 24]!r}"


def _settings(folder: Path) -> dict[str, Any]:
    try:
        settings: dict[str, Any] = json.loads((folder / _SETTINGS).read_bytes())
    except (OSError, ValueError) as error:
        raise HostingError(f"The tokenizer in {folder} cannot be read: {_SETTINGS} is missing or damaged.") from error
    return settings


def _special(settings: dict[str, Any]) -> dict[str, str]:
    found = {name: settings.get(name) for name in _SPECIAL}
    told = {name: token.get("content") if isinstance(token, dict) else token for name, token in found.items()}
    return {name: token for name, token in told.items() if isinstance(token, str)}


def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, loopcontrols])
    environment.filters["tojson"] = lambda value, **options: json.dumps(value, ensure_ascii=False, **options)
    environment.globals["raise_exception"] = _refuse
    environment.globals["strftime_now"] = lambda form: datetime.now().strftime(form)  # local time, as transformers does
    return environment


def _refuse(message: str) -> NoReturn:
    raise TemplateError(message)


class _Generation(Extension):
    """`{% generation %} ... {% endgeneration %}`: which tokens are the assistant's, a matter of training only."""

    tags = {"generation"}

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)
