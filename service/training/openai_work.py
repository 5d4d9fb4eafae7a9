"""What was made at a host of fine-tuning so far: noted right after each step, so that nothing is made twice."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from msgspec import Struct

from service.training.base import Method, Progress, RunSpec
from service.training.folder import RunFolder, write_whole


class JobState(Struct, kw_only=True):
    """What was made for one method so far: the ids of files and job, and the name of the model when there is one."""

    began: float
    files: dict[str, str] = {}
    job: str | None = None
    model: str | None = None
    tokens: int | None = None
    checkpoints: list[str] = []


class State(Struct, kw_only=True):
    """A run: its jobs by method, the places of the rows that moderation flagged, and sentences for the receipt."""

    jobs: dict[str, JobState] = {}
    flagged: dict[str, list[int]] = {}
    notes: list[str] = []


class Work:
    """One run: its folder, what was made for it so far, and whom to tell."""

    def __init__(self, run: RunFolder, spec: RunSpec, report: Callable[[Progress], None], is_stopped: Callable[[], bool]) -> None:
        self.run = run
        self.spec = spec
        self.is_stopped = is_stopped
        self.counts: dict[str, int] = {}
        self._report = report
        self._file = run.path / "job.json"
        self.state = msgspec.json.decode(self._file.read_bytes(), type=State) if self._file.exists() else State()
        self._told = max((line.step for line in run.progress_after(0)[0]), default=0)
        self._passed = 0

    def job(self, method: Method) -> JobState:
        """What was made for this method."""
        if method not in self.state.jobs:
            self.state.jobs[method] = JobState(began=time.time())
            self.save()
        return self.state.jobs[method]

    def save(self) -> None:
        """Note it, whole or not at all."""
        write_whole(self._file, msgspec.json.encode(self.state))

    def tell(self, method: Method, metrics: Iterator[dict[str, Any]]) -> None:
        """Report every step once, also when another process reported the ones before."""
        for point in sorted(metrics, key=lambda each: int(each["step"])):
            step = int(point["step"])
            if step > self._told:
                self._told = step
                loss = point.get("train_loss")
                progress = Progress(
                    method=method,
                    step=step,
                    steps=max(step, int(point.get("total_steps") or step)),
                    loss=None if loss is None else float(loss),
                )
                self.run.add_progress(progress)
                self._report(progress)
