"""What a model's chat template puts around the words, in tokens: measured once by rendering it, as the engine does for every call."""

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from jinja2 import nodes
from jinja2.exceptions import TemplateError
from jinja2.ext import Extension
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

_CAREFUL = 10
"""Tokens around one message where the template cannot be measured; the common ones need two to six."""

_WORD = "word"


class Marks(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens around a message of each role, and those that open the reply. `trims` and `breaks_up` are what is done to the words."""

    system: int = _CAREFUL
    user: int = _CAREFUL
    assistant: int = _CAREFUL
    opening: int = _CAREFUL
    trims: bool = False
    """Blank space at both ends is taken away."""
    breaks_up: bool = False
    """A `<|` typed into a message becomes `< |`."""

    def around(self, role: str) -> int:
        """The tokens around a message of this role."""
        return {"user": self.user, "assistant": self.assistant}.get(role, self.system)


class _Generation(Extension):
    """`{% generation %}`, with which training marks the replies: what stands within is rendered as it is."""

    tags = {"generation"}

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


UNRENDERABLE = (TemplateError, ArithmeticError, LookupError, TypeError, ValueError, AttributeError)
"""What a template may raise."""


def measure(folder: Path, count: Callable[[str], int]) -> Marks:
    """Measure the chat template of a checkpoint; where there is none, or it does not render, the answer is a careful guess."""
    try:
        render = renderer(folder)
        return Marks() if render is None else _measured(render, count)
    except UNRENDERABLE:
        return Marks()


def renderer(folder: Path) -> Callable[..., str] | None:
    """The chat template of a checkpoint, to be called with turns (role and text) and `opened=True` to open the reply; None without one.

    Making it and calling it can raise what is `UNRENDERABLE`.
    """
    source = _template(folder)
    if source is None:
        return None
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, "jinja2.ext.loopcontrols"])
    environment.globals.update(raise_exception=_refuse, strftime_now=lambda form: datetime.now().strftime(form))
    template = environment.from_string(source)

    def render(*turns: tuple[str, str], opened: bool = False) -> str:
        messages = [{"role": role, "content": text} for role, text in turns]
        return template.render(messages=messages, add_generation_prompt=opened, bos_token="", eos_token="")

    return render


def _measured(render: Callable[..., str], count: Callable[[str], int]) -> Marks:
    system, user, assistant = ("system", _WORD), ("user", _WORD), ("assistant", _WORD)
    word = count(_WORD)
    one, two, three = (count(render(*turns)) for turns in ((system,), (system, user), (system, user, assistant)))
    return Marks(
        system=max(0, one - word),
        user=max(0, two - one - word),
        assistant=max(0, three - two - word),
        opening=max(0, count(render(system, user, opened=True)) - two),
        trims=render(system, ("user", f" {_WORD} ")) == render(system, user),
        breaks_up=f"<|{_WORD}" not in render(system, ("user", f"<|{_WORD}")),
    )


def _template(folder: Path) -> str | None:
    """The source of the template: a file of its own, or a member of the tokenizer's settings."""
    file, settings = folder / "chat_template.jinja", folder / "tokenizer_config.json"
    if file.is_file():
        return file.read_text("utf-8")
    if not settings.is_file():
        return None
    named: Any = json.loads(settings.read_text("utf-8")).get("chat_template")
    if isinstance(named, list):  # several, each under a name
        named = next((each.get("template") for each in named if each.get("name") == "default"), None)
    return named if isinstance(named, str) else None


def _refuse(message: str) -> None:
    raise TemplateError(message)
