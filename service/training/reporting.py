"""What a training process tells while it trains: a line of progress for each logged step, and an end as soon as it goes astray.

No torch here: the training library calls by name (`TrainerCallback`), and any object will do that has the methods.
"""

import math
import time
from collections.abc import Callable, Mapping
from typing import Any

import psutil

from service.errors import TrainingError, TrainingStopped
from service.training.base import Method, Progress, RunSpec
from service.training.folder import RunFolder
from service.training.stage import Material


class Astray(TrainingError):
    """The loss is no number any more: nothing of the run may be used, and another attempt would end alike."""

    code = "training_astray"


class Reporting:
    """Counts steps over all methods of a run and writes where it stands."""

    def __init__(self, run: RunFolder, materials: Mapping[Method, Material], spec: RunSpec, card_memory: Callable[[], int | None]) -> None:
        self.tokens = 0
        self.memory_bytes = 0
        self._run = run
        self._spec = spec
        self._card_memory = card_memory
        self._began = time.monotonic()
        self._expected = {method: _expected(len(materials[method].rows), spec, method) for method in spec.methods}
        self._passed = 0
        self._tokens_passed = 0
        self._first_step: int | None = None

    @property
    def steps(self) -> int:
        """Steps over all methods, as far as is known."""
        return self._passed + sum(self._expected.values())

    def pass_stage(self, method: Method) -> None:
        """This method is done with."""
        self._passed += self._expected.pop(method)
        self._tokens_passed = self.tokens

    def losses(self) -> list[float]:
        """Every loss that was reported in this run, in whatever attempt."""
        lines, _ = self._run.progress_after(0)
        return [line.loss for line in lines if line.loss is not None] or [math.nan]

    def callback(self, method: Method) -> Any:
        """What the training library calls."""
        from transformers import TrainerCallback  # noqa: PLC0415 - the one who asks has torch

        reporting = self

        class Reporter(TrainerCallback):  # type: ignore[misc]
            def on_step_end(self, _args: Any, state: Any, _control: Any, **_others: Any) -> None:
                if reporting._run.stop_asked():
                    raise TrainingStopped("Training was stopped by a person.")

            def on_log(self, _args: Any, state: Any, _control: Any, logs: dict[str, float], **_others: Any) -> None:
                if "loss" in logs and state.is_world_process_zero:
                    reporting._expected[method] = state.max_steps
                    reporting._note(method, state.global_step, logs)

        return Reporter()

    def _note(self, method: Method, step: int, logs: Mapping[str, float]) -> None:
        if not math.isfinite(logs["loss"]) or not math.isfinite(logs.get("grad_norm", 0.0)):
            raise Astray(f"Training went astray: the loss at step {step} was not a number. Try a lower learning rate.")
        seconds = time.monotonic() - self._began
        at = self._passed + step
        self._first_step = at if self._first_step is None else self._first_step
        done = at - self._first_step
        self.tokens = max(self.tokens, self._tokens_passed + int(logs.get("num_tokens", 0)))
        memory = self._card_memory() or psutil.Process().memory_info().rss
        self.memory_bytes = max(self.memory_bytes, memory)
        self._run.add_progress(
            Progress(
                method=method,
                step=at,
                steps=self.steps,
                loss=logs["loss"],
                learning_rate=logs["learning_rate"],
                seconds=round(seconds, 3),
                tokens_per_second=round(self.tokens / seconds, 1) if self.tokens and seconds else None,
                eta_seconds=round(seconds / done * (self.steps - at), 1) if done else None,
                memory_bytes=memory,
            )
        )


def _expected(rows: int, spec: RunSpec, method: Method) -> int:
    return math.ceil(rows / spec.parameters.batch) * spec.schedules[method].epochs
