"""Who says what in a rehearsal is drawn from a seed."""

from collections import Counter
from pathlib import Path

import pytest

from service.errors import Invalid
from service.rehearsal.visits import MESSAGES, Habits, Turn, draw_visits, hostile_people, read_messages, thumb_of


def test_what_is_measured_is_never_said() -> None:
    """A third of the messages is kept for the measurement; another seed keeps another third."""
    said, unseen = read_messages(MESSAGES, 1)
    assert len(unseen) == (len(said) + len(unseen)) // 3 >= 30
    assert not set(said) & set(unseen)
    assert read_messages(MESSAGES, 1) == (said, unseen)
    assert set(read_messages(MESSAGES, 2)[1]) != set(unseen)


def test_too_few_messages_are_refused(tmp_path: Path) -> None:
    """Comments and repetitions do not count."""
    file = tmp_path / "few.txt"
    file.write_text("# a comment\nHi.\nHi.\n\nBye.\n")
    with pytest.raises(Invalid, match=r"There are 2 messages in .*; a rehearsal needs 12"):
        read_messages(file, 1)
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(Invalid, match="cannot be read"):
        read_messages(file, 1)


def test_visits_hold_what_was_asked_for() -> None:
    """So many exchanges, everybody about equally often, rated and mistaken at the given rates; the same for the same seed."""
    visits = draw_visits([f"message {n}" for n in range(20)], 2_000, Habits(10, 0.6, 0.1), "seed")
    turns = [turn for visit in visits for turn in visit.turns]
    assert len(turns) == 2_000
    assert sum(turn.is_rated for turn in turns) == pytest.approx(1_200, abs=80)
    assert sum(turn.slips for turn in turns) == pytest.approx(200, abs=50)
    counts = Counter(visit.person for visit in visits)
    assert set(counts) == set(range(10))
    assert max(counts.values()) - min(counts.values()) <= 1
    assert max(Counter(turn.message for turn in turns).values()) == 100
    assert visits == draw_visits([f"message {n}" for n in range(20)], 2_000, Habits(10, 0.6, 0.1), "seed")


def test_hostile_people_are_the_share_that_was_named() -> None:
    """Whole people, and the same ones every day."""
    assert len(hostile_people(40, 0.2, 1)) == 8
    assert hostile_people(40, 0.2, 1) == hostile_people(40, 0.2, 1)
    assert hostile_people(40, 0.0, 1) == set()


@pytest.mark.parametrize(
    ("opinion", "is_rated", "slips", "thumb"),
    [
        ("up", True, False, "up"),
        ("up", True, True, "down"),
        ("down", True, True, "up"),
        ("up", False, False, None),
        (None, True, True, None),
    ],
)
def test_a_thumb_follows_from_opinion_and_habit(opinion: str | None, is_rated: bool, slips: bool, thumb: str | None) -> None:
    """Who has no opinion or does not rate presses nothing; a slip says the opposite."""
    assert thumb_of(opinion, Turn("Hi.", is_rated, slips)) == thumb
