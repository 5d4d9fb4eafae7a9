"""A persona: the settings of its front matter, its system prompt, and the fingerprint of every text it speaks under."""

import hashlib
from collections.abc import Mapping
from typing import Any, Literal

import msgspec
from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from service.errors import PersonaError

_jinja = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False, keep_trailing_newline=False)


class _Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One mapping of the front matter: unknown keys are refused."""


class Sampling(_Section, frozen=True, kw_only=True):
    """How replies are drawn; `max_tokens` bounds the reply."""

    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int = 256
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    seed: int | None = None
    stop: list[str] = []


class Memory(_Section, frozen=True, kw_only=True):
    """How much of the conversation the model is shown, in tokens."""

    max_tokens: int = 2000


class ReplyRules(_Section, frozen=True, kw_only=True):
    """What is cleaned out of a reply."""

    strip_speaker: bool = True
    stop_at_other_speakers: bool = True


class RatingReasons(_Section, frozen=True, kw_only=True):
    """The stable keys a person may give as reasons."""

    up: list[str] = []
    down: list[str] = []


class Minimum(_Section, frozen=True, kw_only=True):
    """How many samples a night needs: `liked` for training at all, `each_label` for learning from both thumbs."""

    liked: int = 50
    each_label: int = 20


class Budget(_Section, frozen=True, kw_only=True):
    """What a night may cost."""

    minutes: float = 120


class Learning(_Section, frozen=True, kw_only=True):
    """Who trains, from what, and when there is enough to train on."""

    trainer: str = "local"
    base: str = "starter"
    method: Literal["auto", "sft", "kto"] = "auto"
    minimum: Minimum = Minimum()
    budget: Budget = Budget()


class GateRules(_Section, frozen=True, kw_only=True):
    """What a candidate must show."""

    canary: float = 0.0


class PersonaSettings(_Section, frozen=True, kw_only=True):
    """The whole front matter of a persona file."""

    title: str
    greeting: str = ""
    models: list[str]
    variables: dict[str, str] = {}
    sampling: Sampling = Sampling()
    memory: Memory = Memory()
    examples: int = 0
    reply: ReplyRules = ReplyRules()
    ratings: RatingReasons = RatingReasons()
    learning: Learning = Learning()
    gate: GateRules = GateRules()


class Persona(msgspec.Struct, frozen=True, kw_only=True):
    """A persona as read from its file: `name` is the file's, `template` the body."""

    name: str
    settings: PersonaSettings
    template: str
    origin: str = ""

    def prompt(self, variables: Mapping[str, Any] | None = None) -> str:
        """Render the system prompt; raise `PersonaError` when the template asks for a variable that nobody gives."""
        values = {"char": self.settings.title, **self.settings.variables, **(variables or {})}
        try:
            return _jinja.from_string(self.template).render(values).strip()
        except TemplateError as error:
            raise PersonaError(f"{self.origin or self.name}: the prompt cannot be rendered: {error}") from error


def fingerprint(prompt: str) -> str:
    """The name of a rendered prompt: the first 16 hexadecimal characters of its SHA-256."""
    return hashlib.sha256(prompt.encode()).hexdigest()[:16]
