from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from service.db.engine import reading, transaction
from service.db.keys import KEY_PREFIX, SCOPES, TOKEN_PREFIX, create_key, digest, find_key, new_token, revoke_key
from service.db.tables import ApiKey
from service.errors import Invalid, NotFound


def test_a_key_is_found_by_its_secret_and_by_nothing_else(sqlite: Engine) -> None:
    """Only the exact secret opens; its digest, its id and a part of it do not."""
    with transaction(sqlite) as session:
        key, secret = create_key(session, "app", ["rate", "chat", "chat"])
    with reading(sqlite) as session:
        found = find_key(session, secret)
        assert found is not None and (found.id, found.name, found.scopes) == (key.id, "app", ["chat", "rate"])
        for wrong in (key.digest, key.id, secret[:-1], secret.upper(), f"{secret} ", ""):
            assert find_key(session, wrong) is None


def test_the_secret_is_nowhere_in_the_database(sqlite: Engine) -> None:
    """What lies in the file is no key: neither the file nor its log holds the secret."""
    with transaction(sqlite) as session:
        secret = create_key(session, "app", ["chat"])[1]
    files = list(folder_of(sqlite).glob("attune.sqlite*"))
    assert len(files) > 1 and not any(secret.encode() in file.read_bytes() for file in files)
    with reading(sqlite) as session:
        assert session.exec(select(ApiKey)).one().digest == digest(secret)


def folder_of(engine: Engine) -> Path:
    return Path(engine.url.database or "").parent


def test_a_revoked_key_opens_nothing_for_good(sqlite: Engine) -> None:
    """Once revoked a key is dead; revoking it again keeps the first moment."""
    with transaction(sqlite) as session:
        key, secret = create_key(session, "app", ["chat"])
    with transaction(sqlite) as session:
        first = revoke_key(session, key.id).revoked_at
    with transaction(sqlite) as session:
        assert find_key(session, secret) is None
        assert revoke_key(session, key.id).revoked_at == first is not None


def test_revoking_what_is_not_there_is_said(sqlite: Engine) -> None:
    """An unknown id is named, with the command that lists the known ones."""
    with transaction(sqlite) as session, pytest.raises(NotFound, match=r"no key nope.*attune keys list"):
        revoke_key(session, "nope")


@pytest.mark.parametrize("scopes", [[], ["chats"], ["chat", "admin"], [""], ["CHAT"]])
def test_a_key_needs_scopes_that_exist(sqlite: Engine, scopes: list[str]) -> None:
    """No key without a scope, and none with an unknown one; nothing is kept of the attempt."""
    with transaction(sqlite) as session:
        with pytest.raises(Invalid) as refused:
            create_key(session, "app", scopes)
        assert session.exec(select(ApiKey)).all() == []
    assert all(scope in refused.value.message for scope in SCOPES)


def test_secrets_are_long_random_and_told_apart() -> None:
    """Keys and tokens carry 256 random bits behind a mark, and never repeat."""
    tokens = {new_token() for _ in range(100)}
    assert len(tokens) == 100 and KEY_PREFIX != TOKEN_PREFIX
    assert all(token.startswith(TOKEN_PREFIX) and len(token) == len(TOKEN_PREFIX) + 43 for token in tokens)


def test_a_secret_of_any_characters_has_a_digest() -> None:
    """A header may hold anything that is text; looking it up is no failure."""
    assert len(digest("gr\u00fc\u00df \U0001f600 \x00")) == 64
