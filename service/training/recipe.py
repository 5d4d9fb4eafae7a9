"""What the training library (TRL, PEFT) is told: LoRA on every linear layer, small batches, nothing sent anywhere. Imports torch."""

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import datasets
import msgspec
import torch
import transformers
from peft import LoraConfig, PeftModel
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig
from trl import DPOConfig, DPOTrainer, KTOConfig, KTOTrainer, SFTConfig, SFTTrainer

from service.errors import TrainingError
from service.training.base import Method, Parameters, Schedule, count_parameters
from service.training.folder import Squeeze
from service.training.rows import Message, batch_size, label_weights
from service.training.stage import Material

_LARGE = 500_000_000  # weights from which memory is dearer than time
_LOGGED = 50  # lines of progress in a stage, about
_CHECKPOINTS = 10  # in a stage, about: what a crash can cost at most is a tenth of it
# The share of pairs whose thumbs were pressed by mistake, as assumed: clicks are noisy ("robust" DPO, Chowdhury et al. 2024).
_FLIPPED = 0.1


class Stage(NamedTuple):
    """One method of a run: what it learns from, and the adapter it goes on from, if it is not the first."""

    method: Method
    schedule: Schedule
    material: Material
    adapter: Path | None
    checkpoints: Path


def quieten() -> None:
    """Leave only errors in the log, and no caches on the disk."""
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    datasets.disable_progress_bars()
    datasets.disable_caching()


def load_tokenizer(base: Path, *, for_chat: bool = True) -> Any:
    """The tokenizer of the base; `TrainingError` when it cannot be read or has no chat template."""
    try:
        tokenizer = AutoTokenizer.from_pretrained(base)
    except (OSError, ValueError) as error:
        raise TrainingError(f"The base model {base} cannot be read: {first_line(error)}") from error
    if for_chat and not tokenizer.chat_template:
        raise TrainingError(f"The base model {base} has no chat template, so that it cannot be taught to chat.")
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def chat_counter(tokenizer: Any) -> Callable[[list[Message]], int]:
    """Counts the tokens of a chat as the template writes it."""
    return lambda messages: len(tokenizer.apply_chat_template(msgspec.to_builtins(messages), tokenize=True, return_dict=False))


def text_counter(tokenizer: Any) -> Callable[[str], int]:
    """Counts the tokens of plain text, with the one that ends it."""
    return lambda text: len(tokenizer(text)["input_ids"]) + 1


def longest_of(base: Path, parameters: Parameters) -> int:
    """How many tokens a row may have: what was asked for, if the base can read that many."""
    return int(min(parameters.max_length, getattr(AutoConfig.from_pretrained(base), "max_position_embeddings", parameters.max_length)))


def make_trainer(base: Path, stage: Stage, parameters: Parameters, tokenizer: Any, longest: int, squeeze: Squeeze | None) -> Any:
    """A trainer of the stage's method, ready to train its material in its order."""
    rows = len(stage.material.rows)
    usual = batch_size(rows, parameters.batch) if stage.method == "kto" else min(rows, parameters.batch)
    batch = min(squeeze.batch, usual) if squeeze else usual
    settings = _settings(base, stage, parameters, rows, longest, batch, squeeze.accumulation if squeeze else 1)
    kind, configured = _configured(stage, settings)
    trainer = kind(
        model=_load_model(base, parameters, stage.adapter),
        args=configured,
        train_dataset=datasets.Dataset.from_list(stage.material.columns()),
        processing_class=tokenizer,
        **({} if stage.adapter else {"peft_config": _adapter_settings(parameters)}),
    )
    trainer.remove_callback(transformers.PrinterCallback)
    return trainer


def save_adapter(trainer: Any, folder: Path) -> None:
    """Write the adapter's two files; `TrainingError` when it holds weights that are no numbers."""
    model = trainer.accelerator.unwrap_model(trainer.model)
    if not all(torch.isfinite(weight).all() for weight in model.parameters() if weight.requires_grad):
        raise TrainingError("Training went astray: the adapter holds weights that are not numbers. Try a lower learning rate.")
    # Only ours: KTO and DPO keep the adapter they began with beside it, to compare with.
    model.save_pretrained(folder, selected_adapters=["default"])
    (folder / "README.md").unlink(missing_ok=True)  # a model card with nothing in it


def free_memory() -> None:
    """Give back what the last attempt left on the card."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def wait_for_all() -> None:
    """Where several processes train, wait until all of them are here."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.barrier()


def card_memory() -> int | None:
    """The most bytes of the card that were in use so far; None where there is no card."""
    return int(torch.cuda.max_memory_allocated()) if torch.cuda.is_available() else None


def first_line(error: BaseException) -> str:
    """The first line of what a library had to say, as the end of a sentence."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".") + "."


def _load_model(base: Path, parameters: Parameters, adapter: Path | None) -> Any:
    options: dict[str, Any] = {"dtype": torch.bfloat16 if _half(base) else torch.float32}
    if parameters.quantization in {"8bit", "4bit"}:
        # 16 bits to compute in, also on a processor: the library's kernels for 4 bits know no better.
        options |= {"quantization_config": _quantised(parameters), "device_map": {"": 0 if torch.cuda.is_available() else "cpu"}}
    try:
        model = AutoModelForCausalLM.from_pretrained(base, **options)
    except (OSError, ValueError) as error:
        raise TrainingError(f"The base model {base} cannot be read: {first_line(error)}") from error
    model.config.use_cache = False
    return PeftModel.from_pretrained(model, str(adapter), is_trainable=True) if adapter else model


def _quantised(parameters: Parameters) -> Any:
    """QLoRA (Dettmers et al. 2023): NormalFloat of 4 bits, its constants quantised once more; or 8 bits."""
    if parameters.quantization == "8bit":
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=torch.bfloat16
    )


def _adapter_settings(parameters: Parameters) -> Any:
    return LoraConfig(
        r=parameters.rank,
        lora_alpha=parameters.alpha,
        lora_dropout=parameters.dropout,
        target_modules="all-linear",
        bias="none",
        task_type="CAUSAL_LM",
    )


def _configured(stage: Stage, settings: dict[str, Any]) -> tuple[Any, Any]:
    """The library's trainer for a method, and its settings."""
    match stage.method:
        case "kto":
            desirable, undesirable = label_weights(*stage.material.labels)
            weights = {"desirable_weight": desirable, "undesirable_weight": undesirable}
            return KTOTrainer, KTOConfig(**settings, **weights, **_reference(), beta=stage.schedule.beta)
        case "dpo":
            loss = {"loss_type": ["robust"], "label_smoothing": _FLIPPED}
            return DPOTrainer, DPOConfig(**settings, **loss, **_reference(), beta=stage.schedule.beta)
    return SFTTrainer, SFTConfig(**settings)


def _reference() -> dict[str, bool]:
    """What the base thinks of each row is asked once, not once an epoch: a sixth of the time saved.

    Not where several processes train: the library keeps the answers in a folder of the first one's own.
    """
    return {"precompute_ref_log_probs": "RANK" not in os.environ}


def _half(base: Path) -> bool:
    return count_parameters(base) >= _LARGE and torch.cuda.is_available() and torch.cuda.is_bf16_supported()


def _settings(base: Path, stage: Stage, parameters: Parameters, rows: int, longest: int, batch: int, accumulation: int) -> dict[str, Any]:
    steps = math.ceil(rows / (batch * accumulation)) * stage.schedule.epochs
    checkpointing = parameters.gradient_checkpointing
    return {
        "output_dir": str(stage.checkpoints),
        "learning_rate": stage.schedule.learning_rate,
        "lr_scheduler_type": "linear",
        "warmup_steps": steps // 20,
        "num_train_epochs": stage.schedule.epochs,
        "per_device_train_batch_size": batch,
        "gradient_accumulation_steps": accumulation,
        "max_length": longest,
        "seed": parameters.seed,
        "use_cpu": not torch.accelerator.is_available(),
        "bf16": _half(base),
        "gradient_checkpointing": count_parameters(base) >= _LARGE if checkpointing is None else checkpointing,
        "logging_steps": max(1, steps // _LOGGED),
        "logging_first_step": True,
        "logging_nan_inf_filter": False,  # by default a loss that is not a number is logged as the one before it
        "save_steps": math.ceil(steps / _CHECKPOINTS),
        "save_total_limit": 2,
        "report_to": "none",
        "disable_tqdm": True,
    }
