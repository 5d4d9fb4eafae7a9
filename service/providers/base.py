"""The seam to whoever answers: a provider takes messages and yields the reply piece by piece."""

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator

import msgspec


class Turn(msgspec.Struct, frozen=True):
    """One message as a provider gets it."""

    role: str
    content: str


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider is asked: which model, with which messages, drawn how. `max_tokens` is always set.

    `insist` asks even a model that is being given a rest (see `service.providers.steady`).
    """

    model: str
    messages: list[Turn]
    max_tokens: int
    temperature: float | None = None
    top_p: float | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    seed: int | None = None
    stop: list[str] = []
    insist: bool = False


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a reply. The last one carries the finish reason (`stop` or `length`), and the token counts where known.

    One without text may come first and say in `warnings` what of the call could not be asked of this model.
    """

    text: str = ""
    finish_reason: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    warnings: list[str] = []


class Timeouts(msgspec.Struct, frozen=True, kw_only=True):
    """How many seconds a provider is waited for: for the connection, for the first token, and for each one after it."""

    connect: float = 5.0
    first_token: float = 60.0
    between_tokens: float = 30.0


class Provider(ABC):
    """Who answers. Implementations translate every vendor error into `ProviderError`."""

    @abstractmethod
    def stream(self, call: Call) -> AsyncGenerator[Piece, None]:
        """Yield the reply; the last piece has a finish reason. Raise `ProviderError` when there is no whole reply.

        Whoever stops listening early closes the generator, and with it the connection.
        """

    @abstractmethod
    async def close(self) -> None:
        """Let go of connections."""
