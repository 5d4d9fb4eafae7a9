"""Training through a launcher."""

import os
import sys
from pathlib import Path

import pytest

from service.errors import TrainingError
from service.training.launcher import training_command


def test_without_a_launcher_it_is_this_python() -> None:
    """The program of this very installation."""
    assert training_command("", "a.b", ["/run"]) == [sys.executable, "-m", "a.b", "/run"]


def test_a_launcher_of_modules_is_given_the_module() -> None:
    """`accelerate launch` starts Python itself; it is found beside this Python."""
    command = training_command("accelerate launch --num_processes 2 --mixed_precision 'no'", "a.b", ["/run"])
    assert Path(command[0]).name == "accelerate"
    assert command[1:] == ["launch", "--num_processes", "2", "--mixed_precision", "no", "-m", "a.b", "/run"]


@pytest.mark.parametrize(("launcher", "words"), [("no-such-launcher --fast", "no such program"), ("sh 'unclosed", "cannot be read")])
def test_a_launcher_that_is_none_is_told(launcher: str, words: str) -> None:
    """The sentence names the setting."""
    with pytest.raises(TrainingError, match=f"ATTUNE_LAUNCHER.*{words}"):
        training_command(launcher, "a.b", [])


def test_any_other_launcher_is_given_the_whole_command(sft_run) -> None:
    """A script that stands for `srun` notes what it was given and runs it: the adapter is there as if it had been started at once."""
    given = sft_run.launcher.with_name("given").read_text().split()

    assert (sft_run.trained.adapter / "adapter_model.safetensors").exists()
    assert given == ["--gres=gpu:1", sys.executable, "-m", "service.training.lora", str(sft_run.folder)]
    assert os.environ.get("RANK") is None
