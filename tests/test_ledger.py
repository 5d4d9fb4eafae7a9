from datetime import timedelta

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from service import ledger, registry
from service.db.engine import reading, transaction
from service.db.tables import Dataset, Evaluation, Night, Outcome, Receipt, RunState, Sample, Stage, TrainingRun, Version, Worker, now
from service.errors import Conflict
from tests.databases import race


def night_of(database: Engine, persona: str = "friend") -> str:
    with transaction(database) as session:
        return ledger.request_night(session, persona).id


def end(database: Engine, night_id: str, outcome: Outcome = Outcome.skipped, reason: str = "too little data") -> Receipt | None:
    with transaction(database) as session:
        return ledger.write_receipt(session, night_id, outcome, reason)


def trained(database: Engine, night_id: str, state: RunState = RunState.succeeded, content: str = "h" * 64) -> None:
    """A night that came as far as a training run."""
    with transaction(database) as session:
        persona = session.get_one(Night, night_id).persona
        dataset = Dataset(persona=persona, night_id=night_id, hash=content, counts={"train_samples": 3})
        ledger.keep_dataset(session, dataset, [])
        parameters = {"rank": 8, "why": "both thumbs"}
        kept = {"trainer": "local", "method": "kto", "base": "starter", "attempts": 2, "parameters": parameters, "state": state}
        session.add(TrainingRun(persona=persona, night_id=night_id, dataset_id=dataset.id, **kept))


def test_a_night_is_asked_for_by_a_row(database: Engine) -> None:
    """A request leaves one open, queued night that a worker finds."""
    night_id = night_of(database)
    with reading(database) as session:
        (night,) = ledger.open_nights(session)
        assert (night.id, night.persona, night.step, night.progress, night.ended_at) == (night_id, "friend", "queued", {}, None)


def test_one_night_at_a_time_per_persona(database: Engine) -> None:
    """A second request while one is under way is refused with the way to follow it; another persona's is not."""
    first = night_of(database)
    with pytest.raises(Conflict, match="attune nightly friend --wait") as refused:
        night_of(database)
    assert refused.value.code == "night_under_way"
    second = night_of(database, "mentor")
    end(database, first)
    third = night_of(database)
    with reading(database) as session:
        assert [night.id for night in ledger.open_nights(session)] == [second, third]


def test_a_refused_night_spoils_nothing_of_its_transaction(database: Engine) -> None:
    """Whoever asks within a larger piece of work can go on after the refusal."""
    night_of(database)
    with transaction(database) as session:
        with pytest.raises(Conflict):
            ledger.request_night(session, "friend")
        ledger.request_night(session, "mentor")
    with reading(database) as session:
        assert [night.persona for night in ledger.open_nights(session)] == ["friend", "mentor"]


def test_racing_requests_open_one_night(database: Engine) -> None:
    """Ten requests in one moment: one night, nine refusals."""
    outcomes = race(10, lambda _: night_of(database))
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Conflict"] * 9 + ["str"]
    with reading(database) as session:
        assert len(session.exec(select(Night)).all()) == 1


def test_the_last_night_is_the_newest_or_the_persona_s_beginning(database: Engine) -> None:
    """A night counts from when it was asked for; before the first one, from when the persona itself began, whatever became of v0."""
    with transaction(database) as session:
        start = registry.champion(session, "friend")
        assert ledger.last_night(session, "friend") == start.created_at
        start.stage = Stage.quarantined
        session.add_all([start, Version(persona="friend", number=1, stage=Stage.champion, provider="local", model="friend-v1")])
    with transaction(database) as session:
        assert ledger.last_night(session, "friend") == start.created_at
        assert ledger.last_night(session, "mentor") == registry.champion(session, "mentor").created_at
    for _ in range(2):
        newest = night_of(database)
        end(database, newest)
    with transaction(database) as session:
        assert ledger.last_night(session, "friend") == session.get_one(Night, newest).started_at
        assert ledger.last_night(session, "mentor") <= session.get_one(Night, newest).started_at


def test_a_worker_is_alive_while_it_gives_signs(database: Engine) -> None:
    """Nobody is there before the first sign; one worker that lives is enough, and an old sign counts for nothing."""
    with transaction(database) as session:
        assert not ledger.worker_is_alive(session)
        session.add(Worker(id="gone", seen_at=now() - timedelta(minutes=1)))
        session.flush()
        assert not ledger.worker_is_alive(session)
        assert ledger.worker_is_alive(session, seconds=3600)
    for _ in range(2):
        with transaction(database) as session:
            ledger.give_sign_of_life(session, "here")
    with reading(database) as session:
        assert ledger.worker_is_alive(session)
        assert len(session.exec(select(Worker)).all()) == 2


def test_a_step_and_its_progress_are_noted(database: Engine) -> None:
    """The night says where it stands; a new step starts without the old one's progress."""
    night_id = night_of(database)
    with transaction(database) as session:
        assert ledger.note_step(session, night_id, "train").persona == "friend"
    with transaction(database) as session:
        ledger.note_progress(session, night_id, step=3, steps=10)
    with reading(database) as session:
        night = session.get_one(Night, night_id)
        assert (night.step, night.progress) == ("train", {"step": 3, "steps": 10})
    with transaction(database) as session:
        ledger.note_step(session, night_id, "host")
    with reading(database) as session:
        night = session.get_one(Night, night_id)
        assert (night.step, night.progress) == ("host", {})


def test_a_dataset_is_kept_once_with_its_lineage(database: Engine) -> None:
    """A freeze that runs twice leaves the first dataset and its samples."""
    night_id = night_of(database)
    for content in ("first", "second"):
        dataset = Dataset(persona="friend", night_id=night_id, hash=content, counts={"train_samples": 2})
        lineage = [Sample(dataset_id=dataset.id, split="train", origin="seed", hash=f"{content}{number}") for number in range(2)]
        with transaction(database) as session:
            ledger.keep_dataset(session, dataset, lineage)
    with reading(database) as session:
        kept = ledger.find_dataset(session, night_id)
        assert kept is not None and kept.hash == "first"
        assert {(row.dataset_id, row.hash) for row in session.exec(select(Sample))} == {(kept.id, "first0"), (kept.id, "first1")}


def test_what_was_learned_last_is_the_newest_success(database: Engine) -> None:
    """Only training that succeeded counts as learned, and only this persona's."""
    with reading(database) as session:
        assert ledger.learned_of_late(session, "friend") == set()
    for content, state, persona in (
        ("a", RunState.succeeded, "friend"),
        ("b", RunState.succeeded, "friend"),
        ("c", RunState.failed, "friend"),
        ("d", RunState.succeeded, "mentor"),
    ):
        night_id = night_of(database, persona)
        trained(database, night_id, state, content)
        end(database, night_id)
    with reading(database) as session:
        assert (ledger.learned_of_late(session, "friend"), ledger.learned_of_late(session, "mentor")) == ({"b"}, {"d"})


def test_the_end_of_a_run_is_noted_with_what_was_measured(database: Engine) -> None:
    """A run keeps what it was told to do and gains what was measured; a failed one says why."""
    night_id = night_of(database)
    trained(database, night_id, RunState.running)
    with transaction(database) as session:
        ledger.end_run(session, night_id, RunState.succeeded, measured={"loss_last": 0.5})
    with reading(database) as session:
        run = ledger.find_run(session, night_id)
        assert run is not None and run.ended_at is not None
        assert (run.state, run.error, run.parameters) == (RunState.succeeded, None, {"rank": 8, "why": "both thumbs", "loss_last": 0.5})
    with transaction(database) as session:
        ledger.end_run(session, night_id, RunState.failed, error="out of memory")
    with reading(database) as session:
        run = ledger.find_run(session, night_id)
        assert run is not None and (run.state, run.error) == (RunState.failed, "out of memory")


def test_a_candidate_is_numbered_once(database: Engine) -> None:
    """Asked for twice, the night has one version, of its run's base, that cannot serve before it is hosted."""
    night_id = night_of(database)
    trained(database, night_id)
    ids = []
    for _ in range(2):
        with transaction(database) as session:
            candidate = ledger.find_candidate(session, night_id)
            ids.append(candidate.id)
            assert (candidate.name, candidate.base, candidate.stage.value) == ("v1", "starter", "candidate")
    assert ids[0] == ids[1]
    with transaction(database) as session, pytest.raises(Conflict):
        registry.promote(session, session.get_one(Version, ids[0]), "too early")


def test_a_receipt_is_written_once(database: Engine) -> None:
    """The first receipt ends the night and stays as it is; a second one is not written."""
    night_id = night_of(database)
    first = end(database, night_id, Outcome.rejected, "not better")
    assert first is not None and end(database, night_id, Outcome.failed, "the worker thought it had crashed") is None
    with reading(database) as session:
        (kept,) = session.exec(select(Receipt)).all()
        assert (kept.id, kept.outcome, kept.reason) == (first.id, Outcome.rejected, "not better")
        assert session.get_one(Night, night_id).ended_at is not None
        assert ledger.open_nights(session) == []


def test_racing_receipts_leave_one(database: Engine) -> None:
    """Eight endings of one night in one moment leave one receipt, and none of them fails."""
    night_id = night_of(database)
    outcomes = race(8, lambda number: end(database, night_id, reason=f"reason {number}"))
    assert not [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    written = [outcome for outcome in outcomes if outcome is not None]
    with reading(database) as session:
        (kept,) = session.exec(select(Receipt)).all()
    assert [receipt.reason for receipt in written] == [kept.reason]  # type: ignore[union-attr]


def test_a_receipt_of_a_night_that_did_nothing_says_why(database: Engine) -> None:
    """A skipped night has its reason, the champion that stays, and no version."""
    night_id = night_of(database)
    with transaction(database) as session:
        ledger.note_step(session, night_id, "freeze")
    receipt = end(database, night_id)
    assert receipt is not None
    assert (receipt.persona, receipt.version, receipt.champion, receipt.reason) == ("friend", None, "v0", "too little data")
    assert (receipt.details["night"], receipt.details["step"]) == (night_id, "freeze")
    assert receipt.details["seconds"] >= 0 and set(receipt.details) == {"night", "step", "seconds"}


def test_a_receipt_tells_the_whole_night(database: Engine) -> None:
    """What went in, how it was trained, what was measured, and who serves now: all of it stands in the receipt."""
    night_id = night_of(database)
    trained(database, night_id)
    with transaction(database) as session:
        candidate = ledger.find_candidate(session, night_id)
        candidate.provider, candidate.model = "local", "friend-v1"
        start = registry.champion(session, "friend")
        session.add(Evaluation(night_id=night_id, candidate_id=candidate.id, champion_id=start.id, scorecard={"wins": 9}))
    with transaction(database) as session:
        assert ledger.find_evaluation(session, night_id) is not None
        registry.promote(session, session.get_one(Version, candidate.id), "better")
        receipt = ledger.write_receipt(session, night_id, Outcome.promoted, "better")
    assert receipt is not None and (receipt.version, receipt.champion) == ("v1", "v1")
    details = receipt.details
    assert details["dataset"] == {"hash": "h" * 64, "counts": {"train_samples": 3}}
    told = {"trainer": "local", "method": "kto", "base": "starter", "attempts": 2, "rank": 8, "why": "both thumbs"}
    assert details["training"] == told
    assert details["evaluation"] == {"wins": 9}


def test_promotion_and_receipt_are_one(database: Engine) -> None:
    """When the receipt cannot be written the promotion is not kept either."""
    night_id = night_of(database)
    trained(database, night_id)
    with transaction(database) as session:
        candidate = ledger.find_candidate(session, night_id)
        candidate.provider, candidate.model = "local", "friend-v1"
    with pytest.raises(ZeroDivisionError), transaction(database) as session:
        registry.promote(session, session.get_one(Version, candidate.id), "better")
        ledger.write_receipt(session, night_id, Outcome.promoted, "better")
        raise ZeroDivisionError
    with transaction(database) as session:
        assert registry.champion(session, "friend").name == "v0"
        assert len(ledger.open_nights(session)) == 1
        assert session.exec(select(Receipt)).all() == []
