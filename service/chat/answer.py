"""The asking: the models of a persona or version in their order, the reply cleaned and shown as it comes."""

from contextlib import aclosing
from typing import Any

import structlog

from service.chat.context import Material, View, fit
from service.chat.exchange import Ending, Opened, first_model
from service.chat.messages import assemble
from service.chat.reply import ReplyCleaner
from service.chat.transcript import Transcript
from service.db.tables import ExchangeState
from service.errors import Invalid, ProviderError
from service.providers.base import Call, Piece
from service.providers.catalog import Providers, served_name, split_model
from service.providers.failure import Resting
from service.providers.tokens import TokenCounters
from service.settings import Settings

_LONGEST_REPLY = 100_000
"""Characters after which a reply is over: a model that does not keep to its `max_tokens` must not write without end."""

log = structlog.get_logger()


class Question:
    """An opened exchange and how its reply is to be drawn; what of the reply may be seen is told to the `transcript`."""

    def __init__(
        self,
        opened: Opened,
        overrides: dict[str, Any],
        providers: Providers,
        settings: Settings,
        transcript: Transcript,
        counters: TokenCounters | None = None,
    ) -> None:
        self._opened = opened
        self._overrides = overrides
        self._providers = providers
        self._settings = settings
        self._transcript = transcript
        self._counters = counters or TokenCounters(settings)
        self._warnings: list[str] = []
        self._cut: list[str] = []
        self._passed_over: dict[str, str] = {}
        self._trouble = ProviderError("No model is named for this persona.", code="provider_unknown")
        self.asked: tuple[str, str] | None = None
        """Provider and model asked last: whoever spoke, once a word was shown."""

    @property
    def warnings(self) -> list[str] | None:
        """What the providers could not be asked for, and who could not answer; None when there is nothing to say."""
        passed_over = [f"{name} could not answer ({code})" for name, code in self._passed_over.items()]
        cut = [f"its window has no room for: {', '.join(self._cut)}"] if self._cut else []
        return [*passed_over, *cut, *self._warnings] or None

    async def answer(self) -> Ending:
        """Ask the models in order; the first that shows a word answers. After that no other one takes over: a reply is never spliced.

        A model that is being given a rest is passed over. When all others fail, the one that failed longest ago is asked all the same:
        rather a call in vain than no words. Raises the last `ProviderError` when no model gave a whole reply.
        """
        resting: dict[str, float] = {}
        for name in _candidates(self._opened):
            try:
                return await self._answer_by(name)
            except Resting as error:
                resting[name] = error.failed_at
                self._passed_over[name] = error.code
            except ProviderError as error:
                self._fail(name, error)
        if resting:
            name = min(resting, key=lambda each: resting[each])
            del self._passed_over[name]
            try:
                return await self._answer_by(name, insist=True)
            except ProviderError as error:
                self._fail(name, error)
        raise self._trouble

    def _fail(self, name: str, error: ProviderError) -> None:
        """Go on to the next model, unless a part of this one's reply was shown."""
        log.warning("provider_failed", exchange=self._opened.id, model=name, code=error.code, reason=error.message)
        if len(self._transcript):
            raise error
        self._passed_over[name] = error.code
        self._trouble = error

    async def _answer_by(self, name: str, *, insist: bool = False) -> Ending:
        provider, model = split_model(name)
        self.asked, self._warnings, self._cut = (provider, model), [], []
        persona = self._opened.persona
        rules = persona.settings.reply
        cleaner = ReplyCleaner(
            persona.settings.title,
            (self._opened.person, persona.settings.variables.get("user", "")),
            strip_speaker=rules.strip_speaker,
            stop_at_other_speakers=rules.stop_at_other_speakers,
            cut_directions=rules.stage_directions == "cut",
        )
        last = Piece(finish_reason="stop")
        length = 0
        async with aclosing(self._providers.get(provider).stream(self._call(provider, model, insist=insist))) as pieces:
            async for piece in pieces:
                if piece.warnings:
                    self._warnings = piece.warnings
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
        if not len(self._transcript):
            raise ProviderError(f"The provider {provider} gave an empty reply.", code="reply_empty")
        return Ending(
            ExchangeState.complete,
            self._transcript.text,
            finish_reason=last.finish_reason,
            provider=provider,
            model=model,
            prompt_tokens=last.prompt_tokens,
            completion_tokens=last.completion_tokens,
            warnings=self.warnings,
        )

    def _tell(self, text: str) -> None:
        if text:
            self._transcript.tell("delta", text)

    def _call(self, provider: str, model: str, *, insist: bool) -> Call:
        sampling = self._opened.persona.settings.sampling
        values: dict[str, Any] = {
            name: getattr(sampling, name)
            for name in ("max_tokens", "temperature", "top_p", "frequency_penalty", "presence_penalty", "seed", "stop")
        }
        view = self._view(f"{provider}:{model}")
        drawn = {**values, **self._overrides}
        if view.room is not None:
            drawn["max_tokens"] = min(drawn["max_tokens"], view.room)
        return Call(
            model=served_name(provider, model, self._settings),
            messages=assemble(view.system, view.history, self._opened.message),
            insist=insist,
            **drawn,
        )

    def _view(self, name: str) -> View:
        """What this model sees: the same as the first one was to see, but for what its window is too small for."""
        opened = self._opened
        if opened.view is not None and opened.model == name:
            return opened.view
        material = opened.view.material if opened.view is not None else Material(prompt=opened.prompt)
        reply = opened.persona.settings.sampling.max_tokens
        try:
            view = fit(material, opened.history, opened.message, memory=None, reply=reply, counter=self._counters.get(name))
        except Invalid as error:
            raise ProviderError(error.message, code=error.code) from error
        self._cut = [
            each for each in ("examples", "lore", "facts", "summary") if getattr(material, each) and not getattr(view.material, each)
        ]
        if len(view.history) < len(opened.history):
            self._cut.append(f"{len(opened.history) - len(view.history)} messages of the history")
        return view


def _candidates(opened: Opened) -> list[str]:
    """Who may answer, as provider:model, each once: first the version's own model, if it has one, then those of the persona file.

    A trained version whose model cannot be reached leaves nobody without words. The exchange says who spoke, and that it was not the
    version: its provider and model are then not the version's.
    """
    return list(dict.fromkeys([first_model(opened.persona, opened.version), *opened.persona.settings.models]))
