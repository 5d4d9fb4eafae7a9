"""Identifiers of 128 bits, 48 of them the time, so that sorting by id is sorting by age (as UUIDv7 does, RFC 9562 section 5.7)."""

import secrets
import threading
import time


class _Sequence:
    """Identifiers as numbers, each greater than the one before it in this process (RFC 9562 section 6.2, method 2)."""

    def __init__(self) -> None:
        self._last = 0
        self._turn = threading.Lock()

    def following(self) -> int:
        """The next number: the moment and 80 random bits; within one millisecond, or when the clock goes back, a random step further."""
        fresh = time.time_ns() // 1_000_000 << 80 | secrets.randbits(80)
        with self._turn:
            self._last = fresh if fresh > self._last else self._last + 1 + secrets.randbits(64)
            return self._last


_sequence = _Sequence()


def new_id() -> str:
    """Return 32 hexadecimal characters: milliseconds since 1970, then 80 random bits; greater than every one before it in this process."""
    return f"{_sequence.following():032x}"
