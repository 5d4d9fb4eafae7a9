"""From ratings to verdicts."""

import pytest
from sqlalchemy import event

from service.curation.verdicts import majority, quarantined, read_words
from service.db.tables import ApiKey, ExchangeState, now


def _words(records, persona="friend"):
    with records.reading() as session:
        return read_words(session, persona)


def _verdicts(records, persona="friend"):
    """Exchange, rating, liked and corrected of each row that decides."""
    words = _words(records, persona)
    verdict = majority(words)
    return [
        (words.exchange[row].decode(), words.rating[row].decode(), bool(words.liked[row]), bool(corrected))
        for row, corrected in zip(verdict.row, verdict.corrected, strict=True)
    ]


def test_a_thumb_is_a_verdict(records):
    """Up is liked, down is disliked, what nobody rated is not there, and the order is that of the exchanges."""
    for name in ("e1", "e2", "e3"):
        records.exchange(name)
    down, up = records.rate("e2", "down"), records.rate("e1", "up")
    assert _verdicts(records) == [("e1", up, True, False), ("e2", down, False, False)]


def test_other_personas_are_left_alone(records):
    """Friend learns nothing from what was said to Mentor."""
    records.exchange("e1", persona="mentor")
    rating = records.rate("e1", "up")
    assert _verdicts(records) == []
    assert _verdicts(records, "mentor") == [("e1", rating, True, False)]


@pytest.mark.parametrize("state", [state for state in ExchangeState if state is not ExchangeState.complete])
def test_half_a_reply_is_never_learned(records, state):
    """An exchange that did not complete has no verdict, however it was rated."""
    records.exchange("e1", state=state)
    records.rate("e1", "up")
    assert _verdicts(records) == []


def test_the_last_word_of_a_person_wins(records):
    """An earlier thumb and its correction are forgotten when the thumb changes."""
    records.exchange("e1")
    records.rate("e1", "down", correction="Hey you!")
    rating = records.rate("e1", "up")
    assert _verdicts(records) == [("e1", rating, True, False)]


def test_a_withdrawn_word_is_no_word(records):
    """After the withdrawal nothing of the rating is left, not even the word before it; a new word counts again."""
    records.exchange("e1")
    records.rate("e1", "up")
    records.rate("e1", "withdrawn")
    assert _verdicts(records) == []
    rating = records.rate("e1", "down")
    assert _verdicts(records) == [("e1", rating, False, False)]


def test_a_withdrawal_silences_only_the_one_who_withdrew(records):
    """Another person's word on the same exchange stands."""
    records.exchange("e1")
    records.rate("e1", "up", person="ann")
    rating = records.rate("e1", "down", person="bob")
    records.rate("e1", "withdrawn", person="ann")
    assert _verdicts(records) == [("e1", rating, False, False)]


def test_the_majority_decides(records):
    """One exchange is one verdict, whatever the number of people, with the label that most of them gave and their oldest word."""
    records.exchange("e1")
    ratings = [records.rate("e1", thumb, person=person) for person, thumb in (("ann", "down"), ("bob", "up"), ("cat", "down"))]
    assert _verdicts(records) == [("e1", ratings[0], False, False)]


def test_a_tie_is_dropped(records):
    """As many ups as downs teach nothing, and neither does a correction that came with one of them."""
    records.exchange("e1")
    records.rate("e1", "up", person="ann")
    records.rate("e1", "down", person="bob", correction="Hey!")
    assert _verdicts(records) == []


@pytest.mark.parametrize(("thumb", "liked"), [("down", False), ("up", True)])
def test_a_correction_is_a_verdict_of_its_own(records, thumb, liked):
    """Besides the thumb on the reply, with either thumb."""
    records.exchange("e1")
    rating = records.rate("e1", thumb, correction="Hey you!")
    assert _verdicts(records) == [("e1", rating, liked, False), ("e1", rating, liked, True)]


def test_corrections_count_from_the_majority_only(records):
    """Each of the majority has a correction of their own; the outvoted one does not speak for the persona."""
    records.exchange("e1")
    ann = records.rate("e1", "down", person="ann", correction="Hey Ann!")
    records.rate("e1", "up", person="bob", correction="Buy this!")
    cat = records.rate("e1", "down", person="cat", correction="Hey Cat!")
    assert _verdicts(records) == [("e1", ann, False, False), ("e1", ann, False, True), ("e1", cat, False, True)]


def test_an_empty_correction_is_none(records):
    """A form that was sent with an empty field corrects nothing."""
    records.exchange("e1")
    rating = records.rate("e1", "up", correction="")
    assert _verdicts(records) == [("e1", rating, True, False)]


@pytest.mark.parametrize(("person", "gone"), [("mallory", [True]), ("owner of friend", [True]), ("bob", [False])])
def test_what_a_quarantined_person_said_or_thought_is_marked(records, person, gone):
    """Their ratings, and ratings of what they said; not those of others."""
    records.exchange("e1")
    records.rate("e1", "up", person="mallory")
    records.person("bob", "bob")
    with records.reading() as session:
        assert quarantined(session, read_words(session, "friend")).tolist() == [False]
    records.quarantine(person)
    with records.reading() as session:
        assert quarantined(session, read_words(session, "friend")).tolist() == gone


def test_keys_imports_and_the_approved_are_trusted(records):
    """Nobody else is: neither a visitor nor the user of an app."""
    records.add(ApiKey(id="k1", name="a", digest="1", scopes=["chat", "rate"]))
    records.person("app", "key:k1")
    records.person("user of the app", "key:k1:ann")
    records.person("import", "import:1")
    records.person("approved", "visitor:1", approved_at=now())
    records.person("visitor", "visitor:2")
    for number, person in enumerate(("app", "user of the app", "import", "approved", "visitor")):
        records.exchange(f"e{number}")
        records.rate(f"e{number}", "up", person=person)
    words = _words(records)
    trusted = {words.people[code].decode() for code in words.rater if words.trusted[code]}
    assert trusted == {"app", "import", "approved"}


def test_the_number_of_queries_does_not_grow(records):
    """As many for sixty exchanges as for three."""
    asked = []
    event.listen(records.engine, "before_cursor_execute", lambda *about: asked.append(about[2]))
    counts = []
    for number in range(60):
        records.exchange(f"e{number:02}")
        records.rate(f"e{number:02}", "up")
        if number in (2, 59):
            asked.clear()
            _words(records)
            counts.append(len([statement for statement in asked if statement.startswith("SELECT")]))
    assert counts == [3, 3]


def test_no_rating_is_no_word(records):
    """An empty database has no words and no verdicts."""
    assert len(_words(records)) == 0
    assert _verdicts(records) == []
