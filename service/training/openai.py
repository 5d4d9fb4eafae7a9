"""Trains at OpenAI, or at any host that speaks its fine-tuning API: rows checked and moderated, uploaded, one job for each method.

Nothing is paid for twice. The SDK sends no idempotency key and would repeat a lost call, so calls that create something are never repeated
by it; each thing carries the run's id, as a file's name or in a job's metadata, and is looked for before another one is made. What was made
is noted in `job.json` of the run's folder right away.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import openai
import structlog
from openai import OpenAI, omit

from service.errors import TrainingError, TrainingStopped
from service.training.base import Estimate, Method, Progress, RunSpec, Trained, Trainer
from service.training.folder import RunFolder
from service.training.openai_account import OPENAI, check_account, price_of, told
from service.training.openai_rows import WireRow, check_rows, read_wire_rows
from service.training.openai_work import JobState, Work

_ENDED = {"succeeded", "failed", "cancelled"}  # every other status, known today or not, is one to wait in
_MOST_PAUSE = 60.0
_TRIES = 3
_MODERATED_AT_ONCE = 32
_FILE_SECONDS = 1800.0
_KINDS: dict[Method, str] = {"sft": "supervised", "dpo": "dpo"}

log = structlog.get_logger()


class OpenAITrainer(Trainer):
    """One account at one host. `pause` is how many seconds lie between two looks at a job; it grows up to a minute."""

    def __init__(self, base_url: str, key: str, *, minutes: float, dollars: float, pause: float = 5.0) -> None:
        # Two attempts more for what only asks; what creates something is asked once (`_once`).
        self._client = OpenAI(base_url=base_url, api_key=key or "none", max_retries=2, timeout=120)
        self._once = self._client.with_options(max_retries=0)
        self._host = base_url
        self._minutes = minutes
        self._dollars = dollars
        self._pause = pause
        self._leaving = False

    def estimate(self, spec: RunSpec) -> Estimate:
        """See `Trainer.estimate`. Asks the account for the base, and counts what would be sent."""
        _check_methods(spec)
        check_account(self._client, spec.base)
        tokens = 0
        for method in spec.methods:
            rows = read_wire_rows(method, Path(spec.dataset))
            check_rows(rows, method)
            tokens += sum(row.tokens for row in rows) * spec.schedules[method].epochs
        price = price_of(spec.base, tokens, self._host)
        if price is None and not self._dollars:
            raise TrainingError(f"Nobody told the price of training {spec.base}, and learning.budget.dollars is 0. Allow it something.")
        if price is not None and price > self._dollars:
            raise TrainingError(
                f"Training would cost about ${price:.2f}, and learning.budget.dollars is {self._dollars:g}. Raise it, or lower "
                "learning.budget.samples."
            )
        cost = f"about ${price:.2f}" if price is not None else "at a price we do not know"
        words = f"{' then '.join(spec.methods).upper()} of {spec.base} on about {tokens} tokens, {cost}."
        return Estimate(words=words, tokens=tokens, dollars=price)

    def train(
        self, folder: Path, spec: RunSpec, report: Callable[[Progress], None], is_stopped: Callable[[], bool] = lambda: False
    ) -> Trained:
        """See `Trainer.train`. Killed at any moment and called again, it goes on with the files and the job it made."""
        run = RunFolder(folder)
        run.accept(spec)
        if sentence := run.error(final=True):
            raise TrainingError(sentence)
        _check_methods(spec)
        work = Work(run, spec, report, is_stopped)
        base = spec.base
        for method in spec.methods:
            base = self._train_one(work, method, base)
        tokens = sum(job.tokens or 0 for job in work.state.jobs.values())
        losses = [line.loss for line in run.progress_after(0)[0] if line.loss is not None]
        return Trained(
            adapter=None,
            model=base,
            methods=spec.methods,
            steps=max((line.step for line in run.progress_after(0)[0]), default=0),
            rows=work.counts,
            loss_first=losses[0] if losses else None,
            loss_last=losses[-1] if losses else None,
            seconds=round(time.time() - min(job.began for job in work.state.jobs.values()), 3),
            tokens=tokens or None,
            dollars=price_of(spec.base, tokens, self._host),
            notes=work.state.notes,
        )

    def stop(self) -> None:
        """See `Trainer.stop`. The job goes on where it is; the next call finds it."""
        self._leaving = True

    def _train_one(self, work: Work, method: Method, base: str) -> str:
        """One method: rows, files, job, model. The files are deleted however it ends, unless it is to be gone on with."""
        job = work.job(method)
        if job.model:
            return job.model
        try:
            model = self._run_job(work, method, base, job)
        except _Leaving as error:
            raise TrainingError("Training was left as it is; the job goes on, and the night finds it again.") from error
        except TrainingError:
            self._clean_up(job)
            work.save()
            raise
        self._clean_up(job)
        job.model = model
        work.save()
        return model

    def _run_job(self, work: Work, method: Method, base: str, job: JobState) -> str:
        if job.job is None:
            found = self._find_job(work.spec.run_id, method)
            job.job = found.id if found else None
            work.save()
        if job.job is None:
            rows = self._moderate(work, method, read_wire_rows(method, Path(work.spec.dataset)))
            check_rows(rows, method)
            work.counts["liked" if method == "sft" else "pairs"] = len(rows)
            self._upload(work, job, method, "train", rows)
            held = read_wire_rows(method, Path(work.spec.dataset), holdout=True)
            if held:
                self._upload(work, job, method, "validation", held)
            job.job = self._create(work, method, base, job)
            work.save()
        return self._wait(work, method, job)

    def _moderate(self, work: Work, method: Method, rows: Sequence[WireRow]) -> list[WireRow]:
        """The rows without those that the host's moderation flags; what it flagged is counted and never quoted."""
        if method not in work.state.flagged:
            flagged: list[int] = []
            try:
                with told("moderate the rows"):
                    for start in range(0, len(rows), _MODERATED_AT_ONCE):
                        texts = [row.text for row in rows[start : start + _MODERATED_AT_ONCE]]
                        results = self._client.moderations.create(input=texts).results
                        flagged += [start + place for place, result in enumerate(results) if result.flagged]
            except TrainingError as error:
                if OPENAI in self._host or not isinstance(error.__cause__, openai.NotFoundError):
                    raise
                work.state.notes.append("This host has no moderation, so the rows were sent without.")
            if flagged:
                work.state.notes.append(f"Moderation flagged {len(flagged)} of {len(rows)} rows, which were left out.")
            work.state.flagged[method] = flagged
            work.save()
        left_out = set(work.state.flagged[method])
        return [row for place, row in enumerate(rows) if place not in left_out]

    def _upload(self, work: Work, job: JobState, method: Method, side: str, rows: Sequence[WireRow]) -> None:
        if side in job.files:
            return
        name = f"attune-{work.spec.run_id}-{method}-{side}.jsonl"
        content = b"".join(row.line + b"\n" for row in rows)
        file = self._find_file(name) or self._create_file(name, content)
        job.files[side] = file
        work.save()
        self._await_file(file)

    def _find_file(self, name: str) -> str | None:
        with told("list its files"):
            return next((file.id for file in self._client.files.list(purpose="fine-tune") if file.filename == name), None)

    def _create_file(self, name: str, content: bytes) -> str:
        def create() -> str:
            return self._once.files.create(file=(name, content), purpose="fine-tune").id

        return self._make(create, lambda: self._find_file(name), "take the rows")

    def _await_file(self, file: str) -> None:
        deadline = time.monotonic() + _FILE_SECONDS
        while True:
            with told("look at the rows"):
                status = self._client.files.retrieve(file).status
            if status == "error":
                raise TrainingError("The host could not read the rows it was sent. See its account page for the reason.")
            if status == "processed" or time.monotonic() > deadline:
                return
            self._sleep(self._pause)

    def _find_job(self, run_id: str, method: Method) -> Any:
        """The job of this run and method. A host may not know the filter, so what comes back is looked at."""
        with told("list its jobs"):
            for job in self._client.fine_tuning.jobs.list(metadata={"run_id": run_id}, limit=100):
                if (job.metadata or {}).get("run_id") == run_id and (job.metadata or {}).get("method") == method:
                    return job
        return None

    def _create(self, work: Work, method: Method, base: str, job: JobState) -> str:
        schedule = work.spec.schedules[method]
        settings: dict[str, Any] = {"n_epochs": schedule.epochs}
        if method == "dpo":
            settings["beta"] = schedule.beta
        kind = _KINDS[method]

        def create() -> str:
            return self._once.fine_tuning.jobs.create(
                model=base,
                training_file=job.files["train"],
                validation_file=job.files.get("validation") or omit,
                method={"type": kind, kind: {"hyperparameters": settings}},  # type: ignore[arg-type]
                suffix=(work.spec.name or "attune")[:64],
                seed=work.spec.parameters.seed,
                metadata={"run_id": work.spec.run_id, "method": method},
            ).id

        def find() -> str | None:
            found = self._find_job(work.spec.run_id, method)
            return found.id if found else None

        return self._make(create, find, "create the job")

    def _make(self, create: Callable[[], str], find: Callable[[], str | None], what: str) -> str:
        """Create something once: where an answer was lost it may be there all the same, so it is looked for before the next attempt."""
        for attempt in range(_TRIES):
            try:
                return create()
            except (openai.APIConnectionError, openai.InternalServerError) as error:
                self._sleep(self._pause)
                if found := find():
                    return found
                if attempt == _TRIES - 1:
                    with told(what):
                        raise error
            except openai.APIStatusError as error:
                with told(what):
                    raise error
        raise AssertionError("every attempt returns or raises")

    def _wait(self, work: Work, method: Method, job: JobState) -> str:
        """Until the job has ended, one way or another; its model."""
        assert job.job is not None
        pause = self._pause
        while True:
            with told("look at the job"):
                found = self._client.fine_tuning.jobs.retrieve(job.job)
                work.tell(method, _metrics(self._client, job.job))
            if found.status in _ENDED:
                job.tokens = found.trained_tokens
                job.checkpoints = self._checkpoints(job.job) if found.status == "succeeded" else []
                return _model_of(found)
            if work.is_stopped():
                self._cancel(job.job)
                work.run.fail("Training was stopped by a person.", final=True)
                raise TrainingStopped("Training was stopped by a person.")
            if time.time() - job.began > self._minutes * 60:
                self._cancel(job.job)
                raise TrainingError(
                    f"Training was ended after {self._minutes:g} minutes, its whole budget; the job was '{found.status}'. Raise "
                    "learning.budget.minutes: hosts let jobs wait."
                )
            self._sleep(pause)
            pause = min(pause * 1.5, _MOST_PAUSE) if self._pause >= 1 else pause

    def _checkpoints(self, job: str) -> list[str]:
        with told("list the checkpoints"):
            return [each.fine_tuned_model_checkpoint for each in self._client.fine_tuning.jobs.checkpoints.list(job)]

    def _cancel(self, job: str) -> None:
        try:
            self._client.fine_tuning.jobs.cancel(job)
        except openai.OpenAIError as error:
            log.warning("job_not_cancelled", job=job, error=type(error).__name__)

    def _clean_up(self, job: JobState) -> None:
        """People's words do not stay at the host longer than they are needed."""
        for side, file in list(job.files.items()):
            try:
                self._client.files.delete(file)
                del job.files[side]
            except openai.NotFoundError:
                del job.files[side]
            except openai.OpenAIError as error:
                log.warning("file_not_deleted", file=file, error=type(error).__name__)

    def _sleep(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self._leaving:
                raise _Leaving
            time.sleep(min(0.2, max(0.0, end - time.monotonic())))


class _Leaving(Exception):
    """The process ends; the job does not."""


def _check_methods(spec: RunSpec) -> None:
    if other := [method for method in spec.methods if method not in _KINDS]:
        raise TrainingError(
            f"This host trains SFT and DPO, and not {other[0].upper()}. Set learning.method to sft or dpo, or learning.trainer to local."
        )


def _metrics(client: OpenAI, job: str) -> Iterator[dict[str, Any]]:
    for event in client.fine_tuning.jobs.list_events(job, limit=100):
        data = event.data
        if event.type == "metrics" and isinstance(data, dict) and data.get("step") is not None:
            yield data


def _model_of(job: Any) -> str:
    """The model of a job that succeeded; `TrainingError` saying why there is none."""
    if job.status == "succeeded" and job.fine_tuned_model:
        return str(job.fine_tuned_model)
    if job.status == "succeeded":
        raise TrainingError("The job succeeded and named no model: the host may have blocked it after its own safety checks.")
    if job.status == "cancelled":
        raise TrainingError("The job was cancelled at the host. Run the night again to begin anew.")
    code, words = (getattr(job.error, name, None) or "not said" for name in ("code", "message"))
    raise TrainingError(f"The job failed at the host ({code}): {str(words).strip().rstrip('.')}.")
