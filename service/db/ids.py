"""Identifiers: 128 bits, 48 of them the time, so that sorting by id is sorting by age (the layout of UUIDv7, RFC 9562, without its dashes)."""

import secrets
import time


def new_id() -> str:
    """Return 32 hexadecimal characters: milliseconds since 1970, then 80 random bits."""
    return f"{time.time_ns() // 1_000_000:012x}{secrets.token_hex(10)}"
