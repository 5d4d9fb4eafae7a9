"""The training process: `python -m service.training.lora FOLDER` (the files in FOLDER: see `folder.py`).

Takes the lock first and imports torch after, so that a second process started by mistake is gone at once.
"""

import importlib.metadata
import json
import os
import shutil
import sys
import time
import traceback
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import ModuleType

from service.errors import TrainingError
from service.providers.role_marks import mark_breaker
from service.training.folder import Holder, Manifest, RunFolder, digest
from service.training.local import ALREADY_TRAINING
from service.training.rows import count_labels, fit, interleave, read_rows

_NICENESS = 5  # whoever chats with the persona meanwhile comes first
_LIBRARIES = ("torch", "transformers", "trl", "peft", "accelerate", "datasets")
_ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "TQDM_DISABLE": "1",
    "CUDA_VISIBLE_DEVICES": "0",  # with several GPUs in one process the library refuses to train
    "OMP_WAIT_POLICY": "PASSIVE",  # threads that wait by spinning made a run 20 times slower whenever another program wanted the processor
}


def main(arguments: Sequence[str]) -> int:
    """Train in the folder named; return the exit code: 0 done, 1 failed (error.json says why), 75 another process is at it."""
    run = RunFolder(Path(arguments[0]))
    with run.claim(Holder(os.getpid(), time.time())) as claimed:
        if not claimed:
            return ALREADY_TRAINING
        print(f"{time.strftime('%Y-%m-%d %H:%M:%S')} an attempt begins", flush=True)  # noqa: T201 - standard output is train.log
        run.forget_error()
        _give_way()
        try:
            if not run.trained():
                train(run)
        except TrainingError as error:
            return _failed(run, error.message)
        except Exception as error:
            return _failed(run, f"Training broke off with an unexpected {type(error).__name__}; its log is {run.log}.")
    return 0


def train(run: RunFolder) -> None:
    """Rows, model, training, adapter, manifest."""
    spec = run.spec()
    began = time.monotonic()
    given = read_rows(Path(spec.train), spec.method, clean=mark_breaker(Path(spec.base)))

    recipe = _load_recipe(os.environ)
    recipe.quieten()
    tokenizer = recipe.load_tokenizer(Path(spec.base))
    longest = recipe.longest_of(Path(spec.base), spec.parameters)
    fitting = [row for row in (fit(row, recipe.token_counter(tokenizer), longest) for row in given) if row]
    rows = interleave(fitting, spec.parameters.seed)

    trainer = recipe.make_trainer(spec, rows, tokenizer, longest, run.checkpoints)
    recipe.report_to(trainer, run.add_progress)
    losses = recipe.run_trainer(trainer, last_checkpoint(run.checkpoints))

    partial = run.path / "adapter.partial"
    recipe.save_adapter(trainer, partial)
    shutil.rmtree(run.adapter, ignore_errors=True)
    partial.rename(run.adapter)
    shutil.rmtree(run.checkpoints)  # with the library's pickles in it

    liked, disliked = count_labels(rows)
    run.finish(
        Manifest(
            method=spec.method,
            base=spec.base,
            parameters=spec.parameters,
            rows={"liked": liked, "disliked": disliked, "left_out": len(given) - len(rows)},
            steps=trainer.state.global_step,
            loss_first=losses[0],
            loss_last=losses[-1],
            seconds=round(time.monotonic() - began, 3),
            sha256=digest(run.adapter / "adapter_model.safetensors"),
            versions={name: importlib.metadata.version(name) for name in _LIBRARIES},
        )
    )


def last_checkpoint(folder: Path) -> Path | None:
    """The newest checkpoint that is whole: its state is written last, so one without it is what a crash left, and goes."""
    for checkpoint in sorted(folder.glob("checkpoint-*"), key=lambda path: int(path.name.rpartition("-")[2]), reverse=True):
        try:
            json.loads((checkpoint / "trainer_state.json").read_bytes())
        except (OSError, ValueError):
            shutil.rmtree(checkpoint)
        else:
            return checkpoint
    return None


def _load_recipe(environ: Mapping[str, str]) -> ModuleType:
    os.environ.update({name: value for name, value in _ENVIRONMENT.items() if name not in environ})
    warnings.simplefilter("ignore")
    try:
        from service.training import recipe  # noqa: PLC0415 - it imports torch: seconds, and perhaps it is not there
    except ImportError as error:
        missing = error.name or "torch"
        raise TrainingError(f"Training on this machine needs more packages ({missing} is missing): pip install 'attune[local]'.") from error
    return recipe


def _give_way() -> None:
    """Let other programs have the processor first. Linux may weigh sessions rather than processes, and then it must be told of ours too."""
    os.nice(_NICENESS)
    with suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(_NICENESS), encoding="ascii")


def _failed(run: RunFolder, sentence: str) -> int:
    traceback.print_exc(file=sys.stdout)
    run.fail(sentence)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
