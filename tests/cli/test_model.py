"""`attune model`: which version serves, and changing it."""

import pytest

from service import registry
from service.db.engine import reading, transaction
from service.db.tables import Stage, Version
from tests.cli.conftest import Shell


@pytest.fixture
def trained(here: Shell) -> Shell:
    """A home in which friend has a second version, and a third that may not serve."""
    with here.database() as engine, transaction(engine) as session:
        registry.champion(session, "friend")
        session.add(Version(persona="friend", number=1, provider="local", model="friend-v1"))
        session.add(Version(persona="friend", number=2, provider="local", model="friend-v2", stage=Stage.quarantined))
    return here


def test_versions_are_listed(trained: Shell) -> None:
    """The list is newest first, of all personas or of one; an unknown persona is exit 3 and not an empty list."""
    every = trained("model", "list", "--json")
    assert (every.code, every.err) == (0, "")
    assert {(row["persona"], row["version"], row["stage"]) for row in every.document} == {
        ("friend", "v0", "champion"),
        ("mentor", "v0", "champion"),
        ("friend", "v1", "candidate"),
        ("friend", "v2", "quarantined"),
    }
    assert set(every.document[0]) == {"id", "persona", "version", "stage", "provider", "model", "created_at"}
    assert [row["version"] for row in every.document if row["persona"] == "friend"] == ["v2", "v1", "v0"]
    table = trained("model", "list", "mentor").out
    assert "as the persona file says" in table
    assert "friend" not in table
    unknown = trained("model", "list", "ghost", "--json")
    assert (unknown.code, unknown.out) == (3, "")
    assert unknown.err == "attune: There is no persona 'ghost'. There are: friend, mentor.\n"


def test_promotion_and_rollback_move_the_pointer(trained: Shell) -> None:
    """The promoted version is the champion at once, and a rollback brings the one before it back."""
    promoted = trained("model", "promote", "friend", "v1", "--json")
    assert (promoted.code, promoted.err) == (0, "")
    assert (promoted.document["version"], promoted.document["stage"]) == ("v1", "champion")
    rolled = trained("model", "rollback", "friend")
    assert (rolled.code, rolled.out) == (0, "")
    assert rolled.err == "friend v0 is the champion. The next exchange uses it.\n"
    with trained.database() as engine, reading(engine) as session:
        stages = {version.name: version.stage for version in registry.list_versions(session, "friend")}
    assert stages == {"v0": "champion", "v1": "retired", "v2": "quarantined"}


def test_what_may_not_serve_is_a_conflict(trained: Shell) -> None:
    """A quarantined version is exit 7, and what served before still serves; a version of digits beyond reason is just unknown."""
    refused = trained("model", "promote", "friend", "v2", "--json")
    assert (refused.code, refused.out) == (7, "")
    assert refused.err == "attune: friend v2 is quarantined and cannot serve.\n"
    assert trained("model", "promote", "friend", f"v{'9' * 40}").code == 3
    with trained.database() as engine, reading(engine) as session:
        assert registry.list_versions(session, "friend")[-1].stage == Stage.champion
