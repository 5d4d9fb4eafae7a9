"""What the base finds very unlikely waits for the owner before it is learned."""

from collections import Counter

import pytest
from sqlalchemy import select

from service.curation.compose import Chosen, Style, compose
from service.curation.gather import gather
from service.curation.redaction.redactor import Redactor
from service.curation.reviews import decide_review, list_reviews
from service.curation.unlikely import hold_unlikely
from service.db.engine import transaction
from service.db.tables import Prepared, now
from service.errors import ProviderError
from service.personas.persona import Trust
from tests.curation.builds import Builds, babble, drops_of, fill, name_of, rate, trained

ODD = 7
_ODD_REPLY = babble(-ODD - 1)


class Base:
    """A base that finds one reply very unlikely and all others about as likely; it remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, samples):
        self.asked += [sample.completion for sample in samples]
        return [30.0 if sample.completion == _ODD_REPLY else 2 + sum(map(ord, sample.completion)) % 7 / 10 for sample in samples]


@pytest.fixture
def builds(records, tmp_path):
    made = Builds(records.engine, tmp_path)
    made.learn(surprise=8)
    return made


def reviews(records):
    """The open reviews, as kind, subject and nats."""
    with records.reading() as session:
        return [(review.kind, review.subject, review.detail["nats"]) for review in list_reviews(session, "friend")]


def decide(records, approve):
    """Decide on the one review that waits."""
    with transaction(records.engine) as session:
        (review,) = list_reviews(session, "friend")
        decide_review(session, review.id, approve)


def test_an_unlikely_reply_waits_and_is_filed(records, builds):
    """It is not trained on, counted as `unlikely`, and there is a review of it with what the base said."""
    fill(records, range(25))
    built = builds.build(surprise=Base())
    assert trained(built) == {name_of(number) for number in range(25) if number != ODD}
    assert drops_of(built) == {"unlikely": 1}
    assert reviews(records) == [("unlikely", name_of(ODD), 30.0)]


def test_what_the_owner_approved_is_trained_on_and_what_was_refused_never_is(records, builds):
    """Approved, it is learned the next time and does not wait again; when that is taken back and it is refused, it is gone."""
    fill(records, range(25))
    builds.build(surprise=Base())
    with records.reading() as session:
        review = list_reviews(session, "friend")[0].id
    decide(records, approve=True)
    approved = builds.build(surprise=Base())
    assert name_of(ODD) in trained(approved)
    assert (drops_of(approved), reviews(records)) == ({}, [])
    with transaction(records.engine) as session:
        decide_review(session, review, approve=False)
    for _ in range(2):
        refused = builds.build(surprise=Base())
        assert name_of(ODD) not in trained(refused)
        assert (drops_of(refused), reviews(records)) == ({"refused": 1}, [])


def test_the_base_is_asked_once_about_each_reply(records, builds):
    """What it said is kept: the next build asks only about new replies, and comes to the same."""
    fill(records, range(25))
    base = Base()
    first = builds.build(surprise=base)
    assert sorted(base.asked) == sorted(babble(-number - 1) for number in range(25))
    assert builds.build(surprise=base).frozen.hash == first.frozen.hash
    assert len(base.asked) == 25
    fill(records, range(25, 27))
    builds.build(surprise=base)
    assert base.asked[25:] == [babble(-26), babble(-27)]
    assert reviews(records) == [("unlikely", name_of(ODD), 30.0)]


def test_nobody_asks_about_trusted_people_and_about_dislikes(records, builds):
    """What people say whom the owner approved never waits; what was disliked is not taught."""
    records.person("ann", "ann", approved_at=now())
    fill(records, range(10))
    fill(records, range(10, 35), person=lambda number: "bob")
    fill(records, range(35, 40), person=lambda number: "bob", thumb="down")
    base = Base()
    built = builds.build(surprise=base)
    assert sorted(base.asked) == sorted(babble(-number - 1) for number in range(10, 35))
    assert name_of(ODD) in trained(built)
    assert reviews(records) == []


def test_a_correction_waits_too(records, builds):
    """It is filed under its rating, and the reply that it corrects stays."""
    fill(records, range(25), person=lambda number: "ann" if number else "bob")
    rating = rate(records, 0, "bob", "down", _ODD_REPLY, name="f" * 32)
    built = builds.build(surprise=Base())
    assert sorted(subject for _, subject, _ in reviews(records)) == sorted([name_of(ODD), rating])
    assert name_of(0) in trained(built)
    assert drops_of(built) == {"unlikely": 2}


def test_a_review_goes_when_its_rating_is_withdrawn(records, builds):
    """There is nothing left to decide."""
    fill(records, range(25))
    builds.build(surprise=Base())
    rate(records, ODD, "ann", "withdrawn", name="f" * 32)
    builds.build(surprise=Base())
    assert reviews(records) == []


def test_with_too_little_to_tell_nothing_waits(records, builds):
    """Of fewer than 20 replies nobody can say which is out of the ordinary; a limit of 0 asks nothing at all."""
    fill(records, range(15))
    assert len(trained(builds.build(surprise=Base()))) == 15
    builds.learn(surprise=0)
    base = Base()
    builds.build(surprise=base)
    assert base.asked == []


def test_a_base_that_does_not_answer_ends_the_build(records, builds):
    """Nothing is frozen and nothing is kept as if it had been asked."""
    fill(records, range(25))

    def silent(samples):
        raise ProviderError("The base does not answer.")

    with pytest.raises(ProviderError):
        builds.build(surprise=silent)
    assert not builds.datasets.exists()
    with records.reading() as session:
        assert set(session.scalars(select(Prepared.surprise))) == {None}


def test_flags_stand_beside_the_samples(records):
    """Of chosen samples in any number each has its flag, in their order, also where people are mixed."""
    records.person("ann", "ann", approved_at=now())
    fill(records, range(40), person=lambda number: "ann" if number % 3 == 1 and number != ODD else "bob")
    pool, known, _ = gather(
        records.engine, "friend", Trust(new_person=0, burst=0, sweep=0), lambda message: False, Counter(), lambda *told: None
    )
    composed = compose(records.engine, pool, Style("in_force", "", "[name]", 1_000, lambda message: 1), Redactor())
    flags = hold_unlikely(records.engine, "friend", pool, known, Chosen(composed.samples, composed.rows), Base(), 8)
    assert flags == [number == ODD for number in range(40)]
