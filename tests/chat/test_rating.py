"""Ratings: appended, never changed; the last word is what counts."""

from itertools import product
from typing import Any

import pytest
from sqlmodel import Session, col, select

from service.chat.exchange import find_person
from service.chat.messages import LONGEST_MESSAGE
from service.chat.rating import current_rating, rate, withdraw
from service.db.tables import Exchange, ExchangeState, Rating, Thumb
from service.errors import Conflict, Invalid
from tests.fakes.house import House


def _rate(house: House, exchange: Exchange, thumb: Thumb, person: str = "ann", **more: Any) -> Rating:
    def work(session: Session) -> Rating:
        rater = find_person(session, person)
        return rate(session, session.get_one(Exchange, exchange.id), rater.id, house.persona, thumb, **more)

    found: Rating = house.do(work)
    return found


def _withdraw(house: House, exchange: Exchange, person: str = "ann") -> None:
    house.do(lambda session: withdraw(session, session.get_one(Exchange, exchange.id), find_person(session, person).id))


def _word(house: House, exchange: Exchange, person: str = "ann") -> Rating | None:
    word: Rating | None = house.do(lambda session: current_rating(session, exchange.id, find_person(session, person).id))
    return word


def _rows(house: House) -> list[Rating]:
    rows: list[Rating] = house.ask(lambda session: list(session.exec(select(Rating).order_by(col(Rating.id)))))
    return rows


def test_a_word_is_kept_with_all_that_was_said(house: House) -> None:
    """Thumb, reasons, comment and correction are the person's word on this exchange, and on no other."""
    said, other = house.said("Hi"), house.said("Oh")
    _rate(house, said, Thumb.down, reasons=["mean"], comment=" too short ", correction=" Hello, Ann! ")
    word = _word(house, said)
    assert word is not None
    assert (word.rating, word.reasons, word.comment, word.correction) == (Thumb.down, ["mean"], "too short", "Hello, Ann!")
    assert _word(house, other) is None
    assert _word(house, said, "ben") is None


def test_the_last_word_wins_and_the_earlier_ones_stay_written(house: House) -> None:
    """Each word is a row of its own; the newest counts, and nothing of an earlier one, neither reasons nor comment, lives on in it."""
    said = house.said("Hi")
    _rate(house, said, Thumb.down, reasons=["mean", "boring"], comment="no", correction="Better.")
    _rate(house, said, Thumb.up)
    word = _word(house, said)
    assert word is not None
    assert (word.rating, word.reasons, word.comment, word.correction) == (Thumb.up, [], "", None)
    assert [(row.rating, row.reasons) for row in _rows(house)] == [(Thumb.down, ["mean", "boring"]), (Thumb.up, [])]


def test_a_word_can_be_taken_back(house: House) -> None:
    """Withdrawn, there is no word any more, though the rows stay; a new word counts again; without a word nothing is written."""
    said = house.said("Hi")
    _withdraw(house, said)
    assert _rows(house) == []
    _rate(house, said, Thumb.up, reasons=["funny"])
    _withdraw(house, said)
    _withdraw(house, said)
    assert _word(house, said) is None
    assert [row.rating for row in _rows(house)] == [Thumb.up, Thumb.withdrawn]
    _rate(house, said, Thumb.down)
    word = _word(house, said)
    assert word is not None and (word.rating, word.reasons) == (Thumb.down, [])


def test_each_person_has_a_word_of_their_own(house: House) -> None:
    """What one person says or takes back does not touch another's word."""
    said = house.said("Hi")
    _rate(house, said, Thumb.up, "ann")
    _rate(house, said, Thumb.down, "ben")
    _withdraw(house, said, "ann")
    ben = _word(house, said, "ben")
    assert _word(house, said, "ann") is None
    assert ben is not None and ben.rating == Thumb.down


@pytest.mark.parametrize("correction", ["Hello.", "  Hello.\n", "", "   ", None])
def test_a_correction_that_corrects_nothing_is_not_kept(house: House, correction: str | None) -> None:
    """The reply itself, with blank space or without, and nothing at all are no correction."""
    _rate(house, house.said("Hi", reply="Hello."), Thumb.down, correction=correction)
    assert [row.correction for row in _rows(house)] == [None]


@pytest.mark.parametrize(
    ("thumb", "more", "code", "param"),
    [
        (Thumb.up, {"reasons": ["mean"]}, "reason_unknown", "reasons"),
        (Thumb.down, {"reasons": ["funny"]}, "reason_unknown", "reasons"),
        (Thumb.down, {"reasons": ["mean", "x"]}, "reason_unknown", "reasons"),
        (Thumb.up, {"comment": "x" * 2_001}, "comment_too_long", "comment"),
        (Thumb.up, {"comment": "a\x00b"}, "comment_invalid", "comment"),
        (Thumb.down, {"correction": "x" * (LONGEST_MESSAGE + 1)}, "correction_too_long", "correction"),
        (Thumb.down, {"correction": "a\x00b"}, "correction_invalid", "correction"),
    ],
)
def test_what_the_persona_does_not_know_is_refused(house: House, thumb: Thumb, more: dict[str, Any], code: str, param: str) -> None:
    """A reason of the other thumb or of nobody, and words that are too long or cannot be kept, are refused, and nothing is written."""
    said = house.said("Hi")
    with pytest.raises(Invalid) as raised:
        _rate(house, said, thumb, **more)
    assert (raised.value.code, raised.value.param) == (code, param)
    assert _rows(house) == []


def test_words_at_their_limit_are_kept(house: House) -> None:
    """The limits themselves are allowed."""
    _rate(house, house.said("Hi"), Thumb.down, comment="x" * 2_000, correction="y" * LONGEST_MESSAGE)
    assert [(len(row.comment), len(row.correction or "")) for row in _rows(house)] == [(2_000, LONGEST_MESSAGE)]


def test_a_reply_in_the_making_cannot_be_rated(house: House) -> None:
    """There is nothing to judge yet; once it ended, even broken off, there is."""
    opened = house.open()
    with pytest.raises(Conflict) as raised:
        _rate(house, house.exchange(opened.id), Thumb.up)
    assert raised.value.code == "exchange_open"
    house.close(opened, "Hel", ExchangeState.failed)
    assert _rate(house, house.exchange(opened.id), Thumb.down).rating == Thumb.down


def test_whatever_was_said_before_the_last_word_is_the_word(house: House) -> None:
    """Every history of up to three words ends in its last one, or in none when that was taken back."""
    histories = [words for length in range(1, 4) for words in product(Thumb, repeat=length)]
    for words in histories:
        said = house.said("Hi")
        for word in words:
            if word == Thumb.withdrawn:
                _withdraw(house, said)
            else:
                _rate(house, said, word)
        last = _word(house, said)
        assert (last.rating if last else Thumb.withdrawn) == words[-1], words
