"""A provider whose reply comes as lines over HTTP: what OpenAI's wire and Ollama's have in common."""

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Mapping
from typing import Any

import msgspec

from service.errors import ProviderError
from service.providers.base import Call, Piece, Provider, Timeouts
from service.providers.failure import Failure
from service.providers.wire import Answer, Link


class Asked(msgspec.Struct, frozen=True):
    """The question in a provider's own words, and what of the call those could not say."""

    path: str
    body: dict[str, Any]
    warnings: list[str] = []


class Reading(ABC):
    """One reply being read in a wire format. Once `done`, what follows is no part of it."""

    done = False

    @abstractmethod
    def take(self, line: bytes) -> str:
        """Read one line; return its text, often none. Raise `Failure` for a line that ends the reply, or cannot be read."""

    @abstractmethod
    def last(self) -> Piece | None:
        """The last piece, with the finish reason; None as long as the reply is not whole."""


class LineProvider(Provider):
    """Asks over HTTP, and reads what comes line by line."""

    def __init__(self, name: str, base_url: str, headers: Mapping[str, str], timeouts: Timeouts) -> None:
        self._name = name
        self._link = Link(name, base_url, headers, timeouts)

    @abstractmethod
    async def _ask(self, call: Call) -> tuple[Answer, list[str]]:
        """Send the question; return the answer once it has begun, and the warnings."""

    @abstractmethod
    def _reading(self, answer: Answer) -> Reading:
        """What reads the answer."""

    async def close(self) -> None:
        await self._link.close()

    async def stream(self, call: Call) -> AsyncGenerator[Piece, None]:
        """Yield the reply. One that is cut before its finish reason is a `Failure`; after it nothing is missing but counts."""
        answer, warnings = await self._ask(call)
        with answer:
            if warnings:
                yield Piece(warnings=warnings)
            reading = self._reading(answer)
            while not reading.done and (lines := await _more(answer, reading)) is not None:
                for line in lines:
                    text = reading.take(line)
                    if text:
                        yield Piece(text=text)
            last = reading.last()
            if last is None:
                raise Failure(f"The provider {self._name} broke off in the middle of a reply.", "provider_broke_off")
            if reading.done:
                await answer.settle()
            yield last


async def _more(answer: Answer, reading: Reading) -> list[bytes] | None:
    try:
        return await answer.lines()
    except Failure:
        if reading.last() is None:
            raise
        return None


def check_key(name: str, key: str) -> str:
    """Return the key without blank space around it; raise `ProviderError` when no header can carry it."""
    key = key.strip()
    if not (key.isascii() and key.isprintable()):
        raise ProviderError(f"The key of the provider {name} holds a character that no key can have.", code="provider_refused")
    return key
