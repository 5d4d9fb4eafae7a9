"""Identifiers of 128 bits, 48 of them the time, so that sorting by id is sorting by age (as UUIDv7 does, RFC 9562 section 5.7)."""

import secrets
import time


def new_id() -> str:
    """Return 32 hexadecimal characters: milliseconds since 1970, then 80 random bits."""
    return f"{time.time_ns() // 1_000_000:012x}{secrets.token_hex(10)}"
