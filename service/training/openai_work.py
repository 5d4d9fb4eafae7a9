"""What was made at a host of fine-tuning so far: noted right after each step, so that nothing is made twice."""

import time
from collections.abc import Callable, Iterable
from typing import NoReturn

import msgspec
from msgspec import Struct

from service.errors import TrainingStopped
from service.training.base import Method, Progress, RunSpec
from service.training.folder import RunFolder, write_whole
from service.training.openai_curve import Point


class JobState(Struct, kw_only=True):
    """What was made for one method so far: the ids of files and job, and the name of the model when there is one.

    `began` is when the job was made (seconds since 1970), and before that when it was first thought of.
    """

    began: float
    files: dict[str, str] = {}
    job: str | None = None
    model: str | None = None
    tokens: int | None = None
    checkpoints: list[str] = []


class State(Struct, kw_only=True):
    """A run: its jobs by method, how many rows were sent by kind, and sentences for the receipt.

    `flagged` has the places of the rows that moderation flagged, by method and side.
    """

    jobs: dict[str, JobState] = {}
    rows: dict[str, int] = {}
    flagged: dict[str, list[int]] = {}
    notes: list[str] = []


class Work:
    """One run: its folder, what was made for it so far, and whom to tell."""

    def __init__(self, run: RunFolder, spec: RunSpec, report: Callable[[Progress], None], is_stopped: Callable[[], bool]) -> None:
        self.run = run
        self.spec = spec
        self.is_stopped = is_stopped
        self.lines = run.progress_after(0)[0]
        self._report = report
        self._file = run.path / "job.json"
        self.state = msgspec.json.decode(self._file.read_bytes(), type=State) if self._file.exists() else State()

    def job(self, method: Method) -> JobState:
        """What was made for this method."""
        if method not in self.state.jobs:
            self.state.jobs[method] = JobState(began=time.time())
            self.save()
        return self.state.jobs[method]

    def save(self) -> None:
        """Note it, whole or not at all."""
        write_whole(self._file, msgspec.json.encode(self.state))

    def note(self, sentence: str) -> None:
        """Keep a sentence for the receipt, once."""
        if sentence not in self.state.notes:
            self.state.notes.append(sentence)

    def go_on(self) -> None:
        """Raise `TrainingStopped` when a person asked for the end."""
        if self.is_stopped():
            self.end_for_good("")

    def end_for_good(self, more: str) -> NoReturn:
        """A person's word: this run is not taken up again. `more` is a sentence to add, or nothing."""
        sentence = f"Training was stopped by a person.{more}"
        self.run.fail(sentence, final=True)
        raise TrainingStopped(sentence)

    def tell(self, method: Method, points: Iterable[Point]) -> None:
        """Report every step once, also when another process reported the ones before; steps count on over the methods."""
        earlier = self.spec.methods[: self.spec.methods.index(method)]
        passed = max((line.step for line in self.lines if line.method in earlier), default=0)
        latest = max((line.step for line in self.lines if line.method == method), default=passed)
        for point in sorted(points, key=lambda each: each.step):
            step = passed + point.step
            if step > latest:
                latest = step
                seconds = round(time.time() - self.job(method).began, 3)
                steps = passed + max(point.step, point.steps or 0)
                progress = Progress(method=method, step=step, steps=steps, loss=point.loss, seconds=seconds)
                self.run.add_progress(progress)
                self.lines.append(progress)
                self._report(progress)
