"""`attune model`: which version serves, changing it, trying one, and what each was proved by."""

import pytest

from service import registry
from service.canary.trial import begin
from service.chat.exchange import Asked, Ending, close_exchange, find_person, open_stateless
from service.chat.rating import rate
from service.db.engine import reading, transaction
from service.db.tables import Exchange, ExchangeState, Stage, Thumb, Version
from service.personas.shelf import read_personas
from tests.cli.conftest import Shell
from tests.proof.conftest import Nights, leave_nights


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
    assert set(every.document[0]) == {"id", "persona", "version", "stage", "provider", "model", "note", "created_at"}
    assert [row["version"] for row in every.document if row["persona"] == "friend"] == ["v2", "v1", "v0"]
    table = trained("model", "list", "mentor").out
    assert "as the persona file says" in table
    assert "friend" not in table
    unknown = trained("model", "list", "ghost", "--json")
    assert (unknown.code, unknown.out) == (3, "")
    assert unknown.err == "attune: There is no persona 'ghost'. There are: friend, mentor.\n"


def test_promotion_and_rollback_move_the_pointer(trained: Shell) -> None:
    """The promoted version is the champion at once and is watched, and a rollback brings the one before it back."""
    promoted = trained("model", "promote", "friend", "v1", "--json")
    assert (promoted.code, promoted.err) == (0, "")
    assert (promoted.document["version"], promoted.document["stage"]) == ("v1", "champion")
    watched = trained("model", "canary", "friend", "--json").document
    assert (watched["kind"], watched["version"], watched["against"]) == ("watch", "v1", "v0")
    rolled = trained("model", "rollback", "friend")
    assert (rolled.code, rolled.out) == (0, "")
    assert rolled.err == "friend v0 is the champion. The next exchange uses it.\n"
    with trained.database() as engine, reading(engine) as session:
        stages = {version.name: version.stage for version in registry.list_versions(session, "friend")}
    assert stages == {"v0": "champion", "v1": "retired", "v2": "quarantined"}


def test_a_broken_persona_holds_up_no_rollback(trained: Shell) -> None:
    """Whoever broke the file in haste can still go back; a persona that never was is exit 3."""
    assert trained("model", "rollback", "ghost").code == 3
    trained("model", "promote", "friend", "v1")
    (trained.personas / "friend.md").write_text("---\ntitle: [\n---\n")
    assert trained("model", "promote", "friend", "v0").code != 0
    assert trained("model", "rollback", "friend", "--json").document["version"] == "v0"


def test_what_may_not_serve_is_a_conflict(trained: Shell) -> None:
    """A quarantined version is exit 7, and what served before still serves; a version of digits beyond reason is just unknown."""
    refused = trained("model", "promote", "friend", "v2", "--json")
    assert (refused.code, refused.out) == (7, "")
    assert refused.err == "attune: friend v2 is quarantined and cannot serve.\n"
    assert trained("model", "promote", "friend", f"v{'9' * 40}").code == 3
    with trained.database() as engine, reading(engine) as session:
        assert registry.list_versions(session, "friend")[-1].stage == Stage.champion


@pytest.fixture
def trying(trained: Shell) -> Shell:
    """A home in which nearly every new conversation tries v1; six people have rated what they got, and one is called Ann."""
    path = trained.personas / "friend.md"
    path.write_text(path.read_text().replace("models:", "gate: {canary: 0.9}\nmodels:"))
    persona = read_personas(trained.personas).get("friend")
    with trained.database() as engine, transaction(engine) as session:
        begin(session, persona, registry.find_version(session, "friend", "v1"))
        for number in range(6):
            person = find_person(session, f"visitor:{number}", "Ann" if not number else "")
            opened = open_stateless(session, Asked(persona, "champion", f"Hello {number}", "b"), [], person.id, None)
            spoke = {"provider": opened.version.provider, "model": opened.version.model}
            close_exchange(session, opened.id, Ending(ExchangeState.complete, "Hi.", **spoke))
            rate(session, session.get_one(Exchange, opened.id), person.id, persona, Thumb.up)
    return trained


def test_a_canary_is_shown(trying: Shell) -> None:
    """How far it is, what each side got, and who talked with it; as JSON the same figures."""
    shown = trying("model", "canary", "friend", "--people", "--json")
    assert (shown.code, shown.err) == (0, "")
    found = shown.document
    assert (found["version"], found["against"], found["share"], found["most_votes"]) == ("v1", "v0", 0.9, 150)
    assert found["version"] == "v1" and len(found["people"]) == found["tally"]["votes"] == found["tally"]["ups"] > 0
    assert found["tally"]["votes"] + found["beside"]["votes"] == 6
    text = trying("model", "canary", "friend", "--people").out
    assert "friend v1 is tried by 90% of new conversations, against v0, until " in text
    assert f"] {found['tally']['votes']} of 150" in text and "So few ratings cannot send it back yet." in text
    assert {row["who"] for row in found["people"]} <= {"visitor", "Ann (visitor)"}


@pytest.mark.parametrize(("how", "stage"), [("promote", "champion"), ("rollback", "quarantined")])
def test_a_canary_is_ended_by_hand(trying: Shell, how: str, stage: str) -> None:
    """Served at once, or quarantined; then there is none, which is exit 3, but what was promoted is watched."""
    ended = trying("model", "canary", "friend", "--end", how)
    assert (ended.code, ended.out) == (0, "") and "by hand" in ended.err
    rows = {row["version"]: row for row in trying("model", "list", "friend", "--json").document}
    assert rows["v1"]["stage"] == stage
    after = trying("model", "canary", "friend")
    assert after.code == (0 if how == "promote" else 3)
    assert "friend v1 is watched, against v0, until " in after.out if how == "promote" else "attune receipts list friend" in after.err
    assert trying("model", "canary", "friend", "--end", how).code == 3
    assert trying("model", "canary", "ghost").code == 3


def test_a_version_of_another_base_is_refused_in_words(trained: Shell) -> None:
    """When learning.base was changed since, promotion is exit 7, and says what to set back."""
    with trained.database() as engine, transaction(engine) as session:
        registry.find_version(session, "friend", "v1").base = "larger"
    refused = trained("model", "promote", "friend", "v1")
    assert refused.code == 7 and "Set learning.base back to larger" in refused.err


def test_a_version_proved_under_another_text_is_promoted_with_a_remark(trained: Shell) -> None:
    """The owner may do so, and is told."""
    with trained.database() as engine, transaction(engine) as session:
        registry.find_version(session, "friend", "v1").revision = "0123"
    promoted = trained("model", "promote", "friend", "v1", "--json")
    assert promoted.code == 0 and promoted.document["stage"] == "champion" and "another text of the persona file" in promoted.err


@pytest.fixture
def proved(here: Shell) -> tuple[Shell, Nights]:
    """A home with two nights behind it."""
    with here.database() as engine:
        return here, leave_nights(engine, here.home / "artifacts")


def test_the_proof_page_of_a_version(proved: tuple[Shell, Nights]) -> None:
    """As Markdown, as JSON, for the one that serves by default, for the start too; an unknown one is exit 3."""
    attune, nights = proved
    page = attune("model", "show", "friend", "v1", "--markdown")
    assert (page.code, page.err) == (0, "") and page.out.startswith("# friend v1\n") and "| burst | 7 |" in page.out
    assert attune("model", "show", "friend").out == page.out
    record = attune("model", "show", "friend", "v1", "--json").document
    assert record["night"]["id"] == nights.good and record["training"]["curve"][0] == {"step": 1, "loss": 2.5, "method": "sft"}
    assert attune("model", "show", "mentor", "v0").out.startswith("# mentor v0\n")
    unknown = attune("model", "show", "friend", "v9")
    assert (unknown.code, unknown.err) == (3, "attune: friend has no version 'v9'. See: attune model list friend\n")


def test_lineage_up_and_down(proved: tuple[Shell, Nights]) -> None:
    """From a version to its run, dataset, samples and people; from a person to the versions; neither or both is exit 2."""
    attune, nights = proved
    up = attune("model", "lineage", "friend", "v1", "--json").document
    assert (up["night"], up["dataset"], up["samples"], up["people"]) == (nights.good, "d" * 64, 4, 2)
    assert "unpaired" in attune("model", "lineage", "friend", "v1").out
    (down,) = attune("model", "lineage", "--person", nights.rater, "--json").document
    assert (down["version"], down["train"], down["holdout"]) == ("v1", 2, 1)
    assert "No version learned" in attune("model", "lineage", "--person", nights.stranger).err
    assert attune("model", "lineage", "--person", "nobody").code == 3
    assert attune("model", "lineage").code == 2 == attune("model", "lineage", "friend", "--person", nights.rater).code


def test_what_is_promoted_by_hand_is_watched_unless_its_persona_watches_nothing(trained: Shell) -> None:
    """A promotion by hand is watched in words too; with `watch_hours: 0` nothing is."""
    assert trained("model", "promote", "friend", "v1").code == 0
    assert "v1 is watched" in trained("model", "canary", "friend").out
    file = trained.personas / "friend.md"
    file.write_text(file.read_text().replace("greeting:", "gate: {watch_hours: 0}\ngreeting:"))
    assert trained("model", "promote", "friend", "v0").code == 0
    assert trained("model", "canary", "friend").code == 3
