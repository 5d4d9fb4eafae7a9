"""One conversation tried on one model under one text of a persona: asked and cleaned as when serving, but nothing of it is kept."""

import time
from collections.abc import Sequence

import msgspec

from service.chat.answer import Question
from service.chat.context import Material, View, system_text
from service.chat.exchange import Opened
from service.chat.messages import trim_history
from service.chat.recall import find_lore
from service.chat.transcript import Transcript
from service.db.tables import Version, now
from service.errors import ProviderError
from service.personas.persona import Persona
from service.providers.base import Turn
from service.providers.catalog import Providers
from service.providers.tokens import ESTIMATE
from service.settings import Settings


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it. With an `error`, in words, `reply` is what was said before it."""

    reply: str
    seed: int | None
    error: str | None = None
    code: str | None = None
    finish_reason: str | None = None
    first_seconds: float | None = None
    seconds: float
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    warnings: list[str] = []


class _Timed(Transcript):
    """Remembers when the first word came."""

    first_at = 0.0

    def tell(self, kind: str, text: str = "") -> None:
        self.first_at = self.first_at or time.monotonic()
        super().tell(kind, text)


async def try_once(persona: Persona, model: str, talk: Sequence[Turn], seed: int | None, providers: Providers, settings: Settings) -> Tried:
    """Ask `model` (provider:model) for the reply to a conversation that ends with a person's message. A failure is told, not raised."""
    transcript = _Timed()
    question = Question(
        _opened(persona, model, talk),
        {} if seed is None else {"seed": seed},
        providers,
        settings,
        transcript,
    )
    begun = time.monotonic()
    ending, trouble = None, None
    try:
        ending = await question.answer()
    except ProviderError as error:
        trouble = error
    return Tried(
        reply=transcript.text,
        seed=seed,
        error=trouble.message if trouble else None,
        code=trouble.code if trouble else None,
        finish_reason=ending.finish_reason if ending else None,
        first_seconds=round(transcript.first_at - begun, 4) if transcript.first_at else None,
        seconds=round(time.monotonic() - begun, 4),
        prompt_tokens=ending.prompt_tokens if ending else None,
        completion_tokens=ending.completion_tokens if ending else None,
        warnings=question.warnings or [],
    )


def _opened(persona: Persona, model: str, talk: Sequence[Turn]) -> Opened:
    """The conversation as an exchange that was opened, but in no database."""
    *history, message = talk
    alone = msgspec.structs.replace(persona, settings=msgspec.structs.replace(persona.settings, models=[model]))
    kept = trim_history(history, persona.settings.memory.max_tokens)
    lore = find_lore(persona, "", kept, message.content, ESTIMATE)
    material = Material(prompt=persona.prompt(), lore=lore, safety=persona.safety)
    return Opened(
        id="trial",
        conversation_id="trial",
        persona=alone,
        version=Version(persona=persona.name, number=0),
        prompt=material.prompt,
        history=kept,
        message=message.content,
        created_at=now(),
        view=View(system_text(material), kept, material),
    )
