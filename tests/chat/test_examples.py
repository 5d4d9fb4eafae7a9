"""Liked exchanges as examples: found by their words, kept with the ratings, and never shown to whom they do not belong."""

import json
import sqlite3
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, event, insert, text
from sqlmodel import Session, col, select

from service.chat.examples import Example, find_examples, rebuild_examples
from service.chat.exchange import find_person
from service.chat.rating import rate, withdraw
from service.db.engine import part_of, reading, transaction, writing
from service.db.tables import Conversation, Exchange, ExchangeState, LikedExchange, Person, Prompt, Rating, Thumb, Version, now
from service.db.words import words
from service.errors import Unavailable
from service.personas.persona import Persona
from tests.fakes.house import House


def _rate(house: House, exchange: Exchange, thumb: Thumb, person: str = "ann", correction: str | None = None) -> None:
    def work(session: Session) -> None:
        rater = find_person(session, person)
        rate(session, session.get_one(Exchange, exchange.id), rater.id, house.persona, thumb, correction=correction)

    house.do(work)


def _liked(house: House, message: str, reply: str = "Hello.", correction: str | None = None, **options: Any) -> Exchange:
    """An exchange of ann's, or of whom the options say, that she likes."""
    said = house.said(message, reply=reply, **options)
    _rate(house, said, Thumb.up, correction=correction)
    return said


def _found(house: House, message: str, count: int = 3, persona: str = "friend", conversation: str = "another") -> list[Example]:
    found: list[Example] = house.ask(lambda session: find_examples(session, persona, message, count, conversation))
    return found


def _replies(house: House, message: str, **options: Any) -> list[str]:
    return [example.reply for example in _found(house, message, **options)]


def _quarantine(house: House, person: str, lifted: bool = False) -> None:
    def work(session: Session) -> None:
        find_person(session, person).quarantined_at = None if lifted else now()

    house.do(work)


def _entries(house: House) -> list[tuple[Any, ...]]:
    """The liked exchanges as they are kept, without the numbers they happen to have."""
    columns = ("exchange_id", "rating_id", "persona", "conversation_id", "person_id", "rater_id", "words")
    query = select(*(col(getattr(LikedExchange, name)) for name in columns)).order_by(col(LikedExchange.exchange_id))
    return [tuple(row) for row in house.ask(lambda session: session.exec(query).all())]


def test_the_most_similar_liked_exchanges_come_first(house: House) -> None:
    """An example is a message and its reply; whoever shares more and rarer words comes first, and no more come than were asked for."""
    for number, topic in enumerate(("my cat", "my old car", "my garden", "the weather", "my black cat and my dog")):
        _liked(house, f"What do you think about {topic}?", f"reply {number}")
    sick = _liked(house, "My cat is sick!", "Oh no, poor thing.")

    assert _found(house, "My cat has been sick since Monday.", count=1) == [Example(sick.id, "My cat is sick!", "Oh no, poor thing.")]
    assert set(_replies(house, "sick cat", count=3)) == {"Oh no, poor thing.", "reply 0", "reply 4"}
    assert _replies(house, "sick cat", count=3)[0] == "Oh no, poor thing."
    assert len(_found(house, "What do you think about my cat?", count=2)) == 2


def test_a_rare_word_weighs_more_than_common_ones(house: House) -> None:
    """What everybody says tells little: the one that shares the rare word comes before the many that share the usual opening."""
    _liked(house, "Violins: yes or no?", "Yes, always.")
    for number in range(50):
        _liked(house, f"What do you think about number{number}?", f"reply {number}")

    assert _replies(house, "What do you think about violins?")[0] == "Yes, always."


def test_what_shares_no_word_is_no_example(house: House) -> None:
    """Nothing is better than something that has nothing to do with the message."""
    _liked(house, "Good morning!")

    assert _found(house, "Tell me a joke.") == []
    assert _found(house, "good") != []
    assert _found(house, "good", count=0) == []


def test_case_and_accents_make_no_difference(house: House) -> None:
    """Words are compared as people type them in a hurry."""
    _liked(house, "Der Müller ging über die STRASSE, ça va?", "Oui.")

    for message in ("muller", "MÜLLER", "Straße", "ca"):
        assert _replies(house, message) == ["Oui."], message


@pytest.mark.parametrize(
    ("said", "asked"),
    [
        ("我喜欢我的猫", "你的猫好吗?"),
        ("ねこがとてもかわいい", "かわいいいぬ"),
        ("ฉันรักแมวของฉัน", "แมวน่ารัก"),
        ("나는 고양이를 좋아해", "고양이를 봤어"),
        ("मुझे बिल्ली पसंद है", "बिल्ली कहाँ है"),
        ("أحب قطتي", "أين قطتي"),
        ("Я люблю свою кошку", "КОШКУ видел?"),
    ],
)
def test_every_language_is_found(house: House, said: str, asked: str) -> None:
    """Also where no spaces stand between words: a cat is found as a cat."""
    _liked(house, "Nothing of the kind 12", "No.")
    _liked(house, said, "Yes.")

    assert _replies(house, asked) == ["Yes."]


HOSTILE = (
    '"',
    "'",
    "''; DROP TABLE rating; --",
    'cat" OR "1',
    "cat NEAR(dog, 5)",
    "NOT",
    "cat AND",
    "cat*",
    "-cat",
    "^cat",
    "words: cat",
    "{words}: cat + dog",
    "cat & | ! <-> dog",
    "cat:*A",
    "'cat' | ''",
    "\\cat\\",
    "%s %(cat)s :asked {cat} $1",
    "(((",
    "cat " * 2_000,
    " ".join(f"cat{number}" for number in range(2_000)),
    "cat" * 2_600,
    "😂👍🏽 🇩🇪",
    "؟ ، 。",
    "\u200d\u20dd\ufe0f",
    "   ",
    "",
)


def test_no_words_of_a_person_break_a_query(house: House) -> None:
    """Quotes, operators, floods and emoji are words or nothing: asked for and indexed, they neither raise nor find by accident."""
    other = _liked(house, "fish", "the fish")
    for number, message in enumerate(HOSTILE):
        _liked(house, message[:500], f"reply {number}")
    for message in HOSTILE:
        found = _found(house, message, count=50)
        assert other.id not in {example.exchange_id for example in found}, message
        assert found or not words(message) or len(message) > 500, message
        assert words(message) or not found, message
    assert _replies(house, "dog", count=50) != []


@given(said=st.text(min_size=1, max_size=60), asked=st.text(max_size=200))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_can_be_kept_and_asked_for(house: House, said: str, asked: str) -> None:
    """Whatever Unicode holds (but NUL, which no message may hold), a liked message is kept, and found by itself if it has a word."""
    said, asked = (given.replace("\x00", "").encode(errors="ignore").decode() for given in (said, asked))
    exchange = _liked(house, said)

    _found(house, asked)

    entry = house.ask(lambda session: session.exec(select(LikedExchange).where(LikedExchange.exchange_id == exchange.id)).first())
    assert (entry is not None) == bool(words(said))
    if entry is not None:
        assert _found(house, said) != []


def test_a_correction_is_the_reply_that_is_shown(house: House) -> None:
    """Who likes a reply and writes a better one has shown what they want; of several people the newest correction counts."""
    said = _liked(house, "My cat is sick", "Buy a new one.", correction="Oh no! What does the vet say?")
    assert _replies(house, "cat") == ["Oh no! What does the vet say?"]
    _rate(house, said, Thumb.up, "ben", correction="Poor cat. Since when?")
    _rate(house, said, Thumb.up, "cat")
    assert _replies(house, "cat") == ["Poor cat. Since when?"]
    _rate(house, said, Thumb.up, "ben")
    assert _replies(house, "cat") == ["Oh no! What does the vet say?"]
    _rate(house, said, Thumb.up)
    assert _replies(house, "cat") == ["Buy a new one."]


def test_an_example_lives_as_long_as_it_is_liked(house: House) -> None:
    """It is there with the first thumb up, gone with a thumb down or the last withdrawal, and back when it is liked again."""
    said = house.said("My cat is sick")
    ann = house.do(lambda session: find_person(session, "ann").id)

    def is_found() -> bool:
        return [example.exchange_id for example in _found(house, "cat")] == [said.id]

    assert not is_found()
    _rate(house, said, Thumb.up)
    assert is_found()
    _rate(house, said, Thumb.down)
    assert not is_found()
    _rate(house, said, Thumb.up)
    assert is_found()
    house.do(lambda session: withdraw(session, session.get_one(Exchange, said.id), ann))
    assert not is_found()
    assert _entries(house) == []


def test_nobody_may_dislike_it(house: House) -> None:
    """One person's thumb down outweighs any number of thumbs up, until it is taken back."""
    said = _liked(house, "My cat is sick")
    for person in ("ben", "cat"):
        _rate(house, said, Thumb.up, person)
    _rate(house, said, Thumb.down, "dan")
    assert _found(house, "cat") == []
    dan = house.do(lambda session: find_person(session, "dan").id)
    house.do(lambda session: withdraw(session, session.get_one(Exchange, said.id), dan))
    assert len(_found(house, "cat")) == 1


def test_never_from_another_persona(house: House, persona: Callable[..., Persona]) -> None:
    """What Mentor was liked for is nothing to Friend, word for word the same though it be."""
    _liked(house, "My cat is sick", "A mentor's reply.", persona=persona("mentor"))

    assert _found(house, "My cat is sick") == []
    assert _replies(house, "My cat is sick", persona="mentor") == ["A mentor's reply."]


def test_never_from_a_quarantined_person(house: House) -> None:
    """From the moment of the quarantine nothing that the person said is shown, whoever liked it; when it is lifted, it is shown again."""
    said = _liked(house, "My cat is sick", person="mallory")
    assert len(_found(house, "cat")) == 1
    _quarantine(house, "mallory")
    assert _found(house, "cat") == []
    _rate(house, said, Thumb.up, "ben")
    assert _found(house, "cat") == []
    _quarantine(house, "mallory", lifted=True)
    assert len(_found(house, "cat")) == 1


def test_never_by_the_word_of_a_quarantined_person(house: House) -> None:
    """Their thumbs up and their corrections count for nothing at once; after the next rebuild, nor do their thumbs down."""
    said = house.said("My cat is sick", reply="Oh no.")
    _rate(house, said, Thumb.up, "mallory", correction="Buy at example.com!")
    _quarantine(house, "mallory")
    assert _found(house, "cat") == []
    _rate(house, said, Thumb.up, "ann")
    assert _replies(house, "cat") == ["Oh no."]
    _quarantine(house, "mallory", lifted=True)
    _rate(house, said, Thumb.down, "mallory")
    assert _found(house, "cat") == []
    _quarantine(house, "mallory")
    house.do(rebuild_examples)
    assert _replies(house, "cat") == ["Oh no."]


def _erase(house: House, person: str) -> None:
    """Delete every row of a person, as an erasure does: what follows from the rows must go without being named."""

    def work(session: Session) -> None:
        who = find_person(session, person).id
        own = select(Exchange.id).join(Conversation, col(Conversation.id) == Exchange.conversation_id).where(Conversation.person_id == who)
        session.execute(delete(Rating).where(col(Rating.person_id) == who))
        session.execute(delete(Rating).where(col(Rating.exchange_id).in_(own)))
        session.execute(delete(Exchange).where(col(Exchange.id).in_(own)))
        session.execute(delete(Conversation).where(col(Conversation.person_id) == who))
        session.execute(delete(Person).where(col(Person.id) == who))

    house.do(work)


def test_never_from_an_erased_person(house: House) -> None:
    """When the rows of a person are deleted, their exchanges are gone from the index in the same transaction, and so is what they liked."""
    _liked(house, "My cat is sick", "said by zoe", person="zoe")
    own = house.said("My cat is well", reply="said by ann")
    _rate(house, own, Thumb.up, "zoe")
    stays = _liked(house, "The cat stays", "liked by ann")
    _erase(house, "zoe")

    assert _replies(house, "cat sick well") == ["liked by ann"]
    assert [entry[0] for entry in _entries(house)] == [stays.id]
    house.do(rebuild_examples)
    assert _replies(house, "cat sick well") == ["liked by ann"]


def test_never_from_the_same_conversation(house: House) -> None:
    """What was said in this conversation is in its history already."""
    said = _liked(house, "My cat is sick")

    assert _found(house, "cat", conversation=said.conversation_id) == []
    assert len(_found(house, "cat")) == 1


def test_never_the_same_reply_twice(house: House) -> None:
    """A reply that fits everything is shown once, beside the most similar message; the room is for other replies."""
    for number in range(12):
        _liked(house, f"My cat {number}", "Tell me more.")
    near = _liked(house, "My cat is sick", " Tell me more.\n")
    _liked(house, "My cat is far away from home", "Did you look in the cellar?")

    found = _found(house, "My cat is sick")

    assert [example.reply.strip() for example in found] == ["Tell me more.", "Did you look in the cellar?"]
    assert found[0].exchange_id == near.id


@pytest.mark.parametrize("state", [ExchangeState.cancelled, ExchangeState.interrupted])
def test_never_half_a_reply(house: House, state: ExchangeState) -> None:
    """A reply that was broken off may be rated, but it is no example."""
    opened = house.open("My cat is sick")
    house.close(opened, "Oh n", state)
    _rate(house, house.exchange(opened.id), Thumb.up)

    assert _found(house, "cat") == []


def test_only_short_messages_and_replies_are_examples(house: House) -> None:
    """Up to 500 characters of message and 1,000 of reply, or of the correction that stands for it: examples shall not eat the memory."""
    _liked(house, "cat " + "x" * 496, "at the limit")
    _liked(house, "cat " + "x" * 497, "message too long")
    _liked(house, "cat one", "y" * 1_000)
    _liked(house, "cat two", "z" * 1_001)
    _liked(house, "cat three", "short", correction="w" * 1_001)
    _liked(house, "cat four", "v" * 1_001, correction="shorter")

    assert set(_replies(house, "cat", count=10)) == {"at the limit", "y" * 1_000, "shorter"}


def test_a_rating_that_fails_leaves_no_example(house: House) -> None:
    """Rating and index are one: what is rolled back, alone behind a savepoint or with all, was never there."""
    said, other = house.said("My cat is sick"), house.said("My dog is well")
    ann = house.do(lambda session: find_person(session, "ann").id)

    def like(session: Session, exchange: Exchange) -> None:
        rate(session, session.get_one(Exchange, exchange.id), ann, house.persona, Thumb.up)

    with pytest.raises(RuntimeError), transaction(house.engine) as session:
        like(session, said)
        raise RuntimeError
    assert (_found(house, "cat"), _entries(house)) == ([], [])
    with writing(house.engine) as connection:
        with pytest.raises(RuntimeError), part_of(connection) as session:
            like(session, said)
            raise RuntimeError
        with part_of(connection) as session:
            like(session, other)
    assert [example.exchange_id for example in _found(house, "cat dog")] == [other.id]


def test_the_index_is_made_anew_from_the_ratings(house: House) -> None:
    """However it was lost or spoilt, a rebuild brings back exactly what the ratings say; a second one changes nothing."""
    for number in range(5):
        _liked(house, f"My cat {number}", f"reply {number}", correction="Better." if number == 1 else None)
    down = _liked(house, "My cat is down")
    _rate(house, down, Thumb.down, "ben")
    _liked(house, "😂")
    kept, found = _entries(house), _found(house, "cat 3", count=9)
    assert len(kept) == len(found) == 5

    def spoil(session: Session) -> None:
        session.execute(delete(LikedExchange).where(col(LikedExchange.exchange_id) == kept[0][0]))
        session.execute(text("UPDATE liked_exchange SET words = 'spoilt' WHERE exchange_id = :id"), {"id": kept[1][0]})

    house.do(spoil)
    for _ in range(2):
        assert house.do(rebuild_examples) == 5
        assert _entries(house) == kept
        assert sorted(_found(house, "cat 3", count=9)) == sorted(found)
        assert _found(house, "spoilt") == []


def test_a_broken_index_of_sqlite_is_mended(sqlite: Engine, persona: Callable[..., Persona]) -> None:
    """Also where the pages of the index are rubbish, which SQLite itself would not touch any more, a rebuild brings back what is liked."""
    house = House(sqlite, persona())
    said = _liked(house, "My cat is sick")
    house.do(lambda session: session.execute(text("UPDATE liked_exchange_words_data SET block = x'00' WHERE id > 10")))
    with pytest.raises(Unavailable):
        house.do(lambda session: session.execute(text("INSERT INTO liked_exchange_words(liked_exchange_words) VALUES ('integrity-check')")))
    assert house.do(rebuild_examples) == 1
    assert [example.exchange_id for example in _found(house, "cat")] == [said.id]


def test_nobody_likes_anything_yet(house: House) -> None:
    """Without ratings there is nothing to find, and nothing to rebuild."""
    assert _found(house, "cat") == []
    assert house.do(rebuild_examples) == 0


def _pages(engine: Engine) -> bytes:
    with reading(engine) as session:
        return b"".join(bytes(row[0]) for row in session.execute(text("SELECT block FROM liked_exchange_words_data")))


def test_nothing_of_a_disliked_message_stays_in_sqlites_index(sqlite: Engine, persona: Callable[..., Persona]) -> None:
    """FTS5 would keep the words of what it no longer finds; here they are gone from its pages with the rating."""
    house = House(sqlite, persona())
    said = _liked(house, "My xylophone is out of tune")
    _liked(house, "My cat is sick")
    assert b"xylophone" in _pages(sqlite)
    _rate(house, said, Thumb.down)
    assert b"xylophone" not in _pages(sqlite)
    assert b"sick" in _pages(sqlite)


def test_nothing_of_an_erased_message_stays_in_the_file(sqlite: Engine, persona: Callable[..., Persona]) -> None:
    """After the rows of a person are deleted and the index rebuilt, the file holds no word of theirs."""
    house = House(sqlite, persona())
    _liked(house, "My xylophone is out of tune", person="zoe")
    _liked(house, "My cat is sick")
    _erase(house, "zoe")
    house.do(rebuild_examples)
    with sqlite3.connect(sqlite.url.database or "") as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        kept = connection.serialize()
    connection.close()
    assert b"xylophone" not in kept
    assert b"sick" in kept


_MANY = 3_000


def _fill(engine: Engine) -> None:
    """Many liked exchanges and as many others, without the slow way through a chat."""
    with transaction(engine) as session:
        session.add(Person(id="p", external="p"))
        session.add(Version(id="v", persona="friend", number=0))
        session.add(Prompt(fingerprint="f", persona="friend", text="t"))
        session.flush()
        session.add(Conversation(id="c", persona="friend", person_id="p"))
        session.flush()
        numbers = range(_MANY)
        same = {"conversation_id": "c", "persona": "friend", "version_id": "v", "fingerprint": "f", "context": [], "boot": "b"}
        session.execute(
            insert(Exchange),
            [
                {**same, "id": f"e{number}", "message": f"about number {number}", "reply": f"r{number}", "state": ExchangeState.complete}
                for number in range(2 * _MANY)
            ],
        )
        session.execute(
            insert(Rating),
            [{"id": f"r{number}", "exchange_id": f"e{number}", "person_id": "p", "rating": Thumb.up, "reasons": []} for number in numbers],
        )
        rebuild_examples(session)
        session.execute(text("ANALYZE"))


def _plans(engine: Engine, act: Callable[[Session], Any]) -> str:
    """How the database would run every statement of `act`."""
    asked: list[tuple[str, Any]] = []

    def keep(*about: Any) -> None:
        asked.append((about[2], about[3]))

    event.listen(engine, "before_cursor_execute", keep)
    with reading(engine) as session:
        act(session)
    event.remove(engine, "before_cursor_execute", keep)
    how = "EXPLAIN QUERY PLAN" if engine.dialect.name == "sqlite" else "EXPLAIN"
    with engine.connect() as connection:
        chosen = [(statement, given) for statement, given in asked if statement.lstrip().startswith(("SELECT", "WITH"))]
        assert chosen
        return "\n".join(
            json.dumps([str(part) for part in row])
            for statement, given in chosen
            for row in connection.exec_driver_sql(f"{how} {statement}", given)
        )


def test_finding_examples_reads_the_index_and_a_few_rows(house: House) -> None:
    """Opening an exchange stays cheap: neither exchanges nor ratings are read from end to end; of the liked ones, those with the words."""
    _fill(house.engine)
    plan = _plans(house.engine, lambda session: find_examples(session, "friend", "about number 17", 3, "another"))
    if house.engine.dialect.name == "sqlite":
        scans = [line for line in plan.splitlines() if "SCAN" in line]
        assert all("VIRTUAL TABLE INDEX" in line or "SCAN near" in line or "person_quarantined" in line for line in scans), plan
        assert "SEARCH exchange USING INDEX" in plan and "SEARCH liked USING INTEGER PRIMARY KEY" in plan
    else:
        rare = _plans(house.engine, lambda session: find_examples(session, "friend", "1717", 3, "another"))
        assert "Bitmap Index Scan on liked_exchange_vector" in rare, rare
        assert "Seq Scan on liked_exchange" not in rare
        for found in (plan, rare):
            assert "Seq Scan on exchange" not in found and "Seq Scan on rating" not in found, found


def test_keeping_an_example_reads_the_rows_of_one_exchange(house: House) -> None:
    """A rating costs the same on the first exchange and on the thousandth."""
    _fill(house.engine)
    with transaction(house.engine) as session:
        who = find_person(session, "ann").id

    def work(session: Session) -> None:
        rate(session, session.get_one(Exchange, "e7"), who, house.persona, Thumb.down)

    plan = _plans(house.engine, work)
    for table in ("exchange", "rating", "liked_exchange"):
        assert f"Seq Scan on {table}" not in plan and f"SCAN {table}" not in plan, plan
