"""Trains at OpenAI, or at any host that speaks its fine-tuning API: rows checked and moderated, uploaded, one job for each method.

Nothing is paid for twice. Each thing carries the run's id, as a file's name or in a job's metadata, and is looked for before another one is
made. What was made is noted in `job.json` of the run's folder right away.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from service.errors import TrainingError
from service.training.base import Estimate, Method, Progress, RunSpec, Trained, Trainer
from service.training.folder import RunFolder
from service.training.openai_account import OPENAI, check_account, price_of, told
from service.training.openai_calls import Calls, Leaving
from service.training.openai_files import await_file, delete_files, send_file
from service.training.openai_job import KINDS, await_model, create_job, find_job
from service.training.openai_rows import WireRow, check_rows, check_sizes, read_wire_rows
from service.training.openai_work import JobState, Work

_MODERATED_AT_ONCE = 32
_NO_SUCH_ROUTE = {404, 405, 501}


class OpenAITrainer(Trainer):
    """One account at one host. `pause` is how many seconds lie between two looks at a job; it grows up to a minute."""

    def __init__(self, base_url: str, key: str, *, minutes: float, dollars: float, pause: float = 5.0) -> None:
        self._url = base_url
        self._key = key
        self._minutes = minutes
        self._dollars = dollars
        self._pause = pause
        self._leaving = False

    def estimate(self, spec: RunSpec) -> Estimate:
        """See `Trainer.estimate`. Asks the account for the base, and counts what would be sent."""
        _check_methods(spec)
        with self._calls() as calls:
            check_account(calls.client, spec.base)
        tokens = 0
        for method in spec.methods:
            rows = read_wire_rows(method, Path(spec.dataset))
            check_rows(rows, method)
            tokens += sum(row.tokens for row in rows) * spec.schedules[method].epochs
        price = price_of(spec.base, tokens, self._url)
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
        model = spec.base
        with self._calls() as calls:
            for method in spec.methods:
                model = self._train_one(calls, work, method, model)
        tokens = sum(job.tokens or 0 for job in work.state.jobs.values())
        losses = [line.loss for line in work.lines if line.loss is not None]
        return Trained(
            adapter=None,
            model=model,
            methods=spec.methods,
            steps=max((line.step for line in work.lines), default=0),
            rows=work.state.rows,
            loss_first=losses[0] if losses else None,
            loss_last=losses[-1] if losses else None,
            seconds=round(time.time() - min(job.began for job in work.state.jobs.values()), 3),
            tokens=tokens or None,
            dollars=price_of(spec.base, tokens, self._url) if tokens else None,
            notes=work.state.notes,
        )

    def stop(self) -> None:
        """See `Trainer.stop`. The job goes on where it is; the next call finds it."""
        self._leaving = True

    def _calls(self) -> Calls:
        patience = self._minutes * 60
        return Calls(self._url, self._key, pause=self._pause, patience=patience, is_leaving=lambda: self._leaving)

    def _train_one(self, calls: Calls, work: Work, method: Method, base: str) -> str:
        """One method: rows, files, job, model. The files are deleted however it ends, unless it is to be gone on with."""
        job = work.job(method)
        try:
            if job.model is None:
                _begin(calls, work, method, base, job)
                job.model = await_model(calls, work, method, job, self._minutes)
                work.save()
        except Leaving as error:
            raise TrainingError("Training was left as it is; the job goes on, and the night finds it again.") from error
        except TrainingError:
            _tidy(calls, work, job)
            raise
        _tidy(calls, work, job)
        return job.model


def _begin(calls: Calls, work: Work, method: Method, base: str, job: JobState) -> None:
    """Make the job, or find it."""
    if job.job is None:
        job.job = find_job(calls, work.spec.run_id, method) or _create(calls, work, method, base, job)
        job.began = time.time()
        work.save()


def _create(calls: Calls, work: Work, method: Method, base: str, job: JobState) -> str:
    rows = _moderate(calls, work, f"{method}-train", read_wire_rows(method, Path(work.spec.dataset)))
    check_rows(rows, method)
    sent = {row.line for row in rows}
    held = [row for row in read_wire_rows(method, Path(work.spec.dataset), holdout=True) if row.line not in sent]
    work.state.rows["liked" if method == "sft" else "pairs"] = len(rows)
    for side, side_rows in (("train", rows), ("validation", _moderate(calls, work, f"{method}-validation", held))):
        if side_rows:
            _send(calls, work, job, f"attune-{work.spec.run_id}-{method}-{side}.jsonl", side, side_rows)
    work.go_on()
    return create_job(calls, work, method, base, job.files)


def _send(calls: Calls, work: Work, job: JobState, name: str, side: str, rows: Sequence[WireRow]) -> None:
    work.go_on()
    if side not in job.files:
        check_sizes(rows)
        job.files[side] = send_file(calls, name, b"".join(row.line + b"\n" for row in rows))
        work.save()
    await_file(calls, job.files[side])


def _moderate(calls: Calls, work: Work, part: str, rows: Sequence[WireRow]) -> list[WireRow]:
    """The rows without those that the host's moderation flags; what it flagged is counted and never quoted."""
    if part not in work.state.flagged:
        flagged: list[int] = []
        try:
            for start in range(0, len(rows), _MODERATED_AT_ONCE):
                work.go_on()
                with told("moderate the rows"):
                    texts = [row.text for row in rows[start : start + _MODERATED_AT_ONCE]]
                    results = calls.client.moderations.create(input=texts).results
                flagged += [start + place for place, result in enumerate(results) if result.flagged]
        except TrainingError as error:
            if OPENAI in calls.url or getattr(error.__cause__, "status_code", None) not in _NO_SUCH_ROUTE:
                raise
            work.note("This host has no moderation, so the rows were sent without.")
        if flagged:
            kind = "rows" if part.endswith("train") else "held-out rows"
            work.note(f"Moderation flagged {len(flagged)} of {len(rows)} {kind}, which were left out.")
        work.state.flagged[part] = flagged
        work.save()
    left_out = set(work.state.flagged[part])
    return [row for place, row in enumerate(rows) if place not in left_out]


def _tidy(calls: Calls, work: Work, job: JobState) -> None:
    delete_files(calls, job)
    work.save()


def _check_methods(spec: RunSpec) -> None:
    if other := [method for method in spec.methods if method not in KINDS]:
        raise TrainingError(
            f"This host trains SFT and DPO, and not {other[0].upper()}. Set learning.method to sft or dpo, or learning.trainer to local."
        )
