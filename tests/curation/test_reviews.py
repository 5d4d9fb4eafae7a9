"""Reviews: what a build files, what the owner decides, and what the next build heeds; on SQLite and PostgreSQL."""

import math

import pytest
from sqlalchemy import Engine

from service import registry
from service.curation.quarantine import PEOPLE_KINDS, UNLIKELY, Finding
from service.curation.reviews import (
    decide_all,
    decide_review,
    decided_people,
    decided_samples,
    file_findings,
    find_review,
    held_samples,
    hold_samples,
    list_reviews,
    said,
)
from service.db.engine import reading, transaction
from service.db.tables import Conversation, Exchange, ExchangeState, Person, Prompt, Rating, Review, Thumb
from service.errors import Invalid, NotFound


@pytest.fixture
def people(database: Engine) -> Engine:
    """A database that knows ann and bob."""
    with transaction(database) as session:
        session.add_all([Person(id=name, external=name) for name in ("ann", "bob")])
    return database


def _file(engine: Engine, *findings: Finding, persona: str = "friend", **kinds: object) -> None:
    with transaction(engine) as session:
        file_findings(session, persona, findings, **kinds)


def _waiting(engine: Engine, **options: object) -> list[tuple[str, str, dict[str, float]]]:
    with reading(engine) as session:
        return [(review.kind, review.subject, review.detail) for review in list_reviews(session, **options)]


def _decide(engine: Engine, subject: str, approve: bool | None, kind: str = "burst", persona: str = "friend") -> None:
    with transaction(engine) as session:
        name = next(found.id for found in list_reviews(session, persona, kind=kind, decided=True) if found.subject == subject)
        decide_review(session, name, approve)


def _people(engine: Engine) -> tuple[set[str], set[str]]:
    with reading(engine) as session:
        decided = decided_people(session)
    return set(decided.approved), set(decided.refused)


def test_open_reviews_are_what_was_found_last(people: Engine) -> None:
    """Numbers are brought up to date, what holds no more goes, other kinds and personas stay; the id of what stays does too."""
    burst, new = Finding("burst", "ann", {"count": 30}), Finding("new_person", "bob", {"count": 1})
    _file(people, burst, new)
    _file(people, Finding("unlikely", "e1", {"nats": 9.5}), kinds=("unlikely",))
    _file(people, burst, persona="mentor")
    with reading(people) as session:
        before = {review.subject: review.id for review in list_reviews(session, "friend")}
    _file(people, Finding("burst", "ann", {"count": 45}), kinds=("burst", "new_person"))
    assert _waiting(people, persona="friend") == [("burst", "ann", {"count": 45}), ("unlikely", "e1", {"nats": 9.5})]
    assert _waiting(people, persona="mentor") == [("burst", "ann", {"count": 30})]
    with reading(people) as session:
        assert {review.subject: review.id for review in list_reviews(session, "friend")} == {name: before[name] for name in ("ann", "e1")}


def test_what_json_cannot_say_is_left_out(people: Engine) -> None:
    """An infinite surprise is filed without its number, on PostgreSQL too."""
    _file(people, Finding("unlikely", "e1", {"nats": math.inf, "count": 2}))
    assert _waiting(people) == [("unlikely", "e1", {"count": 2})]


def test_what_was_decided_is_not_asked_again(people: Engine) -> None:
    """A later build neither opens it, nor forgets it, nor changes what the owner saw."""
    _file(people, Finding("burst", "ann", {"count": 30}), Finding("unlikely", "e1", {"nats": 9.0}))
    _decide(people, "ann", False)
    _decide(people, "e1", True, "unlikely")
    _file(people, Finding("burst", "ann", {"count": 99}), Finding("unlikely", "e1", {"nats": 8.0}))
    assert _waiting(people) == []
    _file(people)
    assert _waiting(people, decided=True) == [("burst", "ann", {"count": 30}), ("unlikely", "e1", {"nats": 9.0})]


def test_a_person_is_decided_on_in_every_review(people: Engine) -> None:
    """Of every kind and persona; approving after refusing undoes it, and None opens all again."""
    _file(people, Finding("burst", "ann", {}), Finding("sweep", "ann", {}), Finding("burst", "bob", {}))
    _file(people, Finding("new_person", "ann", {}), persona="mentor")
    _decide(people, "ann", True)
    assert _people(people) == ({"ann"}, set())
    assert _waiting(people) == [("burst", "bob", {})]
    _decide(people, "ann", False, "new_person", "mentor")
    assert _people(people) == (set(), {"ann"})
    _decide(people, "ann", None)
    assert _people(people) == (set(), set())
    assert len(_waiting(people)) == 4


def test_samples_are_decided_by_persona(people: Engine) -> None:
    """Approved and refused ones by their ids; people are not among them, and undoing moves a sample to the other side."""
    _file(people, Finding("unlikely", "e1", {}), Finding("unlikely", "e2", {}), Finding("burst", "ann", {}))
    _file(people, Finding("unlikely", "e3", {}), persona="mentor")
    _decide(people, "e1", True, "unlikely")
    _decide(people, "e2", False, "unlikely")
    _decide(people, "e3", True, "unlikely", "mentor")
    _decide(people, "ann", True)
    with reading(people) as session:
        assert decided_samples(session, "friend") == ({"e1"}, {"e2"})
        assert decided_samples(session, "mentor") == ({"e3"}, set())
    _decide(people, "e2", True, "unlikely")
    with reading(people) as session:
        assert decided_samples(session, "friend") == ({"e1", "e2"}, set())


def test_all_of_a_kind_at_once(people: Engine) -> None:
    """Only what waits, of that kind, of that persona; how many it were."""
    _file(people, Finding("burst", "ann", {}), Finding("new_person", "bob", {}), Finding("unlikely", "e1", {}))
    with transaction(people) as session:
        assert decide_all(session, "burst", True, "mentor") == 0
        assert decide_all(session, "burst", True, "friend") == 1
        assert decide_all(session, "unlikely", False) == 1
        assert decide_all(session, "unlikely", True) == 0
    assert _people(people) == ({"ann"}, set())
    assert _waiting(people) == [("new_person", "bob", {})]


def test_many_are_filed_and_decided_in_a_moment(people: Engine) -> None:
    """Twelve thousand new visitors: more than one statement may name, and each is filed once."""
    many = [Finding("new_person", f"v{number}", {"count": 1}) for number in range(12_000)]
    _file(people, *many)
    _file(people, *many[:11_000])
    assert len(_waiting(people)) == 11_000
    with transaction(people) as session:
        assert decide_all(session, "new_person", False) == 11_000
    assert _waiting(people) == []


def test_a_review_is_found_by_its_id_or_the_end_of_it(people: Engine) -> None:
    """Four letters are the least; unknown ones and ambiguous ones are errors."""
    _file(people, Finding("burst", "ann", {}), Finding("burst", "bob", {}))
    with transaction(people) as session:
        found = list_reviews(session)[0]
        session.add_all([Review(id=f"{number:028x}abcd", persona="friend", kind="unlikely", subject=str(number)) for number in (1, 2)])
        session.flush()
        assert find_review(session, found.id).id == find_review(session, found.id[-12:]).id == found.id
        for name in ("", "bcd", "f" * 32, "f" * 40, "____", "%%%%"):
            with pytest.raises(NotFound):
                find_review(session, name)
        with pytest.raises(Invalid):
            find_review(session, "abcd")


def test_what_was_said_is_found_again(people: Engine) -> None:
    """A sample's exchange, a correction's too, and of a person the newest rated exchanges of that persona, each once."""
    with transaction(people) as session:
        session.add_all([Prompt(fingerprint="f", persona="friend", text="x"), Conversation(id="c", persona="friend", person_id="ann")])
        session.flush()
        for number in range(4):
            session.add(
                Exchange(
                    id=f"e{number}",
                    conversation_id="c",
                    persona="mentor" if number == 3 else "friend",
                    version_id=registry.champion(session, "friend").id,
                    fingerprint="f",
                    context=[],
                    message=f"message {number}",
                    reply="reply",
                    state=ExchangeState.complete,
                    boot="b",
                )
            )
            session.flush()
            session.add(
                Rating(id=f"r{number}", exchange_id=f"e{number}", person_id="ann", rating=Thumb.up, reasons=[], correction="better")
            )
        session.flush()
        session.add(Rating(id="r9", exchange_id="e0", person_id="ann", rating=Thumb.down, reasons=[]))
    _file(people, *(Finding("unlikely", name, {}) for name in ("e1", "r2", "gone")), Finding("burst", "ann", {}))
    with reading(people) as session:
        found = {review.subject: said(session, review, 2) for review in list_reviews(session)}
    assert [(exchange.id, rating) for exchange, rating in found["e1"]] == [("e1", None)]
    assert [(exchange.id, rating and rating.correction) for exchange, rating in found["r2"]] == [("e2", "better")]
    assert found["gone"] == []
    assert [(exchange.id, rating and rating.rating) for exchange, rating in found["ann"]] == [("e0", Thumb.down), ("e2", Thumb.up)]


def test_samples_of_a_rolled_back_version_wait_once_and_stay_decided(database: Engine) -> None:
    """They are held until somebody decides; what was decided is asked no second time, and a build takes none of them away."""
    with transaction(database) as session:
        assert hold_samples(session, "friend", {"e1", "e2"}, {"version": 3}) == 2
        decide_review(session, next(each.id for each in list_reviews(session) if each.subject == "e1"), True)
        hold_samples(session, "friend", {"e1", "e2", "e3"}, {"version": 4})
        file_findings(session, "friend", [], PEOPLE_KINDS)
        file_findings(session, "friend", [], (UNLIKELY,))
    with reading(database) as session:
        assert held_samples(session, "friend") == {"e2", "e3"} and not held_samples(session, "mentor")
        assert decided_samples(session, "friend").approved == {"e1"}
        assert [(each.kind, each.detail) for each in list_reviews(session)] == [
            ("rolled_back", {"version": 3}),
            ("rolled_back", {"version": 4}),
        ]
