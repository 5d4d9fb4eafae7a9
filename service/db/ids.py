"""Identifiers of 128 bits, 48 of them the time, so that sorting by id is sorting by age (as UUIDv7 does, RFC 9562 section 5.7)."""

import os
import secrets
import threading
import time

_BYTES = 10
_STEP = 2**64 - 1


class _Sequence:
    """Identifiers as numbers, each greater than the one before it in this process (RFC 9562 section 6.2, method 2)."""

    def __init__(self) -> None:
        self._last = 0
        self._turn = threading.Lock()
        self._drawn = b""
        self._process = 0

    def following(self) -> int:
        """The next number: the moment and 80 random bits; within one millisecond, or when the clock goes back, a random step further."""
        moment = time.time_ns() // 1_000_000 << 80
        with self._turn:
            drawn = self._draw()
            fresh = moment | drawn
            self._last = fresh if fresh > self._last else self._last + 1 + (drawn & _STEP)
            return self._last

    def _draw(self) -> int:
        """80 random bits. The system is asked for many at once: each time costs, and lets other threads go first."""
        if len(self._drawn) < _BYTES or self._process != os.getpid():  # A copy of this process must not draw the same.
            self._drawn, self._process = secrets.token_bytes(_BYTES * 100), os.getpid()
        drawn, self._drawn = self._drawn[:_BYTES], self._drawn[_BYTES:]
        return int.from_bytes(drawn)


_sequence = _Sequence()


def new_id() -> str:
    """Return 32 hexadecimal characters: milliseconds since 1970, then 80 random bits; greater than every one before it in this process."""
    return f"{_sequence.following():032x}"
