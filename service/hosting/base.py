"""The seam of hosting: where an adapter becomes a model that a provider can be asked for. No torch here."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from service.personas.shelf import Message


class Hosted(Struct, frozen=True):
    """What the registry lists: which provider answers, and the model it must be asked for."""

    provider: str
    model: str


class Host(ABC):
    """Makes trained versions servable."""

    @abstractmethod
    def publish(self, name: str, base: Path, adapter: Path) -> Hosted:
        """Make the base with the adapter servable under `name`, blocking; published already, it is left as it is.

        Raises `HostingError`, a sentence for the receipt, when it cannot be.
        """

    @abstractmethod
    def warm_up(self, hosted: Hosted) -> None:
        """Have the version answer and throw the answer away, so that no person waits for it to load; `HostingError` when it does not."""

    @abstractmethod
    def withdraw(self, hosted: Hosted) -> None:
        """Unload and delete what `publish` made; what is gone already is fine. `HostingError` when the host does not do it."""

    @abstractmethod
    def render(self, hosted: Hosted, messages: Sequence[Message]) -> str | None:
        """The text this host would have the model go on from; None where it cannot say. `HostingError` when it does not answer."""

    @abstractmethod
    def release(self) -> str | None:
        """Let go of the accelerator's memory while something else needs it; return a sentence when that could not be, None otherwise.

        A host that is away holds nothing. Never raises; released already is fine.
        """

    @abstractmethod
    def take_back(self) -> str | None:
        """Load again what was let go, where the host does not do so by itself at the next message; return as `release` does."""
