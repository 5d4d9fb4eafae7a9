"""`attune persona try --gate`: another text of a persona before the gate."""

from pathlib import Path

from service.examiner import _asked_under
from tests.cli.conftest import Shell


def test_a_text_without_evidence_does_not_pass(here: Shell, engine_url: str, tmp_path: Path) -> None:
    """Nobody rated anything yet: the champion's text stays, the reason is a sentence, and the exit code is the gate's."""
    other = tmp_path / "other.md"
    other.write_text("You are Friend. You shout.")
    told = here("persona", "try", "friend", "--gate", "--variants", str(other), "--json", ATTUNE_ENGINE=engine_url)
    assert told.code == 6
    assert told.document["promote"] is False
    assert "no rated replies left to test on" in told.document["reason"]
    assert told.document["scorecard"]["holdout"]["replies"] == 0


def test_the_gate_takes_one_text(here: Shell, tmp_path: Path) -> None:
    """None, or two, cannot be compared with the present one; the sentence says how it is asked."""
    assert "--gate --variants other.md" in here("persona", "try", "friend", "--gate").err
    other = tmp_path / "other.md"
    other.write_text("You are Friend.")
    second = tmp_path / "second.md"
    second.write_text("You are Friend, too.")
    assert here("persona", "try", "friend", "--gate", "--variants", f"{other},{second}").code == 2


def test_rows_are_put_under_another_text() -> None:
    """The system message is the text that is tried; all else of a row stays, and a row without one gets one."""
    said = [{"role": "user", "content": "Hi."}]
    reply = [{"role": "assistant", "content": "Hello."}]
    rows = [{"prompt": [{"role": "system", "content": "old"}, *said], "completion": reply}, {"prompt": said, "completion": reply}]
    new = {"role": "system", "content": "new"}
    assert _asked_under(rows, "new") == [{"prompt": [new, *said], "completion": reply}] * 2
