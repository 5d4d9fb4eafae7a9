"""The seam of hosting: where an adapter becomes a model that a provider can be asked for. No torch here."""

from abc import ABC, abstractmethod
from pathlib import Path

from msgspec import Struct


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
