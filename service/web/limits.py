"""How much one caller may ask for: so many messages a minute, and so many replies at once. In memory, for the one web process."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from service.errors import RateLimited
from service.settings import Settings
from service.web.addresses import network
from service.web.buckets import Allowance, Buckets

_WIDER = 10
"""Reading and rating may be so many times as much as talking."""


class Place:
    """One reply's place among those that a caller may have at once; it is free again when `give_back` is called, or the task ends."""

    def __init__(self, give_back: Callable[[], None]) -> None:
        self._give_back = give_back
        self.kept = False

    def keep_until(self, task: "asyncio.Task[Any]") -> None:
        """Keep the place until the task has ended."""
        self.kept = True
        task.add_done_callback(lambda _: self._give_back())


class Limits:
    """All bounds of the service's callers."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._messages = (Buckets(settings.limit_key, clock), Buckets(settings.limit_visitor, clock))
        self._others = (Buckets(settings.limit_key * _WIDER, clock), Buckets(settings.limit_visitor * _WIDER, clock))
        self._beginnings = Buckets(settings.limit_begin, clock)
        self._at_once = (settings.replies_key, settings.replies_visitor)
        self._busy: dict[str, int] = {}

    def message(self, caller: str, visitor: bool) -> Allowance | None:
        """Count a message or another reply."""
        return self._messages[visitor].take(caller)

    def other(self, caller: str, visitor: bool) -> Allowance | None:
        """Count anything else: reading, rating, operating."""
        return self._others[visitor].take(caller)

    def beginning(self, address: str) -> Allowance | None:
        """Count a conversation begun without a key."""
        return self._beginnings.take(network(address))

    @contextmanager
    def place(self, caller: str, visitor: bool) -> Iterator[Place]:
        """A place for one more reply; raise `RateLimited` when the caller has as many under way as may be."""
        most = self._at_once[visitor]
        if most and self._busy.get(caller, 0) >= most:
            words = "One reply is" if most == 1 else f"{most} replies are"
            raise RateLimited(
                f"{words} being written for you already, and that is as many as may be at once. Wait for one to end, or cancel it.",
                code="too_many_replies",
            )
        self._busy[caller] = self._busy.get(caller, 0) + 1
        place = Place(lambda: self._free(caller))
        try:
            yield place
        finally:
            if not place.kept:
                self._free(caller)

    def _free(self, caller: str) -> None:
        self._busy[caller] -= 1
        if not self._busy[caller]:
            del self._busy[caller]


def require(allowance: Allowance | None) -> None:
    """Raise `RateLimited` when the bucket was empty."""
    if allowance is not None and allowance.wait > 0:
        raise RateLimited(
            f"That was too much in too short a time: {allowance.limit} a minute are allowed. Try again in {_seconds(allowance.wait)}.",
            wait=allowance.wait,
        )


def _seconds(wait: float) -> str:
    seconds = max(1, round(wait + 0.5))
    return "a second" if seconds == 1 else f"{seconds} seconds"
