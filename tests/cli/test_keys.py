"""`attune keys`: shown once, kept as a hash, listed and revoked."""

from service.db.engine import reading
from service.db.keys import find_key
from tests.cli.conftest import Shell


def test_a_key_is_shown_once_and_kept_as_its_hash(here: Shell) -> None:
    """`create` prints the key; no file of the home and no later command holds it, and yet it opens the service until it is revoked."""
    made = here("keys", "create", "--name", "n", "--scope", "operate", "--scope", "chat", "--scope", "chat", "--json")
    assert (made.code, made.err) == (0, "")
    assert set(made.document) == {"id", "key", "scopes"}
    assert made.document["scopes"] == ["chat", "operate"]
    secret = made.document["key"]
    assert secret.startswith("at_")
    files = [file for file in here.home.rglob("*") if file.is_file()]
    assert files
    assert not [file for file in files if secret.encode() in file.read_bytes()]
    listed = here("keys", "list", "--json")
    assert listed.document == [{"id": made.document["id"], "name": "n", "scopes": ["chat", "operate"], "revoked": False}]
    with here.database() as engine, reading(engine) as session:
        found = find_key(session, secret)
        assert found is not None
        assert secret not in found.model_dump_json()
    revoked = here("keys", "revoke", made.document["id"])
    assert (revoked.code, revoked.out, revoked.err) == (0, "", "Key 'n' is revoked.\n")
    with here.database() as engine, reading(engine) as session:
        assert find_key(session, secret) is None
    assert here("keys", "list", "--json").document[0]["revoked"] is True


def test_a_key_for_eyes(here: Shell) -> None:
    """Without --json stdout is the key alone, so that a script can catch it; the talk is on stderr, and the list is a table."""
    empty = here("keys", "list")
    assert (empty.code, empty.out, empty.err) == (0, "", "There is no key yet. Make one: attune keys create\n")
    made = here("keys", "create")
    assert made.out.startswith("at_")
    assert made.out.count("\n") == 1
    assert made.err == "Key 'app' (chat, rate). Keep it: it is not shown again.\n"
    listed = here("keys", "list").out
    assert "app" in listed
    assert "chat, rate" in listed
    assert "valid" in listed
    assert made.out.strip() not in listed
