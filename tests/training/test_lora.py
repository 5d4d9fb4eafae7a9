"""The training process: what it does when it cannot train."""

import json
import shutil
import subprocess
import sys

import pytest
from safetensors.numpy import load_file, save_file

from service.errors import TrainingError
from service.providers.catalog import STARTER
from service.training.folder import Holder, RunFolder, Squeeze, base_digest
from service.training.local import ALREADY_TRAINING, LocalTrainer
from service.training.lora import last_checkpoint, main, require_same_base, smaller

_WITHOUT_TORCH = "import sys; sys.modules['torch'] = None; from service.training.lora import main; sys.exit(main(sys.argv[1:]))"


def test_a_loss_that_is_no_number_ends_the_run_with_a_sentence(tmp_path, make_spec):
    """A broken base makes every loss NaN: there is no adapter and no manifest, but a sentence for the receipt."""
    base = tmp_path / "base"
    shutil.copytree(STARTER, base)
    weights = load_file(base / "model.safetensors")
    weights["model.norm.weight"][0] = float("nan")
    save_file(weights, base / "model.safetensors", metadata={"format": "pt"})

    with pytest.raises(TrainingError, match=r"Training went astray: the loss at step 1 was not a number\."):
        LocalTrainer().train(tmp_path / "run", make_spec(base=base), lambda _: None)
    with pytest.raises(TrainingError, match=r"Training went astray"):  # at once: another attempt would end alike
        LocalTrainer().train(tmp_path / "run", make_spec(base=base), lambda _: None)

    assert (tmp_path / "run" / "train.log").read_text("utf-8").count("an attempt begins") == 1
    assert not (tmp_path / "run" / "manifest.json").exists()
    assert not (tmp_path / "run" / "adapter").exists()


def test_marks_in_the_words_are_words(sft_run):
    """Of a base whose template leaves them alone, marks typed into a message are not the base's tokens: spelled out they are far longer.

    As tokens the row of 300 marks would fit into 512; as words it does not, and is left out.
    """
    assert (sft_run.trained.rows["liked"], sft_run.trained.rows["left_out"]) == (12, 1)


def test_without_torch_it_says_what_to_install(tmp_path, make_spec):
    """The sentence names the missing package and the command that brings it."""
    RunFolder(tmp_path).accept(make_spec())

    code = subprocess.run([sys.executable, "-c", _WITHOUT_TORCH, str(tmp_path)], stdout=subprocess.DEVNULL, check=False).returncode

    assert code == 1
    error = json.loads((tmp_path / "error.json").read_bytes())["error"]
    assert error == "Training on this machine needs more packages (torch is missing): pip install 'attune[local]'."


def test_a_second_process_leaves_at_once(tmp_path, make_spec):
    """While one process holds the folder, another one neither trains nor touches anything."""
    run = RunFolder(tmp_path)
    run.accept(make_spec())

    with run.claim(Holder(1, 0.0)) as claimed:
        assert claimed
        assert main([str(tmp_path)]) == ALREADY_TRAINING
        assert Holder(1, 0.0) == run.holder()

    assert run.holder() is None
    assert {"run.json", "lock"} == {file.name for file in tmp_path.iterdir()}


def test_checkpoints_of_another_base_are_not_gone_on_from(tmp_path):
    """What is half trained on one model is not an adapter of the next; on the same one it goes on."""
    require_same_base(tmp_path / "kto", "aaa")
    require_same_base(tmp_path / "kto", "aaa")
    with pytest.raises(TrainingError, match="The base model was changed since this training run began"):
        require_same_base(tmp_path / "kto", "bbb")


def test_another_base_has_another_digest(tmp_path):
    """Settings, template and weights are what makes a base; a file beside them that says nothing changes nothing."""
    shutil.copytree(STARTER, tmp_path / "base")
    before = base_digest(tmp_path / "base")
    (tmp_path / "base" / "README.md").write_text("Something else.")
    assert base_digest(tmp_path / "base") == before == base_digest(STARTER)
    (tmp_path / "base" / "chat_template.jinja").write_text("{{ messages }}")
    assert base_digest(tmp_path / "base") != before


@pytest.mark.parametrize(("batch", "at_least", "expected"), [(8, 2, Squeeze(4, 2)), (3, 1, Squeeze(1, 2)), (2, 2, None), (1, 1, None)])
def test_half_the_batch_keeps_the_size_of_a_step(batch, at_least, expected):
    """Rows at once are halved and batches in a step doubled; KTO needs two rows at once."""
    assert smaller(Squeeze(batch, 1), at_least) == expected


def test_memory_that_runs_out_is_known_as_such():
    """The processor's allocator is asked for more than there can be; other errors are not taken for it."""
    check = """
import torch
from service.training.lora import is_out_of_memory
try:
    torch.empty(1 << 50)
except RuntimeError as error:
    assert is_out_of_memory(error), error
assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory."))
assert is_out_of_memory(MemoryError())
assert not is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
"""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", check], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_run_whose_memory_ran_out_goes_on_with_less(sft_run):
    """What was found out once is kept in the folder: fewer rows at once, more batches to a step, and a note for the receipt."""
    assert sft_run.trained.steps == 2
    assert sft_run.trained.notes == ["Memory ran out, and it was trained with 4 rows at once and a step after every 2 such batches."]


def test_a_half_written_checkpoint_is_passed_over(tmp_path):
    """A checkpoint is whole when its state is; what a crash left of a newer one is removed."""
    for step, state in ((2, '{"global_step": 2}'), (10, '{"global_'), (12, None)):
        checkpoint = tmp_path / f"checkpoint-{step}"
        checkpoint.mkdir()
        if state:
            (checkpoint / "trainer_state.json").write_text(state, encoding="utf-8")

    assert tmp_path / "checkpoint-2" == last_checkpoint(tmp_path)
    assert [tmp_path / "checkpoint-2"] == list(tmp_path.iterdir())


def test_without_checkpoints_it_begins_at_the_beginning(tmp_path):
    """A first attempt finds none, and that is no error."""
    assert last_checkpoint(tmp_path / "checkpoints") is None


def test_whoever_only_asks_for_training_loads_no_torch():
    """The worker and the web import the seams; seconds and gigabytes stay in the processes that need them."""
    seams = "service.training.local, service.training.base, service.hosting.engine, service.evaluation.holdout"
    check = f"import sys, {seams}; sys.exit(bool({{'torch', 'transformers', 'trl', 'peft'}} & set(sys.modules)))"

    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
