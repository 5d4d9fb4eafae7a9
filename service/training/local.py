"""Trains on this machine, in a process of its own that outlives its caller: importing the training library takes seconds and gigabytes.

Whoever imports this file loads no torch.
"""

import importlib.util
import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from service.errors import TrainingError, TrainingStopped
from service.training.base import Estimate, Parameters, Progress, RunSpec, Trained, Trainer
from service.training.folder import Holder, RunFolder
from service.training.launcher import training_command
from service.training.machine import look
from service.training.preflight import read_shape, settle
from service.training.stage import measure_load

ALREADY_TRAINING = 75  # the exit code of a training process that found another one at work (EX_TEMPFAIL)

_POLL_SECONDS = 0.2
_GRACE_SECONDS = 5.0
_MOST_STARTS = 3  # in one call: a process that dies of itself twice more would die for ever


class LocalTrainer(Trainer):
    """Starts `python -m service.training.lora FOLDER`, through a launcher if there is one, or attaches to the one that trains there
    already, and waits for it."""

    def __init__(self, budget_minutes: float = 120, launcher: str = "") -> None:
        self._budget_seconds = budget_minutes * 60
        self._launcher = launcher
        self._attempts: list[_Attempt] = []
        self._stopped = False

    def estimate(self, spec: RunSpec) -> Estimate:
        """See `Trainer.estimate`."""
        if importlib.util.find_spec("torch") is None:
            raise TrainingError("Training on this machine needs more packages (torch is missing): pip install 'attune[local]'.")
        return _settled(spec, Path(spec.dataset))[1]

    def train(
        self, folder: Path, spec: RunSpec, report: Callable[[Progress], None], is_stopped: Callable[[], bool] = lambda: False
    ) -> Trained:
        """See `Trainer.train`. Each attempt may take the budget; a process that was killed is started again, from its last checkpoint."""
        run = RunFolder(folder)
        run.accept(spec if run.is_accepted() else msgspec.structs.replace(spec, parameters=_settled(spec, folder)[0]))
        if sentence := run.error(final=True):
            raise TrainingError(sentence)
        reader = _ProgressReader(run, report)
        starts = 0
        while (trained := run.trained()) is None:
            attempt = _Attempt(run, self._launcher)
            starts += attempt.is_ours
            self._wait(run, attempt, reader, is_stopped)
            _raise_if_final(run, attempt, can_start_again=starts < _MOST_STARTS)
        reader.read()
        return trained

    def stop(self) -> None:
        """End every training process this trainer waits for; each `train` then raises `TrainingError`. Meant for a signal handler too."""
        self._stopped = True
        for attempt in list(self._attempts):
            attempt.end()

    def _wait(self, run: RunFolder, attempt: "_Attempt", reader: "_ProgressReader", is_stopped: Callable[[], bool]) -> None:
        self._attempts.append(attempt)
        try:
            while attempt.is_alive():
                reader.read()
                if self._stopped:
                    attempt.end()
                if is_stopped():
                    _end_for_good(run, attempt)
                if time.time() - attempt.started > self._budget_seconds:
                    attempt.end()
                    raise TrainingError(f"Training was ended after {self._budget_seconds / 60:g} minutes, its whole budget.")
                time.sleep(_POLL_SECONDS)
        finally:
            self._attempts.remove(attempt)
        if self._stopped:
            raise TrainingError("Training was stopped; started again, it goes on from its last checkpoint.")


class _Attempt:
    """One training process, started by us or found at work; in a session of its own, so that its process group is its own too."""

    def __init__(self, run: RunFolder, launcher: str) -> None:
        self._run = run
        self._found: Holder | None = run.holder()
        self._process: subprocess.Popen[bytes] | None = None if self._found else _start(run, launcher)
        self.is_ours = self._process is not None
        self.started = self._found.started if self._found else time.time()

    @property
    def exit_code(self) -> int | None:
        """None while it runs and for one that was not ours; negative when a signal killed it."""
        return self._process.poll() if self._process else None

    def is_alive(self) -> bool:
        return self._process.poll() is None if self._process else self._run.holder() == self._found

    def end(self) -> None:
        """Ask the process group to end, and after a moment make it."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            deadline = time.monotonic() + _GRACE_SECONDS
            self._signal(number)
            while self.is_alive() and time.monotonic() < deadline:
                time.sleep(0.05)

    def _signal(self, number: int) -> None:
        pid = self._process.pid if self._process else self._found.pid if self._found else None
        if pid is not None and self.is_alive():
            with suppress(ProcessLookupError):
                os.killpg(pid, number)


class _ProgressReader:
    """Reports each line of progress once."""

    def __init__(self, run: RunFolder, report: Callable[[Progress], None]) -> None:
        self._run = run
        self._report = report
        self._offset = 0

    def read(self) -> None:
        lines, self._offset = self._run.progress_after(self._offset)
        for progress in lines:
            self._report(progress)


def _settled(spec: RunSpec, folder: Path) -> tuple[Parameters, Estimate]:
    """What fits on this machine, as it is now."""
    return settle(spec, read_shape(Path(spec.base)), measure_load(spec), look(folder))


def _end_for_good(run: RunFolder, attempt: _Attempt) -> None:
    """A person's word: the file reaches a process that a launcher put somewhere else, the signal one that does not look."""
    run.ask_stop()
    attempt.end()
    sentence = "Training was stopped by a person."
    run.fail(sentence, final=True)
    raise TrainingStopped(sentence)


def _start(run: RunFolder, launcher: str) -> subprocess.Popen[bytes]:
    command = training_command(launcher, "service.training.lora", [str(run.path)])
    run.forget_error()
    with run.log.open("ab") as log:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _raise_if_final(run: RunFolder, attempt: _Attempt, *, can_start_again: bool) -> None:
    """After a process ended without a result: return when it should be started again or attached to, raise `TrainingError` otherwise."""
    code = attempt.exit_code
    if run.trained() or code == ALREADY_TRAINING:
        return
    if sentence := run.error():
        raise TrainingError(sentence)
    if code is not None and code >= 0:
        raise TrainingError(f"The training process ended without a result (exit code {code}): {run.last_words()}")
    if not can_start_again:
        raise TrainingError(f"The training process was killed {_MOST_STARTS} times, perhaps for want of memory; its log is {run.log}.")
