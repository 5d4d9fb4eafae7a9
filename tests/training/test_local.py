"""Training in a process of its own: the files it leaves, and what happens when somebody dies."""

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time

import msgspec
import pytest

from service.errors import TrainingError
from service.training.folder import RunFolder
from service.training.local import LocalTrainer


def _await(condition, seconds=60):
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)
    return found


def test_kto_trains_and_writes_what_was_agreed(kto_run):
    """A run ends with an adapter of two files and a manifest that tells all that went into it; checkpoints and pickles are gone."""
    manifest = json.loads((kto_run.folder / "manifest.json").read_bytes())
    weights = (kto_run.folder / "adapter" / "adapter_model.safetensors").read_bytes()

    assert {"adapter_config.json", "adapter_model.safetensors"} == {file.name for file in kto_run.trained.adapter.iterdir()}
    assert {"adapter", "lock", "manifest.json", "progress.jsonl", "run.json", "train.log"} == {
        file.name for file in kto_run.folder.iterdir()
    }
    assert manifest["rows"] == {"liked": 12, "disliked": 12, "left_out": 0}
    assert (manifest["method"], manifest["steps"]) == ("kto", 6)
    assert msgspec.to_builtins(kto_run.spec.parameters) == manifest["parameters"]
    assert hashlib.sha256(weights).hexdigest() == manifest["sha256"]
    assert {"torch", "transformers", "trl", "peft", "accelerate", "datasets"} == set(manifest["versions"])


def test_each_logged_step_is_reported_once_and_in_order(kto_run):
    """Whoever watches sees every step up to the last, with a loss that is a number."""
    assert list(range(1, 7)) == [progress.step for progress in kto_run.reported]
    assert {6} == {progress.steps for progress in kto_run.reported}
    assert kto_run.trained.loss_first == kto_run.reported[0].loss
    assert kto_run.trained.loss_last == kto_run.reported[-1].loss


def test_a_finished_run_is_not_run_again(kto_run):
    """Asked for again, it is there at once, and nothing was started."""
    began = time.monotonic()
    again = LocalTrainer().train(kto_run.folder, kto_run.spec, lambda _: None)

    assert kto_run.trained == again
    assert time.monotonic() - began < 1
    assert kto_run.attempts == 1


def test_sft_learns_from_the_liked_replies(tmp_path, make_spec):
    """SFT leaves the disliked rows aside, and its loss goes down."""
    trained = LocalTrainer().train(tmp_path, make_spec(method="sft", epochs=4), lambda _: None)

    assert (trained.method, trained.liked, trained.disliked) == ("sft", 12, 0)
    assert trained.loss_last < trained.loss_first


def test_a_killed_training_process_is_started_again_and_finishes(tmp_path, make_spec, count_attempts):
    """It goes on from its last checkpoint, not from the beginning."""
    reported = []

    def kill_once(progress):
        reported.append(progress.step)
        if progress.step >= 6 and count_attempts(tmp_path) == 1 and (holder := RunFolder(tmp_path).holder()):
            os.killpg(holder.pid, signal.SIGKILL)

    trained = LocalTrainer().train(tmp_path, make_spec(epochs=12), kill_once)

    assert 36 == trained.steps == reported[-1]
    assert count_attempts(tmp_path) == 2
    assert reported.count(1) == 1  # the second attempt did not begin at the beginning


def test_a_caller_that_died_finds_its_training_still_running(tmp_path, make_spec, count_attempts):
    """The training process outlives its caller; the next call attaches to it, hears all of its progress, and nothing is trained twice."""
    spec = make_spec(epochs=8)
    call = (
        "import sys, msgspec; from pathlib import Path; from service.training.base import RunSpec; "
        "from service.training.local import LocalTrainer; "
        "LocalTrainer().train(Path(sys.argv[1]), msgspec.json.decode(sys.argv[2], type=RunSpec), print)"
    )
    caller = subprocess.Popen(
        [sys.executable, "-c", call, str(tmp_path), msgspec.json.encode(spec).decode()],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    holder = _await(RunFolder(tmp_path).holder)
    caller.kill()
    caller.wait()
    reported = []

    trained = LocalTrainer().train(tmp_path, spec, lambda progress: reported.append(progress.step))

    assert holder.pid != caller.pid
    assert trained.steps == 24
    assert list(range(1, 25)) == reported
    assert count_attempts(tmp_path) == 1


def test_training_ends_when_its_budget_is_spent(tmp_path, make_spec):
    """The process is ended, the sentence names the budget, and no manifest pretends success."""
    with pytest.raises(TrainingError, match=r"Training was ended after 0\.001 minutes, its whole budget\."):
        LocalTrainer(budget_minutes=0.001).train(tmp_path, make_spec(), lambda _: None)

    assert RunFolder(tmp_path).holder() is None
    assert not (tmp_path / "manifest.json").exists()


def test_a_trainer_can_be_stopped(tmp_path, make_spec):
    """Stopping ends the process, and whoever waited for it is told."""
    trainer = LocalTrainer()
    run = RunFolder(tmp_path)
    threading.Thread(target=lambda: (_await(run.holder), trainer.stop())).start()

    with pytest.raises(TrainingError, match="Training was stopped"):
        trainer.train(tmp_path, make_spec(), lambda _: None)

    assert run.holder() is None


def test_a_run_folder_belongs_to_one_run(kto_run, make_spec):
    """Another run cannot be mistaken for the one whose result lies there."""
    with pytest.raises(TrainingError, match="belongs to another training run"):
        LocalTrainer().train(kto_run.folder, make_spec(epochs=3), lambda _: None)


@pytest.mark.parametrize("absurd", [{"learning_rate": 1000.0}, {"learning_rate": 0.0}, {"epochs": 0}, {"batch": 1}, {"rank": 0}])
def test_parameters_that_make_no_sense_are_refused_before_anything_is_started(tmp_path, make_spec, absurd):
    """The sentence names the parameter."""
    with pytest.raises(TrainingError, match=rf"This cannot be trained: .*{next(iter(absurd))}"):
        LocalTrainer().train(tmp_path, make_spec(**absurd), lambda _: None)

    assert not (tmp_path / "train.log").exists()


def test_a_failure_is_told_as_a_sentence_and_can_be_tried_again(tmp_path, make_spec, rows_file):
    """A base that is not there is named; the same call works once it is."""
    base = tmp_path / "base"
    for _ in range(2):
        with pytest.raises(TrainingError, match=r"base .*(cannot be read|has no chat template)"):
            LocalTrainer().train(tmp_path / "run", make_spec(base=base, train=rows_file), lambda _: None)

    assert re.search("error", (tmp_path / "run" / "error.json").read_text("utf-8"))
    assert not (tmp_path / "run" / "manifest.json").exists()
