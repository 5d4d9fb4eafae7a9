"""A host of fine-tuning with a memory: files, jobs, events, checkpoints, moderation. Every answer is held to OpenAI's own description.

What it does with a job is its script: the statuses it goes through, one more at each look. It breaks off where it is told to.
"""

import base64
import json
import time
from email import message_from_bytes
from typing import Any, NamedTuple
from urllib.parse import parse_qs

from tests.fakes.contract import require_valid
from tests.fakes.management import ManagementServer, Reply

BASE = "gpt-4.1-mini-2025-04-14"
_PAGE = 2  # things on a page of a list, so that every list has several
_TABLE = b"step,train_loss,train_accuracy\n" + b"".join(b"%d,%f,0.5\n" % (step, 2.0 / step) for step in range(1, 5))


class Ending(NamedTuple):
    """How jobs go here: `statuses` in order, the last one stays; `error` is a failed job's; `blocked` succeeds and names no model."""

    statuses: tuple[str, ...] = ("validating_files", "queued", "running", "running", "succeeded")
    error: dict[str, Any] | None = None
    blocked: bool = False
    refusal: tuple[int, str, str] | None = None
    """Status, code and words with which creating a job is refused."""
    lost: str = ""
    """What is lost once, though it was done: `job`, `file`; or `before`: a job is lost before it was made."""
    away: int = 0
    """How many looks at a job, and at the list of jobs once one was made, find the host away."""
    can_cancel: bool = True
    table: str = "csv"
    """How the table of losses comes: `csv`, `base64`, `broken` or, in events alone, `none`. With `base64` there are no events."""
    moderates: bool = True
    shutdown: str | None = None
    reads_files: bool = True


class TuningServer(ManagementServer):
    """Keeps files and jobs; `on_job` looks on when a job is made, `flags` is a word that moderation does not like."""

    def __init__(self, ending: Ending = Ending(), flags: str = "forbidden") -> None:
        super().__init__()
        self.ending = ending
        self.flags = flags
        self.files: dict[str, dict[str, Any]] = {}
        self.contents: dict[str, bytes] = {}
        self.jobs: dict[str, dict[str, Any]] = {}
        self.looks: dict[str, int] = {}
        self.others = [_job(f"ftjob-other-{number}", _OTHERS, "succeeded") for number in range(3)]  # of other runs of this account
        self.problems: list[str] = []
        self._lost = bool(ending.lost)
        self._away = ending.away

    def answer(self, method: str, path: str, body: bytes) -> Reply | None:
        try:
            return self._answer(method, path, body)
        except AssertionError as error:
            self.problems.append(str(error))
            return _error(500, "not_valid", "the stand-in broke its contract")

    def _answer(self, method: str, path: str, body: bytes) -> Reply | None:
        route, _, query = path.removeprefix("/v1").partition("?")
        parts = route.strip("/").split("/")
        match method, parts:
            case "GET", ["models", name]:
                return self._model(name)
            case "POST", ["moderations"]:
                return self._moderate(json.loads(body))
            case "GET", ["files"]:
                return _list("ListFilesResponse", list(self.files.values()), query)
            case "POST", ["files"]:
                return self._upload(body)
            case "GET", ["files", name] if name in self.files:
                return _valid("OpenAIFile", self.files[name])
            case "GET", ["files", "file-table", "content"]:
                table = {"csv": _TABLE, "base64": base64.b64encode(_TABLE), "broken": b"\x00\xff"}
                return Reply(content=table[self.ending.table])
            case "DELETE", ["files", name] if name in self.files:
                del self.files[name]
                return _valid("DeleteFileResponse", {"id": name, "object": "file", "deleted": True})
            case "POST", ["fine_tuning", "jobs"]:
                return self._create(json.loads(body))
            case "GET", ["fine_tuning", "jobs"]:
                return self._jobs(query)
            case "GET", ["fine_tuning", "jobs", job] if job in self.jobs:
                return self._look(job)
            case "POST", ["fine_tuning", "jobs", job, "cancel"] if job in self.jobs:
                if not self.ending.can_cancel:
                    return _error(400, "not_cancellable", "it cannot be cancelled now")
                self.jobs[job]["status"] = "cancelled"
                return _valid("FineTuningJob", self.jobs[job])
            case "GET", ["fine_tuning", "jobs", job, "events"] if job in self.jobs:
                return _list("ListFineTuningJobEventsResponse", self._events(job), query)
            case "GET", ["fine_tuning", "jobs", job, "checkpoints"] if job in self.jobs:
                return _list("ListFineTuningJobCheckpointsResponse", self._checkpoints(job), query)
        return _error(404, "not_found", f"there is nothing at {route}")

    def _model(self, name: str) -> Reply:
        if name not in {BASE, *(job["fine_tuned_model"] for job in self.jobs.values())}:
            return _error(404, "model_not_found", f"The model '{name}' does not exist")
        return _valid("Model", {"id": name, "object": "model", "created": 1, "owned_by": "system", "shutdown_date": self.ending.shutdown})

    def _moderate(self, asked: dict[str, Any]) -> Reply:
        if not self.ending.moderates:
            return _error(404, "not_found", "no such route")
        require_valid("CreateModerationRequest", asked)
        results = [_verdict(self.flags in text) for text in asked["input"]]
        return Reply(document={"id": "modr-1", "model": "omni-moderation-latest", "results": results})

    def _upload(self, body: bytes) -> Reply | None:
        form = message_from_bytes(b"Content-Type: multipart/form-data; boundary=" + body[2 : body.index(b"\r\n")] + b"\r\n\r\n" + body)
        parts = {part.get_param("name", header="content-disposition"): part for part in form.get_payload()}  # type: ignore[union-attr]
        assert parts["purpose"].get_payload(decode=True) == b"fine-tune"
        content = parts["file"].get_payload(decode=True)
        for line in content.splitlines():
            _check_row(json.loads(line))
        name = f"file-{len(self.contents) + 1}"
        self.contents[name] = content
        status = "processed" if self.ending.reads_files else "error"
        self.files[name] = {
            "id": name, "object": "file", "bytes": len(content), "created_at": int(time.time()), "expires_at": 4102444800,
            "filename": parts["file"].get_filename(), "purpose": "fine-tune", "status": status,
        }  # fmt: skip
        return None if self._loses("file") else _valid("OpenAIFile", self.files[name])

    def _create(self, asked: dict[str, Any]) -> Reply | None:
        require_valid("CreateFineTuningJobRequest", asked)
        if self.ending.refusal:
            return _error(*self.ending.refusal)
        if self._loses("before"):
            return None
        assert asked["training_file"] in self.files
        assert asked.get("validation_file", asked["training_file"]) in self.files
        job = f"ftjob-{len(self.jobs) + 1}"
        self.jobs[job] = _job(job, asked, self.ending.statuses[0])
        self.looks[job] = 0
        return None if self._loses("job") else _valid("FineTuningJob", self.jobs[job])

    def _jobs(self, query: str) -> Reply:
        """Some hosts take no notice of the filter, and so does this one."""
        assert "metadata" in query
        if self.jobs and self._is_away():
            return _AWAY
        return _list("ListPaginatedFineTuningJobsResponse", [*self.others, *self.jobs.values()], query)

    def _look(self, name: str) -> Reply:
        job, ending = self.jobs[name], self.ending
        if self._is_away():
            return _AWAY
        if job["status"] != "cancelled":
            job["status"] = ending.statuses[min(self.looks[name], len(ending.statuses) - 1)]
        self.looks[name] += 1
        if job["status"] == "succeeded":
            results = [] if ending.table == "none" else ["file-table"]
            job |= {"finished_at": int(time.time()), "trained_tokens": 1_000, "result_files": results}
            job["fine_tuned_model"] = None if ending.blocked else f"ft:{job['model'].removeprefix('ft:').split(':')[0]}:org:attune:{name}"
        if job["status"] == "failed":
            job |= {"finished_at": int(time.time()), "error": ending.error}
        known = {"validating_files", "queued", "running", "succeeded", "failed", "cancelled"}
        return _valid("FineTuningJob", job) if job["status"] in known else Reply(document=job)

    def _events(self, name: str) -> list[dict[str, Any]]:
        steps = 0 if self.ending.table == "base64" else min(self.looks[name], 4)
        metrics = [
            {"id": f"ftevent-{step}", "object": "fine_tuning.job.event", "created_at": 1, "level": "info", "message": f"Step {step}",
             "type": "metrics", "data": {"step": step, "total_steps": 4, "train_loss": 2.0 / step, "valid_loss": 1.0}}
            for step in range(steps, 0, -1)
        ]  # fmt: skip
        began = {"id": "ftevent-0", "object": "fine_tuning.job.event", "created_at": 1, "level": "info", "message": "Job began"}
        return [*metrics, {**began, "type": "message", "data": {}}]

    def _checkpoints(self, name: str) -> list[dict[str, Any]]:
        model = f"{self.jobs[name]['fine_tuned_model']}:ckpt-step-2"
        return [{"id": "ftckpt-1", "object": "fine_tuning.job.checkpoint", "created_at": 1, "fine_tuned_model_checkpoint": model,
                 "step_number": 2, "metrics": {"step": 2, "train_loss": 1.0}, "fine_tuning_job_id": name}]  # fmt: skip

    def _is_away(self) -> bool:
        self._away -= 1
        return self._away >= 0

    def _loses(self, what: str) -> bool:
        if self._lost and self.ending.lost == what:
            self._lost = False
            return True
        return False


def _job(name: str, asked: dict[str, Any], status: str) -> dict[str, Any]:
    return {
        "id": name, "object": "fine_tuning.job", "created_at": int(time.time()), "error": None, "fine_tuned_model": None,
        "finished_at": None, "hyperparameters": {"n_epochs": "auto"}, "model": asked["model"], "organization_id": "org-1",
        "result_files": [], "seed": asked["seed"], "status": status, "trained_tokens": None, "training_file": asked["training_file"],
        "validation_file": asked.get("validation_file"), "metadata": asked["metadata"], "method": asked["method"],
    }  # fmt: skip


_OTHERS = {
    "model": BASE,
    "seed": 1,
    "training_file": "file-x",
    "metadata": {"run_id": "another", "method": "sft"},
    "method": {"type": "supervised"},
}


def _check_row(row: dict[str, Any]) -> None:
    """A row of chat or of preference, as the guides show them; the description itself knows only what an assistant says."""
    if "messages" in row:
        assert set(row) == {"messages"}
        messages = row["messages"]
    else:
        assert set(row) == {"input", "preferred_output", "non_preferred_output"}
        assert len(row["preferred_output"]) == len(row["non_preferred_output"]) == 1
        messages = [*row["input"]["messages"], *row["preferred_output"], *row["non_preferred_output"]]
    for message in messages:
        if message["role"] == "assistant":
            require_valid("FineTuneChatCompletionRequestAssistantMessage", message)
        else:
            assert message["role"] in {"system", "user"}
        assert isinstance(message["content"], str)


def _verdict(flagged: bool) -> dict[str, Any]:
    categories = (
        "hate", "hate/threatening", "harassment", "harassment/threatening", "illicit", "illicit/violent", "self-harm", "self-harm/intent",
        "self-harm/instructions", "sexual", "sexual/minors", "violence", "violence/graphic",
    )  # fmt: skip
    return {
        "flagged": flagged,
        "categories": dict.fromkeys(categories, flagged),
        "category_scores": dict.fromkeys(categories, float(flagged)),
        "category_applied_input_types": {name: ["text"] for name in categories},
    }


def _valid(name: str, document: dict[str, Any]) -> Reply:
    require_valid(name, document)
    return Reply(document=document)


def _list(name: str, data: list[dict[str, Any]], query: str) -> Reply:
    """One page: what comes after the id that the query names."""
    after = parse_qs(query).get("after", [""])[0]
    start = next((place for place, each in enumerate(data, 1) if each["id"] == after), 0)
    page = data[start : start + _PAGE]
    ends = {"first_id": page[0]["id"] if page else "", "last_id": page[-1]["id"] if page else ""}
    return _valid(name, {"object": "list", "data": page, "has_more": start + _PAGE < len(data), **ends})


def _error(status: int, code: str, words: str) -> Reply:
    return Reply(status, document={"error": {"message": words, "type": "invalid_request_error", "param": None, "code": code}})


_AWAY = _error(503, "server_error", "The server is overloaded")._replace(headers={"x-should-retry": "false"})
