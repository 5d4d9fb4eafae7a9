"""One job at a host of fine-tuning: found by its run's id or created, waited for, and cancelled when its time or a person says so."""

import time
from typing import Any

import openai
import structlog
from openai import omit

from service.errors import TrainingError
from service.training.base import Method
from service.training.openai_account import is_passing, told
from service.training.openai_calls import Calls
from service.training.openai_curve import read_events, read_table
from service.training.openai_work import JobState, Work

KINDS: dict[Method, str] = {"sft": "supervised", "dpo": "dpo"}
"""What the host calls the methods it has."""

_ENDED = {"succeeded", "failed", "cancelled"}  # every other status, known today or not, is one to wait in

log = structlog.get_logger()


def find_job(calls: Calls, run_id: str, method: Method) -> str | None:
    """The id of the job of this run and method. A host may not know the filter, so what comes back is looked at."""
    with told("list its jobs"):
        for job in calls.client.fine_tuning.jobs.list(metadata={"run_id": run_id}, limit=100):
            said = job.metadata or {}
            if (said.get("run_id"), said.get("method")) == (run_id, method):
                return job.id
    return None


def create_job(calls: Calls, work: Work, method: Method, base: str, files: dict[str, str]) -> str:
    """The id of a new job, or of the one that is there already."""
    spec, schedule, kind = work.spec, work.spec.schedules[method], KINDS[method]
    settings: dict[str, Any] = {"n_epochs": schedule.epochs} | ({"beta": schedule.beta} if method == "dpo" else {})

    def create() -> str:
        return calls.once.fine_tuning.jobs.create(
            model=base,
            training_file=files["train"],
            validation_file=files.get("validation") or omit,
            method={"type": kind, kind: {"hyperparameters": settings}},  # type: ignore[arg-type]
            suffix=(spec.name or "attune")[:64],
            seed=spec.parameters.seed,
            metadata={"run_id": spec.run_id, "method": method},
        ).id

    return calls.make(create, lambda: find_job(calls, spec.run_id, method), "create the job")


def await_model(calls: Calls, work: Work, method: Method, job: JobState, minutes: float) -> str:
    """The model of the job, once it has ended; `TrainingError` saying why there is none.

    A host that is away for a while is waited for: the job goes on without us, and costs.
    """
    assert job.job is not None
    pause, status = calls.pause, "not known"
    while True:
        found = _look(calls, work, method, job.job)
        if found is not None:
            status = found.status
        if found is not None and status in _ENDED:
            return _end(calls, work, method, job, found)
        if work.is_stopped():
            work.end_for_good(_cancel(calls, job.job))
        if time.time() - job.began > minutes * 60:
            raise TrainingError(
                f"Training was ended after {minutes:g} minutes, its whole budget; the job was '{status}'. Raise learning.budget.minutes: "
                f"hosts let jobs wait.{_cancel(calls, job.job)}"
            )
        calls.sleep(pause)
        pause = calls.longer(pause)


def _look(calls: Calls, work: Work, method: Method, job: str) -> Any:
    """The job, after its new steps were told; None when the host is away for the moment."""
    try:
        with told("look at the job"):
            found = calls.client.fine_tuning.jobs.retrieve(job)
            work.tell(method, list(read_events(calls.client, job)))
            return found
    except TrainingError as error:
        if not is_passing(error.__cause__):
            raise
        log.warning("host_away", job=job, error=type(error.__cause__).__name__)
        return None


def _end(calls: Calls, work: Work, method: Method, job: JobState, found: Any) -> str:
    job.tokens = found.trained_tokens
    model = _model_of(found)
    try:  # the model is there: what is told besides is not worth failing for
        checkpoints = calls.client.fine_tuning.jobs.checkpoints.list(found.id)
        job.checkpoints = [each.fine_tuned_model_checkpoint for each in checkpoints]
        for file in (found.result_files or [])[:1]:
            work.tell(method, read_table(calls.client.files.content(file).read()))
    except openai.OpenAIError as error:
        log.warning("job_not_told_of", job=found.id, error=type(error).__name__)
    return model


def _model_of(job: Any) -> str:
    if job.status == "succeeded" and job.fine_tuned_model:
        return str(job.fine_tuned_model)
    if job.status == "succeeded":
        raise TrainingError("The job succeeded and named no model: the host may have blocked it after its own safety checks.")
    if job.status == "cancelled":
        raise TrainingError("The job was cancelled at the host. Start another night to begin anew.")
    code, words = (getattr(job.error, name, None) or "not said" for name in ("code", "message"))
    raise TrainingError(f"The job failed at the host ({code}): {str(words).strip().rstrip('.')}.")


def _cancel(calls: Calls, job: str) -> str:
    """Nothing, or the sentence that it could not be done."""
    try:
        calls.client.fine_tuning.jobs.cancel(job)
    except openai.OpenAIError as error:
        log.warning("job_not_cancelled", job=job, error=type(error).__name__)
        return f" The job {job} could not be cancelled at the host and may go on there: see to it on its account page."
    return ""
