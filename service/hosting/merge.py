"""Writes an adapter into its base: `python -m service.hosting.merge BASE ADAPTER OUT`, folders all three.

Imports torch: run it, do not import it.
The embedded engine loads no adapters, only whole models. OUT is there when it is whole; an OUT that is there is left as it is.
"""

import fcntl
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import transformers
from peft import PeftModel
from safetensors import safe_open
from transformers import AutoModelForCausalLM

_LEFT_BEHIND = (".safetensors", ".safetensors.index.json", ".bin", ".bin.index.json", "README.md")  # weights, and what is said of them


def main(arguments: Sequence[str]) -> None:
    """Merge, one merge at a time among the neighbours of OUT."""
    base, adapter, out = (Path(argument).absolute() for argument in arguments)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    out.parent.mkdir(parents=True, exist_ok=True)
    with _alone_in(out.parent):
        if not out.exists():
            partial = out.with_name(out.name + ".partial")
            shutil.rmtree(partial, ignore_errors=True)
            merge(base, adapter, partial)
            partial.rename(out)


def merge(base: Path, adapter: Path, out: Path) -> None:
    """Write the merged weights, stored as exactly as the base's are; tokenizer, template and settings of the base come along unchanged."""
    model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base, dtype="auto"), str(adapter))
    merged: Any = model.merge_and_unload(safe_merge=True)
    merged.to(stored_type(base)).save_pretrained(out)
    for file in base.iterdir():
        if file.is_file() and not file.name.endswith(_LEFT_BEHIND):
            shutil.copy2(file, out / file.name)


def stored_type(model: Path) -> torch.dtype:
    """The number format in a model's files; the one it names for computing may be another."""
    with safe_open(min(model.glob("*.safetensors")), framework="pt") as tensors:
        dtype: torch.dtype = tensors.get_tensor(next(iter(tensors.keys()))).dtype
    return dtype


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


if __name__ == "__main__":
    main(sys.argv[1:])
