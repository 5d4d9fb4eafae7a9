"""`attune train`: listing, watching and stopping the training runs of nights."""

import json
import threading

from service import ledger
from service.db.engine import transaction
from service.db.tables import Dataset, Night, RunState, TrainingRun
from tests.cli.conftest import Shell

_PROGRESS = {
    "method": "kto",
    "step": 3,
    "steps": 12,
    "loss": 0.4567,
    "learning_rate": 0.002,
    "tokens_per_second": 1234.5,
    "memory_bytes": 3 * 2**30,
    "eta_seconds": 90.0,
}


def begin(shell: Shell, persona: str = "friend", night: str = "n") -> str:
    """A training run under way; its id."""
    with shell.database() as engine, transaction(engine) as session:
        session.add(Night(id=night, persona=persona))
        session.flush()
        session.add(Dataset(id=f"d{night}", persona=persona, night_id=night, hash="h", counts={}))
        session.flush()
        kept = {"trainer": "local", "method": "kto", "base": "starter", "parameters": {"epochs": 2}}
        run = TrainingRun(persona=persona, night_id=night, dataset_id=f"d{night}", state=RunState.running, **kept)
        session.add(run)
        session.flush()
        ledger.note_training(session, night, _PROGRESS)
        return run.id


def end(shell: Shell, night: str, state: RunState, error: str | None = None) -> None:
    """The run ends."""
    with shell.database() as engine, transaction(engine) as session:
        ledger.end_run(session, night, state, error=error, measured={"loss_first": 0.5, "loss_last": 0.25})


def test_without_a_run_it_says_when_there_will_be_one(here: Shell) -> None:
    """The empty state is a sentence on stderr and an empty list for programs."""
    told = here("train", "list")
    assert (told.code, told.out) == (0, "")
    assert "A night trains once" in told.err
    assert here("train", "list", "--json").document == []


def test_runs_are_listed_newest_first(here: Shell) -> None:
    """With what they train, how far they are, and why they ended; of one persona, if it is named."""
    first = begin(here)
    end(here, "n", RunState.failed, "The GPU has too little memory.")
    second = begin(here, "mentor", "m")
    listed = here("train", "list", "--json").document
    assert [run["id"] for run in listed] == [second, first]
    assert (listed[0]["state"], listed[0]["progress"]["loss"]) == ("running", 0.4567)
    told = here("train", "list").out
    assert "kto step 3 of 12" in told
    assert "too little memory" in told
    assert [run["persona"] for run in here("train", "list", "friend", "--json").document] == ["friend"]
    assert here("train", "list", "nobody").code == 3


def test_watching_shows_progress_and_ends_with_the_run(here: Shell) -> None:
    """Loss, rate, speed, memory and the time left are shown; the ending is a sentence, and the exit code follows it."""
    run = begin(here)
    timer = threading.Timer(0.7, end, (here, "n", RunState.succeeded))
    timer.start()
    told = here("train", "watch", run[-8:])
    timer.join()
    assert told.code == 0
    assert "kto step 3 of 12, loss 0.457, rate 2.0e-03, 1,234 tokens/s, 3.0 GiB, about 1.5 minutes left" in told.err
    assert "the loss went from 0.500 to 0.250" in told.out


def test_a_program_watches_lines_of_json(here: Shell) -> None:
    """Each line is a document; a run that failed ends with 1."""
    begin(here)
    end(here, "n", RunState.failed, "No.")
    told = here("train", "watch", "friend", "--json")
    assert told.code == 1
    assert [json.loads(line)["state"] for line in told.out.splitlines()] == ["failed"]
    assert "failed: No." in here("train", "watch", "friend").out


def test_a_run_is_asked_to_stop_once_it_runs_and_never_after(here: Shell) -> None:
    """The wish is kept where the trainer looks, and asking twice changes nothing; a run that has ended, or is not there, says so."""
    run = begin(here)
    assert here("train", "stop", "friend").code == 0
    again = here("train", "stop", run, "--json")
    assert (again.code, again.document["state"]) == (0, "running")
    assert "asked to stop" in here("train", "list").out
    with here.database() as engine, transaction(engine) as session:
        assert ledger.is_stop_asked(session, "n")
        assert not ledger.is_stop_asked(session, "other")
    end(here, "n", RunState.cancelled, "A person stopped it.")
    refused = here("train", "stop", run)
    assert (refused.code, "has ended already: cancelled" in refused.err) == (7, True)
    assert here("train", "stop", "nothing").code == 3
