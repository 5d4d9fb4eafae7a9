"""`attune receipts`: what nights decided, and why."""

import pytest

from service import registry
from service.canary.trial import drop
from service.db.engine import transaction
from service.db.tables import Canary, ReceiptKind, now
from tests.cli.conftest import Shell
from tests.proof.conftest import Nights, leave_nights


@pytest.fixture
def proved(here: Shell) -> tuple[Shell, Nights]:
    """A home with two nights behind it."""
    with here.database() as engine:
        return here, leave_nights(engine, here.home / "artifacts")


def test_receipts_are_listed(proved: tuple[Shell, Nights]) -> None:
    """Newest first, of all or of one persona, by outcome and by kind; where there is none that is said, and no persona is exit 3."""
    attune, nights = proved
    rows = attune("receipts", "list", "--json").document
    assert [(row["night"], row["outcome"], row["kind"], row["version"]) for row in rows] == [
        (nights.idle, "skipped", "night", None),
        (nights.good, "promoted", "night", "v1"),
    ]
    assert [row["outcome"] for row in attune("receipts", "list", "friend", "--outcome", "promoted", "--json").document] == ["promoted"]
    assert attune("receipts", "list", "--kind", "canary", "--json").document == []
    assert "There is nothing new." in attune("receipts", "list").out
    assert (attune("receipts", "list", "mentor").out, attune("receipts", "list", "ghost").code) == ("", 3)


def test_a_receipt_is_shown_with_its_page(proved: tuple[Shell, Nights]) -> None:
    """The newest, or one by the end of its id; with --json the receipt as it was written and the record of its night."""
    attune = proved[0]
    assert "**Skipped.** There is nothing new." in attune("receipts", "show", "--markdown").out
    good = attune("receipts", "list", "--outcome", "promoted", "--json").document[0]
    shown = attune("receipts", "show", good["id"][-8:], "--json").document
    assert shown["reason"] == "The candidate takes over." and shown["record"]["version"]["name"] == "v1"
    assert attune("receipts", "show", good["id"]).out.startswith("# friend v1\n")


def test_a_receipt_of_a_trial_without_a_night_shows_the_version(proved: tuple[Shell, Nights]) -> None:
    """The start was watched, and no night made it: its receipt leads to the trial, and the page is that of the version."""
    attune = proved[0]
    with attune.database() as engine, transaction(engine) as session:
        start = registry.list_versions(session, "friend")[-1]
        trial = Canary(persona="friend", kind=ReceiptKind.watch, version_id=start.id, champion_id=start.id, share=1.0, ends_at=now())
        session.add(trial)
        session.flush()
        drop(session, trial, "v1 took its place before the watch was over.")
        trial_id = trial.id
    shown = attune("receipts", "show", "--json").document
    assert (shown["trial"], shown["night"], shown["kind"], shown["version"]) == (trial_id, None, "watch", "v0")
    assert shown["record"]["version"]["name"] == "v0" and shown["record"]["night"] is None
    assert "v1 took its place before the watch was over." in attune("receipts", "show", "--markdown").out


@pytest.mark.parametrize(("named", "code"), [("00000000", 3), ("a", 3), ("%%%%%%%%", 3), ("latest", 0)])
def test_an_unknown_receipt_is_not_found(proved: tuple[Shell, Nights], named: str, code: int) -> None:
    """Whatever is no receipt's id is exit 3."""
    assert proved[0]("receipts", "show", named).code == code


def test_without_a_night_there_is_no_receipt(here: Shell) -> None:
    """An empty home says how to get one."""
    none = here("receipts", "show")
    assert none.code == 3 and "attune nightly PERSONA --wait" in none.err
    assert here("receipts", "list", "--json").document == []
