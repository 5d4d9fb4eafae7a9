"""`attune receipts`: what nights decided, and why."""

import pytest

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


@pytest.mark.parametrize(("named", "code"), [("00000000", 3), ("a", 3), ("%%%%%%%%", 3), ("latest", 0)])
def test_an_unknown_receipt_is_not_found(proved: tuple[Shell, Nights], named: str, code: int) -> None:
    """Whatever is no receipt's id is exit 3."""
    assert proved[0]("receipts", "show", named).code == code


def test_without_a_night_there_is_no_receipt(here: Shell) -> None:
    """An empty home says how to get one."""
    none = here("receipts", "show")
    assert none.code == 3 and "attune nightly PERSONA --wait" in none.err
    assert here("receipts", "list", "--json").document == []
