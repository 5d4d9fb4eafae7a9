"""How many requests a caller may make: a bucket each, counted in microseconds.

Method: the generic cell rate algorithm (ATM Forum, "Traffic Management Specification 4.0", 4.4.2): a token bucket kept as one number.
"""

import time
from collections.abc import Callable
from typing import NamedTuple

_MINUTE = 60.0
_MOST_CALLERS = 10_000


class Allowance(NamedTuple):
    """What a caller may still ask for: `reset` seconds until all of `limit` is free again, `wait` until the next one is (0: now)."""

    limit: int
    remaining: int
    reset: float
    wait: float


class Buckets:
    """A bucket per caller that holds `per_minute` requests and fills up evenly within a minute.

    The number kept is the moment at which the bucket is full again; a caller whose moment has passed needs no entry.
    """

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic, most: int = _MOST_CALLERS) -> None:
        """At most so many callers are remembered; `per_minute` 0 is no limit."""
        self._limit = per_minute
        self._step = _MINUTE / per_minute if per_minute else 0.0
        self._clock = clock
        self._most = most
        self._full_at: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._full_at)

    def take(self, name: str) -> Allowance | None:
        """Take one request out of the bucket of `name` and return what is left; an empty bucket stays as it is. None: there is no limit."""
        if not self._limit:
            return None
        now = self._clock()
        full_at = max(self._full_at.get(name, now), now)
        if full_at + self._step - now > _MINUTE + 1e-6:
            return Allowance(self._limit, 0, full_at - now, full_at + self._step - now - _MINUTE)
        full_at += self._step
        if len(self._full_at) >= self._most and name not in self._full_at:
            self._forget(now)
        self._full_at[name] = full_at
        return Allowance(self._limit, int((_MINUTE - full_at + now) / self._step + 1e-6), full_at - now, 0.0)

    def _forget(self, now: float) -> None:
        """Forget all whose bucket is full; if that is not enough, a tenth of the rest, those first that came first."""
        self._full_at = {name: full_at for name, full_at in self._full_at.items() if full_at > now}
        for name in list(self._full_at)[: max(0, len(self._full_at) - self._most * 9 // 10)]:
            del self._full_at[name]


def allowance_headers(allowance: Allowance) -> list[tuple[bytes, bytes]]:
    """The names under which clients of OpenAI look for it."""
    return [
        (b"x-ratelimit-limit-requests", b"%d" % allowance.limit),
        (b"x-ratelimit-remaining-requests", b"%d" % allowance.remaining),
        (b"x-ratelimit-reset-requests", _duration(allowance.reset).encode()),
    ]


def _duration(seconds: float) -> str:
    """As OpenAI writes it: 120ms, 1.5s, 6m0s."""
    if seconds < 1:
        return f"{round(seconds * 1000)}ms"
    minutes, rest = divmod(round(seconds, 1), 60)
    return f"{int(minutes)}m{rest:g}s" if minutes else f"{rest:g}s"
