"""Training in a process of its own: the files it leaves, and what happens when somebody dies."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time

import msgspec
import pytest

from service.errors import TrainingError, TrainingStopped
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
    assert (list(manifest["schedules"]), manifest["steps"]) == (["kto"], 6)
    assert msgspec.to_builtins(kto_run.spec.schedules) == manifest["schedules"]
    assert {**msgspec.to_builtins(kto_run.spec.parameters), "quantization": "none"} == manifest["parameters"]
    assert hashlib.sha256(weights).hexdigest() == manifest["sha256"]
    assert {"torch", "transformers", "trl", "peft", "accelerate", "datasets"} == set(manifest["versions"])


def test_each_logged_step_is_reported_once_and_in_order(kto_run):
    """Whoever watches sees every step up to the last, with a loss that is a number."""
    assert list(range(1, 7)) == [progress.step for progress in kto_run.reported]
    assert {("kto", 6)} == {(progress.method, progress.steps) for progress in kto_run.reported}
    assert all(progress.tokens_per_second and progress.memory_bytes for progress in kto_run.reported)
    assert kto_run.reported[-1].eta_seconds == 0
    assert kto_run.trained.loss_first == kto_run.reported[0].loss
    assert kto_run.trained.loss_last == kto_run.reported[-1].loss


def test_a_finished_run_is_not_run_again(kto_run):
    """Asked for again, it is there at once, and nothing was started."""
    began = time.monotonic()
    again = LocalTrainer().train(kto_run.folder, kto_run.spec, lambda _: None)

    assert kto_run.trained == again
    assert time.monotonic() - began < 1
    assert kto_run.attempts == 1


def test_all_methods_train_one_adapter_in_4_bits_and_a_kill_costs_little(tmp_path, make_spec, count_attempts):
    """Passages, liked replies and pairs are learned one after the other; killed in the last of them, it goes on there and not before."""
    reported = []

    def kill_once(progress):
        reported.append((progress.method, progress.step))
        if progress.method == "dpo" and count_attempts(tmp_path) == 1 and (holder := RunFolder(tmp_path).holder()):
            os.killpg(holder.pid, signal.SIGKILL)

    trained = LocalTrainer().train(tmp_path, make_spec("chunks", "sft", "dpo", quantization="4bit", epochs=3, batch=4), kill_once)

    assert trained.methods == ["chunks", "sft", "dpo"]
    assert trained.rows == {"liked": 12, "disliked": 0, "passages": 6, "pairs": 8, "left_out": 0}
    assert trained.steps == 21 == reported[-1][1]
    assert count_attempts(tmp_path) == 2
    assert [method for method, _ in reported].count("sft") == 9  # the second attempt did not learn again what was learned
    losses = {method: [p.loss for p in RunFolder(tmp_path).progress_after(0)[0] if p.method == method] for method in trained.methods}
    assert all(told[-1] < told[0] for told in losses.values())
    assert {"adapter", "lock", "manifest.json", "progress.jsonl", "run.json", "train.log"} == {file.name for file in tmp_path.iterdir()}


def test_a_caller_that_died_finds_its_training_still_running(tmp_path, make_spec, count_attempts):
    """The training process outlives its caller; the next call attaches to it, hears all of its progress, and nothing is trained twice."""
    spec = make_spec(epochs=4)
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
    assert trained.steps == 12
    assert list(range(1, 13)) == reported
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


def test_a_base_that_is_not_there_is_refused_before_anything_is_started(tmp_path, make_spec):
    """The sentence names the folder and the setting."""
    with pytest.raises(TrainingError, match=r"There is no base model in .*Set learning\.base"):
        LocalTrainer().train(tmp_path / "run", make_spec(base=tmp_path / "base"), lambda _: None)

    assert not (tmp_path / "run").exists()


def test_a_person_stops_a_run_for_good(tmp_path, make_spec):
    """The process ends, the sentence says who ended it, and asked for again it is not begun anew."""
    run = RunFolder(tmp_path)
    for _ in range(2):
        with (
            pytest.raises(TrainingStopped, match="stopped by a person") if not run.error() else pytest.raises(TrainingError, match="person")
        ):
            LocalTrainer().train(tmp_path, make_spec(), lambda _: None, lambda: run.holder() is not None)

    assert run.holder() is None
    assert run.stop_asked()
    assert (tmp_path / "train.log").read_text("utf-8").count("an attempt begins") <= 1
