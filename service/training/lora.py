"""The training process: `python -m service.training.lora FOLDER` (the files in FOLDER: see `folder.py`).

Takes the lock first and imports torch after, so that a second process started by mistake is gone at once. Of several processes, as a
launcher for several GPUs starts them, the first one keeps the folder; the others only compute.
"""

import gc
import importlib.metadata
import json
import os
import shutil
import sys
import time
import traceback
import warnings
from collections.abc import Mapping, Sequence
from contextlib import nullcontext, suppress
from pathlib import Path
from types import ModuleType

from service.errors import TrainingError, TrainingStopped
from service.providers.role_marks import mark_breaker
from service.training.folder import Holder, Manifest, RunFolder, Squeeze, base_digest, digest
from service.training.local import ALREADY_TRAINING
from service.training.reporting import Astray, Reporting
from service.training.stage import Counters, Material, gather

_NICENESS = 5  # whoever chats with the persona meanwhile comes first
_LIBRARIES = ("torch", "transformers", "trl", "peft", "accelerate", "datasets")
_ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "TQDM_DISABLE": "1",
    "OMP_WAIT_POLICY": "PASSIVE",  # threads that wait by spinning made a run 20 times slower whenever another program wanted the processor
}
_ONE_CARD = {"CUDA_VISIBLE_DEVICES": "0"}  # with several GPUs in one process the library refuses to train


def main(arguments: Sequence[str]) -> int:
    """Train in the folder named; return the exit code: 0 done, 1 failed (error.json says why), 75 another process is at it."""
    run = RunFolder(Path(arguments[0]))
    with run.claim(Holder(os.getpid(), time.time())) if _is_first() else nullcontext(True) as claimed:
        if not claimed:
            return ALREADY_TRAINING
        print(f"{time.strftime('%Y-%m-%d %H:%M:%S')} an attempt begins", flush=True)  # noqa: T201 - standard output is train.log
        if _is_first():
            run.forget_error()
        _give_way()
        try:
            if not run.trained():
                train(run)
        except TrainingError as error:
            return _failed(run, error.message, final=isinstance(error, TrainingStopped | Astray))
        except Exception as error:
            return _failed(run, f"Training broke off with an unexpected {type(error).__name__}; its log is {run.log}.")
    return 0


def train(run: RunFolder) -> None:
    """Each method in turn, each on top of the adapter of the one before; then the adapter, and the manifest last."""
    spec, base = run.spec(), Path(run.spec().base)
    began = time.monotonic()
    recipe = _load_recipe(os.environ)
    recipe.quieten()
    tokenizer = recipe.load_tokenizer(base, for_chat=spec.methods != ["chunks"])
    count = Counters(recipe.chat_counter(tokenizer), recipe.text_counter(tokenizer), recipe.longest_of(base, spec.parameters))
    clean = mark_breaker(base)
    materials = {method: gather(method, Path(spec.dataset), clean, count, spec.parameters.seed) for method in spec.methods}
    fingerprint = base_digest(base)
    adapter: Path | None = None
    reporting = Reporting(run, materials, spec, recipe.card_memory)
    for place, method in enumerate(spec.methods):
        done = run.stages / f"{place}-{method}"
        if not done.exists():
            stage = recipe.Stage(method, spec.schedules[method], materials[method], adapter, run.checkpoints / method)
            _train_stage(run, recipe, stage, tokenizer, count.longest, reporting, done, fingerprint)
        adapter = done
        reporting.pass_stage(method)
    if not _is_first() or adapter is None:
        return
    shutil.rmtree(run.adapter, ignore_errors=True)
    adapter.rename(run.adapter)
    shutil.rmtree(run.stages)
    shutil.rmtree(run.checkpoints, ignore_errors=True)  # with the library's pickles in it
    losses = reporting.losses()
    run.finish(
        Manifest(
            base=spec.base,
            base_sha256=fingerprint,
            schedules=spec.schedules,
            parameters=spec.parameters,
            rows=_rows(list(materials.values())),
            steps=reporting.steps,
            loss_first=losses[0],
            loss_last=losses[-1],
            seconds=round(time.monotonic() - began, 3),
            tokens=reporting.tokens,
            memory_bytes=reporting.memory_bytes,
            notes=_notes(run),
            sha256=digest(run.adapter / "adapter_model.safetensors"),
            versions={name: importlib.metadata.version(name) for name in _LIBRARIES},
        )
    )


def _train_stage(
    run: RunFolder,
    recipe: ModuleType,
    stage: "recipe.Stage",  # type: ignore[name-defined]  # noqa: F821  # the module is loaded late
    tokenizer: object,
    longest: int,
    reporting: Reporting,
    done: Path,
    fingerprint: str,
) -> None:
    """One method, from its last checkpoint if there is one; where memory runs out, once more with half the batch."""
    require_same_base(stage.checkpoints, fingerprint)
    for attempt in range(2):
        try:
            trainer = recipe.make_trainer(Path(run.spec().base), stage, run.spec().parameters, tokenizer, longest, run.squeeze())
            trainer.add_callback(reporting.callback(stage.method))
            checkpoint = last_checkpoint(stage.checkpoints)
            trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
            break
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            squeeze = smaller(run.squeeze() or Squeeze(run.spec().parameters.batch, 1), at_least=2 if stage.method == "kto" else 1)
            if attempt or squeeze is None:
                raise TrainingError(
                    "There is too little memory for this training run, also with half the batch. Set learning.tuning.quantization to 4bit, "
                    "or lower learning.budget.tokens."
                ) from None
            run.note_squeeze(squeeze)
            shutil.rmtree(stage.checkpoints, ignore_errors=True)  # they count steps of the larger batch
        trainer = None
        gc.collect()
        recipe.free_memory()
    if _is_first():
        partial = done.with_name(f"{done.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        recipe.save_adapter(trainer, partial)
        partial.rename(done)
        shutil.rmtree(stage.checkpoints, ignore_errors=True)
    recipe.wait_for_all()  # the next method goes on from what the first process has just written


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, on the card or beside it; the library's own error is a RuntimeError that says so."""
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(words in str(error).lower() for words in ("out of memory", "can't allocate memory"))
    )


def smaller(squeeze: Squeeze, at_least: int) -> Squeeze | None:
    """Half the rows at once over twice as many batches, so that a step sees as many as before; None when that is fewer than may be."""
    batch = squeeze.batch // 2
    return Squeeze(batch, squeeze.accumulation * 2) if batch >= at_least else None


def require_same_base(checkpoints: Path, fingerprint: str) -> None:
    """Refuse to go on from checkpoints that were made on another base; where there are none yet, note which base it is."""
    note = checkpoints / "base.sha256"
    if note.exists() and note.read_text("ascii") != fingerprint:
        raise TrainingError(
            "The base model was changed since this training run began. Run the night again: it begins anew on the new base."
        )
    checkpoints.mkdir(parents=True, exist_ok=True)
    note.write_text(fingerprint, "ascii")


def _rows(materials: Sequence[Material]) -> dict[str, int]:
    """What was learned from, by kind; a row that two methods learn from counts once."""
    rows: dict[str, int] = {"liked": 0, "disliked": 0}
    for material in materials:
        rows |= {kind: max(rows.get(kind, 0), count) for kind, count in material.counts.items()}
    return rows | {"left_out": max(material.left_out for material in materials)}


def _notes(run: RunFolder) -> list[str]:
    squeeze = run.squeeze()
    if squeeze is None:
        return []
    return [
        f"Memory ran out, and it was trained with {squeeze.batch} rows at once and a step after every {squeeze.accumulation} such batches."
    ]


def _is_first() -> bool:
    """Whether this is the only training process, or the first of those that a launcher started."""
    return os.environ.get("RANK", "0") == "0"


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
    wanted = _ENVIRONMENT if "RANK" in environ else {**_ENVIRONMENT, **_ONE_CARD}
    os.environ.update({name: value for name, value in wanted.items() if name not in environ})
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


def _failed(run: RunFolder, sentence: str, *, final: bool = False) -> int:
    traceback.print_exc(file=sys.stdout)
    run.fail(sentence, final=final)
    if final:  # nothing of it is to be gone on from
        shutil.rmtree(run.checkpoints, ignore_errors=True)
        shutil.rmtree(run.stages, ignore_errors=True)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
