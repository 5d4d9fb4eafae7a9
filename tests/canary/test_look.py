"""The worker's look at trials: who is promoted, who is sent back, and what is left behind."""

import pytest

from service import registry
from service.canary.look import look
from service.canary.trial import begin, busy, end_by_hand, promote_by_hand, standing, under_way, watch
from service.chat.exchange import find_person
from service.chat.rating import rate, withdraw
from service.curation.reviews import held_samples, list_reviews
from service.db.engine import reading, transaction
from service.db.tables import Canary, Conversation, Exchange, ExchangeState, Outcome, Person, ReceiptKind, Stage, Thumb, Version, now
from service.errors import Conflict, NotFound
from tests.canary.conftest import Stand, likes


def test_a_version_that_people_like_less_is_sent_back_and_its_new_samples_wait(stand: Stand) -> None:
    """The champion stays; the version, and the samples that only it had learned from, are quarantined; a receipt has the figures."""
    old = stand.talk(60, likes(v0=0.8))
    first = stand.add_version(1, tuple(old[:10]))
    with transaction(stand.engine) as session:
        registry.promote(session, session.get_one(Version, first), "a night")
    stand.talk(200, likes(v1=0.8))
    trial = stand.begin(stand.add_version(2, tuple(old[:25])))
    for _ in range(12):
        stand.talk(25, likes(v1=0.8, v2=0.4))
        look(stand.engine, stand.settings)
        if stand.trial(trial).ended_at:
            break
    ended = stand.trial(trial)
    assert ended.outcome == Outcome.rolled_back, ended.figures
    assert stand.stages() == {"v2": Stage.quarantined, "v1": Stage.champion, "v0": Stage.retired}
    (receipt,) = stand.receipts()
    assert (receipt.kind, receipt.outcome, receipt.version, receipt.champion) == (ReceiptKind.canary, Outcome.rolled_back, "v2", "v1")
    assert "people liked" in receipt.reason and "v1 goes on" in receipt.reason and "15 samples" in receipt.reason
    figures = receipt.details["canary"]
    assert figures["history"]["votes"] == 200 and figures["version"]["votes"] < 150 and figures["samples"] == 15
    with reading(stand.engine) as session:
        assert held_samples(session, "friend") == set(old[10:25])
        assert {review.detail["version"] for review in list_reviews(session)} == {2}
    with transaction(stand.engine) as session, pytest.raises(Conflict, match="quarantined"):
        registry.promote(session, session.get_one(Version, ended.version_id), "because")


def test_a_version_that_people_like_as_much_takes_over_and_is_watched(stand: Stand) -> None:
    """After 150 votes it is the champion, the receipt says with which ratings, and the watch begins against the champion before."""
    stand.talk(100, likes(v0=0.7))
    path = stand.folder / "friend.md"
    path.write_text(path.read_text().replace("canary: 0.5", "canary: 0.8"))
    trial = stand.begin(stand.add_version(1))
    for _ in range(20):
        stand.talk(25, likes(2, v0=0.7, v1=0.72))
        look(stand.engine, stand.settings)
        if stand.trial(trial).ended_at:
            break
    assert stand.trial(trial).outcome == Outcome.promoted, stand.trial(trial).reason
    assert stand.stages() == {"v1": Stage.champion, "v0": Stage.retired}
    (receipt,) = stand.receipts()
    assert (receipt.outcome, receipt.champion) == (Outcome.promoted, "v1") and "it was not found worse" in receipt.reason
    with reading(stand.engine) as session:
        watched = under_way(session, "friend", ReceiptKind.watch)
        assert watched is not None and watched.figures["history"]["votes"] > 110 and watched.champion_id != watched.version_id


def test_a_watched_version_that_disappoints_is_rolled_back(any_stand: Stand) -> None:
    """The champion before serves again, the disappointing one and what was new to it is quarantined, and the receipt is one of a watch."""
    stand = any_stand
    old = stand.talk(120, likes(v0=0.9))
    first = stand.add_version(1, tuple(old[:5]))
    with transaction(stand.engine) as session:
        watched = watch(session, stand.persona, registry.promote(session, session.get_one(Version, first), "a night"))
    assert watched is not None and watched.figures["history"]["votes"] == 120
    stand.talk(40, likes(v1=0.3))
    look(stand.engine, stand.settings)
    assert stand.stages() == {"v1": Stage.quarantined, "v0": Stage.champion}
    (receipt,) = stand.receipts()
    assert (receipt.kind, receipt.outcome, receipt.champion) == (ReceiptKind.watch, Outcome.rolled_back, "v0")
    assert "v0 serves again" in receipt.reason and "5 samples" in receipt.reason
    look(stand.engine, stand.settings)
    assert len(stand.receipts()) == 1


def test_without_ratings_the_gate_has_the_last_word(any_stand: Stand) -> None:
    """When the time is over and next to nobody rated, the version takes over, and the receipt says that nothing spoke against it."""
    stand = any_stand
    trial = stand.begin(stand.add_version(1))
    stand.talk(4, likes(v0=1, v1=0))
    look(stand.engine, stand.settings)
    assert stand.trial(trial).ended_at is None
    stand.pass_hours(trial)
    assert look(stand.engine, stand.settings) == [stand.receipts()[0].night_id]
    assert look(stand.engine, stand.settings) == []
    assert stand.stages()["v1"] == Stage.champion
    assert "too few to say anything" in stand.receipts()[0].reason
    with reading(stand.engine) as session:
        watched = under_way(session, "friend", ReceiptKind.watch)
    assert watched is not None
    stand.pass_hours(watched.id)
    look(stand.engine, stand.settings)
    assert [(receipt.kind, receipt.outcome) for receipt in stand.receipts()] == [
        (ReceiptKind.canary, Outcome.promoted),
        (ReceiptKind.watch, Outcome.promoted),
    ]


def test_only_votes_of_the_trial_count(any_stand: Stand) -> None:
    """Not those on a version that was asked for by name, nor on replies of another model, nor withdrawn ones, nor of quarantined people."""
    stand = any_stand
    trial_id = stand.begin(stand.add_version(1))
    stand.talk(10, likes(v1=0), pinned="v1")
    stand.talk(10, likes(v0=0), pinned="champion")
    heard = stand.talk(30, likes(v0=1, v1=1))

    def votes() -> tuple[int, int, int]:
        with reading(stand.engine) as session:
            found = standing(session, session.get_one(Canary, trial_id))
            return found.version.votes, found.beside.votes, found.version.ups

    ours, theirs, ups = votes()
    assert ours + theirs == 30 and ups == ours > 3
    with transaction(stand.engine) as session:
        of_version = [each for each in heard if session.get_one(Version, session.get_one(Exchange, each).version_id).number == 1]
        exchanges = [session.get_one(Exchange, each) for each in of_version[:4]]
        talkers = [session.get_one(Conversation, exchange.conversation_id).person_id for exchange in exchanges]
        people = [session.get_one(Person, talker) for talker in talkers]
        withdraw(session, exchanges[0], people[0].id)
        rate(session, exchanges[1], people[1].id, stand.persona, Thumb.down)
        people[2].quarantined_at = now()
        exchanges[3].model = "starter"
        session.add_all([people[2], exchanges[3]])
    assert votes() == (ours - 3, theirs, ours - 4)


def test_a_version_that_does_not_answer_is_sent_back_and_nothing_is_held(stand: Stand) -> None:
    """Its model fails where the champion's answers: it is quarantined, and what it learned is not blamed."""
    old = stand.talk(5, likes(v0=1))
    trial = stand.begin(stand.add_version(1, tuple(old)))
    heard = stand.talk(100, likes(v0=1, v1=1))
    with transaction(stand.engine) as session:
        for exchange in (session.get_one(Exchange, each) for each in heard):
            if exchange.model == "friend-v1":
                exchange.state = ExchangeState.failed
                session.add(exchange)
    look(stand.engine, stand.settings)
    assert (stand.trial(trial).outcome, stand.stages()["v1"]) == (Outcome.rolled_back, Stage.quarantined)
    assert "its model failed to give" in stand.receipts()[0].reason
    with reading(stand.engine) as session:
        assert held_samples(session, "friend") == frozenset()


def test_one_version_is_tried_at_a_time(stand: Stand) -> None:
    """Begun again it is the same trial; another version has to wait, and is told until when."""
    first, second = stand.add_version(1), stand.add_version(2)
    trial = stand.begin(first)
    assert stand.begin(first) == trial
    with pytest.raises(Conflict, match="friend v1 is being tried until") as refused:
        stand.begin(second)
    assert refused.value.code == "canary_under_way" and stand.stages()["v2"] == Stage.candidate
    with reading(stand.engine) as session:
        assert "--end promote" in (busy(session, "friend") or "") and busy(session, "mentor") is None


def test_a_trial_ends_by_hand(stand: Stand) -> None:
    """Sent back or promoted at once; without a trial that is not found."""
    stand.begin(stand.add_version(1))
    with transaction(stand.engine) as session:
        end_by_hand(session, stand.persona, promote=False)
    assert stand.stages()["v1"] == Stage.quarantined
    stand.begin(stand.add_version(2))
    with transaction(stand.engine) as session:
        end_by_hand(session, stand.persona, promote=True)
    assert stand.stages()["v2"] == Stage.champion
    assert [(receipt.version, receipt.outcome) for receipt in stand.receipts()] == [("v1", "rolled_back"), ("v2", "promoted")]
    with transaction(stand.engine) as session, pytest.raises(NotFound):
        end_by_hand(session, stand.persona, promote=True)


def test_who_comes_first_decides(stand: Stand) -> None:
    """Another version promoted by hand ends the trial, whose version waits again; its own promotion by hand ends it as promoted."""
    first, second = stand.add_version(1), stand.add_version(2)
    trial = stand.begin(first)
    with transaction(stand.engine) as session:
        registry.promote(session, session.get_one(Version, second), "by hand")
    look(stand.engine, stand.settings)
    assert (stand.trial(trial).outcome, stand.stages()["v1"]) == (Outcome.skipped, Stage.candidate)
    again = stand.begin(first)
    with transaction(stand.engine) as session:
        registry.promote(session, session.get_one(Version, first), "by hand")
    look(stand.engine, stand.settings)
    assert (stand.trial(again).outcome, stand.stages()["v1"]) == (Outcome.promoted, Stage.champion)
    told = [(receipt.canary_id, receipt.version, receipt.kind, receipt.outcome) for receipt in stand.receipts()]
    assert told == [(trial, "v1", "canary", "skipped"), (again, "v1", "canary", "promoted")]  # the second trial has a receipt of its own


def test_a_base_that_the_persona_has_left_ends_the_trial(stand: Stand) -> None:
    """Candidates and the canary of the old base are retired; a base that changes in the last moment is no promotion either."""
    trial = stand.begin(stand.add_version(1))
    stand.add_version(2)
    stand.write("other")
    look(stand.engine, stand.settings)
    assert stand.stages() == {"v2": Stage.retired, "v1": Stage.retired, "v0": Stage.champion}
    look(stand.engine, stand.settings)
    assert stand.trial(trial).outcome == Outcome.skipped and "base other now" in (stand.trial(trial).reason or "")
    with transaction(stand.engine) as session, pytest.raises(Conflict, match="learns from other now"):
        begin(session, stand.persona, session.get_one(Version, stand.add_version(3)))


def test_a_persona_that_cannot_be_read_leaves_its_trial(stand: Stand) -> None:
    """A broken file ends nothing; once it is mended the trial comes to its end."""
    trial = stand.begin(stand.add_version(1))
    stand.pass_hours(trial)
    (stand.folder / "friend.md").write_text("---\ntitle: [\n---\n")
    look(stand.engine, stand.settings)
    assert stand.trial(trial).ended_at is None
    stand.write("starter")
    look(stand.engine, stand.settings)
    assert stand.trial(trial).outcome == Outcome.promoted


def test_nobody_is_watched_where_the_persona_says_so(stand: Stand) -> None:
    """No hours, no watch; and the start, which came after nobody, is never watched."""
    (stand.folder / "friend.md").write_text((stand.folder / "friend.md").read_text().replace("watch_hours: 24", "watch_hours: 0"))
    first = stand.add_version(1)
    with transaction(stand.engine) as session:
        assert watch(session, stand.persona, registry.champion(session, "friend")) is None
        version = registry.promote(session, session.get_one(Version, first), "a night")
        assert watch(session, stand.persona, version) is None
        assert find_person(session, "visitor:x").id


def test_a_version_that_no_night_made_is_watched_too(stand: Stand) -> None:
    """Going back to the start by hand is a promotion: its watch ends with a receipt, which leads to no night."""
    first = stand.add_version(1)
    with transaction(stand.engine) as session:
        start = registry.champion(session, "friend")
        registry.promote(session, session.get_one(Version, first), "a night")
        promote_by_hand(session, stand.persona, start, "promoted by hand")
        trial = under_way(session, "friend", ReceiptKind.watch)
        assert trial is not None and trial.version_id == start.id
        trial_id = trial.id
    stand.pass_hours(trial_id)
    look(stand.engine, stand.settings)
    (receipt,) = stand.receipts()
    assert (receipt.canary_id, receipt.night_id, receipt.version, receipt.outcome) == (trial_id, None, "v0", "promoted")


def test_a_watch_ends_when_another_version_takes_over(stand: Stand) -> None:
    """By a night's promotion at once, by a promotion by hand at the next look; each leaves a receipt of a watch, and decides nothing."""
    ids = [stand.add_version(number) for number in (1, 2, 3)]
    for each in ids[:2]:
        with transaction(stand.engine) as session:
            watch(session, stand.persona, registry.promote(session, session.get_one(Version, each), "a night"))
    with transaction(stand.engine) as session:
        registry.promote(session, session.get_one(Version, ids[2]), "by hand")
    look(stand.engine, stand.settings)
    told = [(receipt.version, receipt.kind, receipt.outcome, receipt.reason) for receipt in stand.receipts()]
    assert told == [
        ("v1", "watch", "skipped", "v2 took its place before the watch was over."),
        ("v2", "watch", "skipped", "v3 took its place before the watch was over."),
    ]
    assert stand.stages() == {"v3": Stage.champion, "v2": Stage.retired, "v1": Stage.retired, "v0": Stage.retired}
