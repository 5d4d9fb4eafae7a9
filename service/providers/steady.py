"""What makes any provider steady: it is asked again when a failure may pass, and left alone while it is down.

Only a call of which no word has come is sent again. There is one circuit breaker for each model, not for the provider as a whole: the
embedded engine fails for one broken version while it answers for all others.
"""

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing

import structlog

from service.providers.base import Call, Piece, Provider
from service.providers.breaker import Breaker
from service.providers.failure import Failure, Resting

RETRIES = 2
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 4.0
_LONGEST_WAIT = 10.0
"""Seconds that a provider may ask for (Retry-After); a person waits no longer, and another model may answer at once."""

log = structlog.get_logger()


class SteadyProvider(Provider):
    """Another provider, with retries and circuit breakers. `clock` and `pause` are the time it lives in; `is_lent` says whether its memory
    is needed elsewhere just now; one that `sleeps` then cannot be asked at all."""

    def __init__(
        self,
        provider: Provider,
        name: str,
        *,
        retries: int = RETRIES,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        is_lent: Callable[[], bool] = lambda: False,
        sleeps: bool = False,
    ) -> None:
        self._provider = provider
        self._name = name
        self._retries = retries
        self._clock = clock
        self._pause = pause
        self._is_lent = is_lent
        self._sleeps = sleeps
        self._breakers: dict[str, Breaker] = {}

    async def close(self) -> None:
        await self._provider.close()

    async def stream(self, call: Call) -> AsyncGenerator[Piece, None]:
        """Yield the reply of the first attempt that has one.

        Raise `Resting` when the model is left alone: unless the call insists, or, of one that sleeps, in any case.
        """
        if (self._sleeps or not call.insist) and self._is_lent():
            raise Resting(f"The provider {self._name} lends its memory to a training for a while.", self._clock())
        breaker = self._breakers.setdefault(call.model, Breaker(self._clock))
        admitted = breaker.admit()
        if not admitted and not call.insist:
            raise Resting(f"The provider {self._name} failed too often, and is being left alone for a moment.", breaker.failed_at)
        probe = admitted and breaker.open
        for attempt in range(self._retries + 1):
            spoken, decided = False, False
            try:
                async with aclosing(self._provider.stream(call)) as pieces:
                    async for piece in pieces:
                        spoken = spoken or bool(piece.text)
                        yield piece
                decided = True
                self._succeeded(breaker)
                return
            except Failure as failure:
                decided = True
                self._failed(breaker, failure, probe=probe)
                wait = None if spoken or breaker.open else self._wait(failure, attempt)
                if wait is None:
                    raise
                await self._pause(wait)
                if breaker.open:
                    raise
            finally:
                if not decided:
                    self._left(breaker, spoken=spoken, probe=probe)

    def _wait(self, failure: Failure, attempt: int) -> float | None:
        """How long to wait before the next attempt; None when there is none."""
        if not failure.passing or attempt == self._retries:
            return None
        if failure.wait is not None:
            return failure.wait if failure.wait <= _LONGEST_WAIT else None
        return random.uniform(0, min(_FIRST_PAUSE * 2**attempt, _LONGEST_PAUSE))

    def _succeeded(self, breaker: Breaker) -> None:
        if breaker.open:
            log.info("provider_back", provider=self._name)
        breaker.succeeded()

    def _failed(self, breaker: Breaker, failure: Failure, *, probe: bool) -> None:
        if not failure.blames:
            # It lives: it understood us well enough to say no.
            breaker.succeeded()
            return
        was_open = breaker.open
        breaker.failed(probe=probe)
        if breaker.open and not was_open:
            log.warning("provider_resting", provider=self._name, code=failure.code)

    def _left(self, breaker: Breaker, *, spoken: bool, probe: bool) -> None:
        """Whoever listened has gone. A model that was speaking is alive."""
        if spoken:
            self._succeeded(breaker)
        else:
            breaker.undecided(probe=probe)
