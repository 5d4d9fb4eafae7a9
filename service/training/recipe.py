"""What the training library (TRL, PEFT) is told: LoRA on every linear layer, small batches, nothing sent anywhere. Imports torch."""

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import datasets
import msgspec
import torch
import transformers
from peft import LoraConfig
from transformers import AutoConfig, AutoTokenizer, TrainerCallback
from trl import KTOConfig, KTOTrainer, SFTConfig, SFTTrainer

from service.errors import TrainingError
from service.training.base import Parameters, Progress, RunSpec, count_parameters
from service.training.rows import Message, Row, batch_size, count_labels, label_weights

_LARGE = 500_000_000  # weights from which memory is dearer than time
_LOGGED = 50  # lines of progress in a run, about
_CHECKPOINTS = 10  # in a run, about: what a crash can cost at most is a tenth of it


def quieten() -> None:
    """Leave only errors in the log, and no caches on the disk."""
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    datasets.disable_progress_bars()
    datasets.disable_caching()


def load_tokenizer(base: Path) -> Any:
    """The tokenizer of the base; `TrainingError` when it cannot be read or has no chat template."""
    try:
        tokenizer = AutoTokenizer.from_pretrained(base)
    except (OSError, ValueError) as error:
        raise TrainingError(f"The base model {base} cannot be read: {first_line(error)}") from error
    if not tokenizer.chat_template:
        raise TrainingError(f"The base model {base} has no chat template, so that it cannot be taught to chat.")
    return tokenizer


def token_counter(tokenizer: Any) -> Callable[[list[Message]], int]:
    """Counts the tokens of a chat as the template writes it."""
    return lambda messages: len(tokenizer.apply_chat_template(msgspec.to_builtins(messages), tokenize=True, return_dict=False))


def longest_of(base: Path, parameters: Parameters) -> int:
    """How many tokens a row may have: what was asked for, if the base can read that many."""
    return int(min(parameters.max_length, getattr(AutoConfig.from_pretrained(base), "max_position_embeddings", parameters.max_length)))


def make_trainer(spec: RunSpec, rows: Sequence[Row], tokenizer: Any, longest: int, checkpoints: Path) -> Any:
    """A trainer of the method asked for, ready to train `rows` in their order."""
    settings = _settings(spec, len(rows), longest, checkpoints)
    if spec.method == "kto":
        liked, disliked = count_labels(rows)
        desirable, undesirable = label_weights(liked, disliked)
        configured = KTOConfig(
            **settings,
            beta=spec.parameters.beta,
            desirable_weight=desirable,
            undesirable_weight=undesirable,
            precompute_ref_log_probs=True,  # what the base thinks of each row is asked once, not once an epoch: a sixth of the time saved
        )
        kind, columns = KTOTrainer, ["prompt", "completion", "label"]
    else:
        configured = SFTConfig(**settings)
        kind, columns = SFTTrainer, ["prompt", "completion"]
    trainer = kind(
        model=spec.base,
        args=configured,
        train_dataset=datasets.Dataset.from_list([{name: msgspec.to_builtins(getattr(row, name)) for name in columns} for row in rows]),
        processing_class=tokenizer,
        peft_config=_adapter_settings(spec.parameters),
    )
    trainer.remove_callback(transformers.PrinterCallback)
    return trainer


def report_to(trainer: Any, report: Callable[[Progress], None]) -> None:
    """Have every logged step reported, and training end with `TrainingError` as soon as it has gone astray."""
    began = time.monotonic()

    class Reporter(TrainerCallback):  # type: ignore[misc]
        def on_log(self, _args: Any, state: Any, _control: Any, logs: dict[str, float], **_others: Any) -> None:
            if "loss" not in logs:
                return
            if not math.isfinite(logs["loss"]) or not math.isfinite(logs.get("grad_norm", 0.0)):
                raise TrainingError(
                    f"Training went astray: the loss at step {state.global_step} was not a number. Try a lower learning rate."
                )
            report(
                Progress(
                    step=state.global_step,
                    steps=state.max_steps,
                    loss=logs["loss"],
                    learning_rate=logs["learning_rate"],
                    seconds=round(time.monotonic() - began, 3),
                )
            )

    trainer.add_callback(Reporter())


def run_trainer(trainer: Any, checkpoint: Path | None) -> list[float]:
    """Train to the end, from `checkpoint` if there is one; return the logged losses. `TrainingError` when memory ran out."""
    try:
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    except torch.OutOfMemoryError as error:
        raise TrainingError("The GPU has too little memory for this training run; lower batch or max_length.") from error
    return [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]


def save_adapter(trainer: Any, folder: Path) -> None:
    """Write the adapter's two files; `TrainingError` when it holds weights that are no numbers."""
    model = trainer.accelerator.unwrap_model(trainer.model)
    if not all(torch.isfinite(weight).all() for weight in model.parameters() if weight.requires_grad):
        raise TrainingError("Training went astray: the adapter holds weights that are not numbers. Try a lower learning rate.")
    model.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)  # a model card with nothing in it


def first_line(error: BaseException) -> str:
    """The first line of what a library had to say, as the end of a sentence."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".") + "."


def _adapter_settings(parameters: Parameters) -> Any:
    return LoraConfig(
        r=parameters.rank,
        lora_alpha=parameters.alpha,
        lora_dropout=parameters.dropout,
        target_modules="all-linear",
        bias="none",
        task_type="CAUSAL_LM",
    )


def _settings(spec: RunSpec, rows: int, longest: int, checkpoints: Path) -> dict[str, Any]:
    parameters = spec.parameters
    batch = batch_size(rows, parameters.batch)
    steps = math.ceil(rows / batch) * parameters.epochs
    large = count_parameters(Path(spec.base)) >= _LARGE
    half = large and torch.cuda.is_available() and torch.cuda.is_bf16_supported()
    return {
        "output_dir": str(checkpoints),
        "learning_rate": parameters.learning_rate,
        "lr_scheduler_type": "linear",
        "warmup_steps": steps // 20,
        "num_train_epochs": parameters.epochs,
        "per_device_train_batch_size": batch,
        "max_length": longest,
        "seed": parameters.seed,
        "use_cpu": not torch.accelerator.is_available(),
        "bf16": half,
        "model_init_kwargs": {"dtype": "bfloat16" if half else "float32"},
        "gradient_checkpointing": large,
        "logging_steps": max(1, steps // _LOGGED),
        "logging_first_step": True,
        "logging_nan_inf_filter": False,  # by default a loss that is not a number is logged as the one before it
        "save_steps": math.ceil(steps / _CHECKPOINTS),
        "save_total_limit": 2,
        "report_to": "none",
        "disable_tqdm": True,
    }
