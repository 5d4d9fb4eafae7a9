"""Ratings: appended, never changed; the last word is what counts."""

from collections.abc import Callable
from itertools import product
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine
from sqlmodel import Session, col, select

from service.chat.examples import find_examples
from service.chat.exchange import find_person, open_variant
from service.chat.messages import LONGEST_MESSAGE
from service.chat.rating import current_rating, rate, withdraw
from service.db.tables import Exchange, ExchangeState, LikedExchange, Rating, Thumb
from service.errors import Conflict, Invalid
from service.personas.persona import Persona
from tests.databases import race
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
    house.close(opened, "Hel", ExchangeState.cancelled)
    assert _rate(house, house.exchange(opened.id), Thumb.down).rating == Thumb.down


@pytest.mark.parametrize(
    ("state", "reply", "code"),
    [
        (ExchangeState.failed, "Hel", "exchange_failed"),
        (ExchangeState.failed, "", "exchange_failed"),
        (ExchangeState.cancelled, "", "reply_empty"),
        (ExchangeState.interrupted, " \n", "reply_empty"),
        (ExchangeState.complete, "", "reply_empty"),
    ],
)
def test_what_is_no_reply_cannot_be_rated(house: House, state: ExchangeState, reply: str, code: str) -> None:
    """A failed or an empty reply says nothing about the persona: a thumb on it is refused with the way out, a correction too."""
    opened = house.open()
    house.close(opened, reply, state)
    with pytest.raises(Conflict, match=r"nothing to rate\. Ask for another one") as raised:
        _rate(house, house.exchange(opened.id), Thumb.down, correction="Hello!")
    assert raised.value.code == code
    _withdraw(house, house.exchange(opened.id))
    assert _rows(house) == []


def test_the_same_word_twice_is_kept_once(house: House) -> None:
    """A client that sends its rating again, reasons in another order or named twice, fills no table and gets the word that stands."""
    said = house.said("Hi", reply="Hello.")
    first = _rate(house, said, Thumb.down, reasons=["mean", "boring", "mean"], comment="no", correction="Hey!")
    again = _rate(house, said, Thumb.down, reasons=["boring", "mean", "boring"], comment=" no ", correction="Hey!\n")
    assert again.id == first.id
    assert [row.reasons for row in _rows(house)] == [["mean", "boring"]]


@pytest.mark.parametrize(
    "more", [{"reasons": ["mean"]}, {"comment": "yes"}, {"correction": "Ho!"}, {"correction": None}, {"reasons": [], "comment": ""}]
)
def test_any_other_word_is_a_new_one(house: House, more: dict[str, Any]) -> None:
    """What differs in one thing only is the person's new word, and is theirs alone as they sent it."""
    said = house.said("Hi", reply="Hello.")
    word = {"reasons": ["boring"], "comment": "no", "correction": "Hey!"}
    _rate(house, said, Thumb.down, **word)
    _rate(house, said, Thumb.down, **{**word, **more})
    last = _rows(house)[-1]
    assert len(_rows(house)) == 2
    assert {"reasons": last.reasons, "comment": last.comment, "correction": last.correction} == {**word, **more}


def test_a_word_taken_back_can_be_said_again(house: House) -> None:
    """After a withdrawal the same word is a new one."""
    said = house.said("Hi")
    _rate(house, said, Thumb.up)
    _withdraw(house, said)
    _rate(house, said, Thumb.up)
    assert [row.rating for row in _rows(house)] == [Thumb.up, Thumb.withdrawn, Thumb.up]


def test_a_rating_of_a_variant_is_of_that_variant_only(house: House) -> None:
    """Two replies to one message are two exchanges: a thumb on one says nothing about the other."""
    first = house.said("Hi", reply="Hello.")
    variant = house.do(lambda session: open_variant(session, first.id, house.persona, "b1"))
    house.close(variant, "Hey!")
    second = house.exchange(variant.id)
    _rate(house, second, Thumb.up)
    assert _word(house, first) is None
    _rate(house, first, Thumb.down)
    words = _word(house, first), _word(house, second)
    assert [word and word.rating for word in words] == [Thumb.down, Thumb.up]


def test_a_word_sent_many_times_at_once_is_kept_once(database: Engine, persona: Callable[..., Persona]) -> None:
    """Retries that overtake each other do not see each other's row, and still leave one."""
    house = House(database, persona())
    said = house.said("Hi")
    ratings = race(6, lambda _: _rate(house, said, Thumb.up))
    assert [row.rating for row in _rows(house)] == [Thumb.up]
    assert {rating.id for rating in ratings if isinstance(rating, Rating)} == {_rows(house)[0].id}


def test_people_who_rate_at_once_are_all_heard(database: Engine, persona: Callable[..., Persona]) -> None:
    """Thumbs up and down in one moment leave no example, whichever is written last."""
    house = House(database, persona())
    people = [f"person {number}" for number in range(6)]
    for name in people:
        house.do(find_person, name)
    for number in range(5):
        said = house.said(f"My cat {number}")
        ratings = race(6, lambda turn, said=said: _rate(house, said, Thumb.down if turn == 3 else Thumb.up, people[turn]))
        assert all(isinstance(rating, Rating) for rating in ratings)
    assert house.ask(lambda session: find_examples(session, "friend", "my cat", 9, "another")) == []


class Word(NamedTuple):
    """What one person says in the model, or takes back (None)."""

    person: str
    thumb: Thumb | None
    reasons: list[str]
    correction: str | None


def _any_word() -> st.SearchStrategy[Word]:
    people = st.sampled_from(["ann", "ben", "cat"])
    corrections = st.sampled_from([None, "Better.", "Best."])
    up = st.builds(Word, people, st.just(Thumb.up), st.sampled_from([[], ["funny"]]), corrections)
    down = st.builds(Word, people, st.just(Thumb.down), st.sampled_from([[], ["mean"]]), corrections)
    return st.one_of(up, up, down, st.builds(Word, people, st.none(), st.just([]), st.none()))


@given(words=st.lists(_any_word(), max_size=9))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_sequence_of_words_ends_as_the_rules_say(house: House, words: list[Word]) -> None:
    """A model of a dozen lines and the database agree: on each person's word, on the rows, and on what is shown as an example."""
    said = house.said("My cat is sick", reply="Oh no.")
    standing: dict[str, Word] = {}
    rows = 0
    for word in words:
        before = standing.get(word.person)
        rows += word != before if word.thumb else before is not None
        if word.thumb is None:
            _withdraw(house, said, word.person)
            standing.pop(word.person, None)
        else:
            _rate(house, said, word.thumb, word.person, reasons=word.reasons, correction=word.correction)
            if word != before:  # Said again, a word keeps its age.
                standing.pop(word.person, None)
                standing[word.person] = word
    for person in ("ann", "ben", "cat"):
        found, expected = _word(house, said, person), standing.get(person)
        assert (found and Word(person, found.rating, found.reasons, found.correction)) == expected
    assert house.ask(lambda session: len(session.exec(select(Rating).where(Rating.exchange_id == said.id)).all())) == rows
    assert _shown(house, said) == _expected(list(standing.values()))


def _shown(house: House, said: Exchange) -> str | None:
    entry = house.ask(lambda session: session.exec(select(LikedExchange).where(LikedExchange.exchange_id == said.id)).first())
    if entry is None:
        return None
    word = house.ask(lambda session: session.get_one(Rating, entry.rating_id))
    return word.correction or said.reply


def _expected(standing: list[Word]) -> str | None:
    """Liked by somebody, disliked by nobody, in the words of the newest correction."""
    if not standing or any(word.thumb is Thumb.down for word in standing):
        return None
    return next((word.correction for word in reversed(standing) if word.correction), "Oh no.")


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
