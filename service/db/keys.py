"""API keys and conversation tokens: 256 random bits shown once, of which only the SHA-256 is kept.

A plain hash is enough for a secret of 256 random bits; slow hashes are for secrets that people choose (OWASP, Password Storage, 2025).
"""

import hashlib
import secrets
from collections.abc import Sequence

from sqlmodel import Session, col, select

from service.db.tables import ApiKey, now
from service.errors import Invalid, NotFound

SCOPES = ("chat", "rate", "operate")
KEY_PREFIX = "at_"
TOKEN_PREFIX = "ct_"  # noqa: S105  # a mark in front of tokens, not one of them


def digest(secret: str) -> str:
    """What is kept of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


def new_token() -> str:
    """A conversation's token."""
    return TOKEN_PREFIX + secrets.token_urlsafe(32)


def create_key(session: Session, name: str, scopes: Sequence[str]) -> tuple[ApiKey, str]:
    """Make a key; return its row and its secret, which nobody can read again. Raise `Invalid` for a scope that does not exist."""
    unknown = [scope for scope in scopes if scope not in SCOPES]
    if unknown or not scopes:
        raise Invalid(f"A key needs one or more of the scopes {', '.join(SCOPES)}.", code="scope_unknown", param="scopes")
    secret = KEY_PREFIX + secrets.token_urlsafe(32)
    key = ApiKey(name=name, digest=digest(secret), scopes=sorted(set(scopes)))
    session.add(key)
    session.flush()
    return key, secret


def find_key(session: Session, secret: str) -> ApiKey | None:
    """The key with this secret, unless it was revoked."""
    return session.exec(select(ApiKey).where(ApiKey.digest == digest(secret), col(ApiKey.revoked_at).is_(None))).first()


def revoke_key(session: Session, key_id: str) -> ApiKey:
    """Revoke a key by its id; raise `NotFound`."""
    key = session.get(ApiKey, key_id)
    if key is None:
        raise NotFound(f"There is no key {key_id}. See: attune keys list", code="key_not_found")
    key.revoked_at = key.revoked_at or now()
    session.add(key)
    return key
