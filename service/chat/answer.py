"""The asking: the models of a persona or version in their order, the reply cleaned and shown as it comes."""

from collections.abc import Callable
from contextlib import aclosing
from typing import Any

import structlog

from service.chat.exchange import Ending, Opened
from service.chat.messages import assemble
from service.chat.reply import ReplyCleaner
from service.db.tables import ExchangeState
from service.errors import ProviderError
from service.providers.base import Call, Piece
from service.providers.catalog import Providers, served_name, split_model
from service.settings import Settings

_LONGEST_REPLY = 100_000
"""Characters after which a reply is over: a model that does not keep to its `max_tokens` must not write without end."""

log = structlog.get_logger()


class Question:
    """An opened exchange and how its reply is to be drawn; `show` is called with each part of the reply that may be seen."""

    def __init__(
        self, opened: Opened, overrides: dict[str, Any], providers: Providers, settings: Settings, show: Callable[[str], None]
    ) -> None:
        self._opened = opened
        self._overrides = overrides
        self._providers = providers
        self._settings = settings
        self._show = show
        self._shown: list[str] = []

    async def answer(self) -> Ending:
        """Ask the models in order; the first that shows a word answers. After that no other one takes over: a reply is never spliced.

        Raises the last `ProviderError` when no model gave a whole reply.
        """
        trouble = ProviderError("No model is named for this persona.")
        for name in _candidates(self._opened):
            try:
                return await self._answer_by(*split_model(name))
            except ProviderError as error:
                log.warning("provider_failed", exchange=self._opened.id, model=name, code=error.code)
                trouble = error
                if self._shown:
                    break
        raise trouble

    async def _answer_by(self, provider: str, model: str) -> Ending:
        persona = self._opened.persona
        rules = persona.settings.reply
        cleaner = ReplyCleaner(
            persona.settings.title, strip_speaker=rules.strip_speaker, stop_at_other_speakers=rules.stop_at_other_speakers
        )
        last = Piece(finish_reason="stop")
        length = 0
        async with aclosing(self._providers.get(provider).stream(self._call(provider, model))) as pieces:
            async for piece in pieces:
                self._tell(cleaner.feed(piece.text))
                length += len(piece.text)
                if piece.finish_reason:
                    last = piece
                elif length > _LONGEST_REPLY:
                    last = Piece(finish_reason="length")
                    break
                if cleaner.stopped:
                    break
        self._tell(cleaner.finish())
        if not self._shown:
            raise ProviderError(f"The provider {provider} gave an empty reply.", code="reply_empty")
        return Ending(
            ExchangeState.complete,
            "".join(self._shown),
            finish_reason=last.finish_reason,
            provider=provider,
            model=model,
            prompt_tokens=last.prompt_tokens,
            completion_tokens=last.completion_tokens,
        )

    def _tell(self, text: str) -> None:
        if text:
            self._shown.append(text)
            self._show(text)

    def _call(self, provider: str, model: str) -> Call:
        sampling = self._opened.persona.settings.sampling
        values: dict[str, Any] = {
            name: getattr(sampling, name)
            for name in ("max_tokens", "temperature", "top_p", "frequency_penalty", "presence_penalty", "seed", "stop")
        }
        return Call(
            model=served_name(provider, model, self._settings),
            messages=assemble(self._opened.prompt, self._opened.history, self._opened.message),
            **{**values, **self._overrides},
        )


def _candidates(opened: Opened) -> list[str]:
    """Who may answer, as provider:model: the version's own model, or, for the untrained start, those of the persona file in their order."""
    if opened.version.provider and opened.version.model:
        return [f"{opened.version.provider}:{opened.version.model}"]
    return opened.persona.settings.models
