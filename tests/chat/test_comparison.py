"""Two replies to one message: opened together, shown in either order, one preferred, neither, or the other after all."""

from typing import Any

import pytest
from sqlalchemy import delete
from sqlmodel import Session, col, select

from service.chat.comparison import find_comparison, kept_reply_of, open_beside, prefer
from service.chat.exchange import Asked, Ending, Opened, close_exchange, find_person, open_in_conversation
from service.chat.rating import current_rating, rate, withdraw
from service.curation.verdicts import read_words
from service.db.tables import Comparison, Conversation, Exchange, ExchangeState, Rating, Thumb
from service.errors import Conflict
from tests.fakes.house import House


def ask(house: House, message: str = "Hi", **options: Any) -> Opened:
    """Say something in ann's conversation, which is begun when it is not there."""

    def work(session: Session) -> Opened:
        return open_in_conversation(session, asked(house, message), conversation(session), **options)

    opened: Opened = house.do(work)
    return opened


def asked(house: House, message: str) -> Asked:
    """A message to the persona."""
    return Asked(house.persona, "champion", message, "b1")


def conversation(session: Session) -> Conversation:
    """Ann's conversation."""
    person = find_person(session, "ann")
    found = session.exec(select(Conversation).where(Conversation.person_id == person.id)).first()
    if found is None:
        found = Conversation(persona="friend", person_id=person.id)
        session.add(found)
        session.flush()
    return found


def ask_twice(house: House, message: str = "Hi", replies: tuple[str, str] = ("One.", "Two.")) -> tuple[str, str]:
    """Two replies to one message; the ids of the two in the order of their opening."""
    one = ask(house, message)
    other: Opened = house.do(lambda session: open_beside(session, asked(house, message), conversation(session), one))
    for opened, reply in zip((one, other), replies, strict=True):
        house.do(close_exchange, opened.id, Ending(ExchangeState.complete, reply, finish_reason="stop"))
    return one.id, other.id


def choose(house: House, exchange_id: str, preferred: str | None) -> None:
    """Ann's choice between two replies."""

    def work(session: Session) -> None:
        found = find_comparison(session, exchange_id)
        assert found is not None
        prefer(session, found, find_person(session, "ann").id, house.persona, preferred)

    house.do(work)


def words(house: House, *ids: str) -> list[str | None]:
    """Ann's present word on each of these."""

    def work(session: Session) -> list[str | None]:
        person = find_person(session, "ann").id
        return [rating.rating.value if (rating := current_rating(session, each, person)) else None for each in ids]

    found: list[str | None] = house.do(work)
    return found


def test_two_replies_share_message_and_context(house: House) -> None:
    """Both follow the same exchange with the same history, at the start and later, and neither sees the other."""
    first = ask_twice(house, "Hi")
    second = ask_twice(house, "And now?")
    rows = [house.exchange(each) for each in (*first, *second)]
    assert [row.previous_id for row in rows[:2]] == [None, None]
    assert rows[2].previous_id == rows[3].previous_id in first
    assert [turn["content"] for turn in rows[2].context][0::2] == ["Hi"]
    assert rows[2].context == rows[3].context
    assert [row.message for row in rows] == ["Hi", "Hi", "And now?", "And now?"]


def test_the_order_is_drawn_and_kept(house: House) -> None:
    """Either reply comes first now and then, and the row says which did."""
    firsts = set()
    for number in range(40):
        one, other = ask_twice(house, f"Message {number}")
        kept: Comparison = house.ask(lambda session, one=one: find_comparison(session, one))
        assert {kept.first_id, kept.second_id} == {one, other}
        assert house.ask(lambda session, other=other: find_comparison(session, other)).first_id == kept.first_id
        firsts.add(kept.first_id == one)
        if firsts == {True, False}:
            return
    raise AssertionError("40 comparisons came in the same order.")


def test_the_preferred_reply_is_liked_and_the_other_one_is_not(house: House) -> None:
    """A choice is a pair of ratings, which the night finds as such; the last choice wins."""
    one, other = ask_twice(house)
    choose(house, one, other)
    assert words(house, one, other) == ["down", "up"]
    said = house.ask(lambda session: read_words(session, "friend"))
    assert {(name.decode(), bool(liked)) for name, liked in zip(said.exchange, said.liked, strict=True)} == {(one, False), (other, True)}
    choose(house, one, one)
    assert words(house, one, other) == ["up", "down"]


def test_neither_takes_the_choice_back(house: House) -> None:
    """`neither` leaves no rating of an earlier choice, and rates nothing by itself; it is a decision all the same."""
    one, other = ask_twice(house)
    choose(house, one, None)
    assert words(house, one, other) == [None, None]
    choose(house, one, one)
    choose(house, one, None)
    assert words(house, one, other) == [None, None]
    kept = house.ask(lambda session: find_comparison(session, one))
    assert kept.preferred_id is None and kept.decided_at is not None


def test_what_a_person_said_before_stands_where_it_agrees(house: House) -> None:
    """A thumb up with reasons, given before, keeps them when that reply is preferred; the same choice twice adds no row."""
    one, other = ask_twice(house)

    def like(session: Session) -> None:
        rate(session, session.get_one(Exchange, one), find_person(session, "ann").id, house.persona, Thumb.up, reasons=["funny"])

    house.do(like)
    choose(house, one, one)
    choose(house, one, one)
    rows = house.ask(lambda session: session.exec(select(Rating).order_by(col(Rating.id))).all())
    assert [(row.exchange_id, row.rating.value, row.reasons) for row in rows] == [(one, "up", ["funny"]), (other, "down", [])]


def test_the_conversation_goes_on_from_the_preferred_reply(house: House) -> None:
    """What the model sees next is the preferred reply, also when it was not the last one written."""
    one, _ = ask_twice(house)
    name = house.do(lambda session: conversation(session).id)
    assert house.do(kept_reply_of, name) is None
    choose(house, one, one)
    assert house.do(kept_reply_of, name) == one
    following = ask(house, "Go on.", previous_id=one)
    assert [turn.content for turn in following.history] == ["Hi", "One."]
    assert house.do(kept_reply_of, name) is None


@pytest.mark.parametrize(("state", "reply"), [(ExchangeState.open, ""), (ExchangeState.failed, ""), (ExchangeState.failed, "Half a")])
def test_there_is_no_choice_without_two_replies(house: House, state: ExchangeState, reply: str) -> None:
    """While one of them is being written, or when it failed, a choice is refused and rates neither."""
    one = ask(house)
    other: Opened = house.do(lambda session: open_beside(session, asked(house, "Hi"), conversation(session), one))
    house.do(close_exchange, one.id, Ending(ExchangeState.complete, "One."))
    if state != ExchangeState.open:
        house.do(close_exchange, other.id, Ending(state, reply, error="provider_failed"))
    with pytest.raises(Conflict):
        choose(house, one.id, one.id)
    assert words(house, one.id, other.id) == [None, None]


def test_an_exchange_shown_alone_is_in_no_comparison(house: House) -> None:
    """Most exchanges are."""
    opened = ask(house)
    assert house.ask(lambda session: find_comparison(session, opened.id)) is None


def test_a_withdrawn_rating_leaves_the_choice(house: House) -> None:
    """A person may take back a thumb; what they preferred is remembered."""
    one, other = ask_twice(house)
    choose(house, one, other)
    house.do(lambda session: withdraw(session, session.get_one(Exchange, other), find_person(session, "ann").id))
    assert words(house, one, other) == ["down", None]
    assert house.ask(lambda session: find_comparison(session, one)).preferred_id == other


def test_a_deleted_exchange_leaves_no_comparison(house: House) -> None:
    """Whoever is forgotten leaves no row that names what they chose."""
    one, other = ask_twice(house)
    choose(house, one, other)

    def forget(session: Session) -> None:
        session.execute(delete(Rating))
        session.execute(delete(Exchange).where(col(Exchange.id).in_([one, other])))

    house.do(forget)
    assert house.ask(lambda session: session.exec(select(Comparison)).all()) == []
