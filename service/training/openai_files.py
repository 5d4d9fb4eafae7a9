"""The files that a job at a host of fine-tuning reads: sent once, found again by their name, and deleted when no longer needed."""

import time

import openai
import structlog

from service.errors import TrainingError
from service.training.openai_account import told
from service.training.openai_calls import Calls
from service.training.openai_work import JobState

_SECONDS = 600.0  # a file that is not read by then is tried all the same: not every host says that it has read one
_BEING_READ = {"uploaded", "pending", "processing", "running"}

log = structlog.get_logger()


def send_file(calls: Calls, name: str, content: bytes) -> str:
    """The id of the file of this name, which is sent if it is not there already."""

    def find() -> str | None:
        with told("list its files"):
            return next((file.id for file in calls.client.files.list(purpose="fine-tune") if file.filename == name), None)

    def create() -> str:
        return calls.once.files.create(file=(name, content), purpose="fine-tune").id

    return find() or calls.make(create, find, "take the rows")


def await_file(calls: Calls, file: str) -> None:
    """Until the host has read it; `TrainingError` when it cannot."""
    end, pause = time.monotonic() + _SECONDS, calls.pause
    while True:
        with told("look at the rows"):
            status = calls.client.files.retrieve(file).status
        if status == "error":
            raise TrainingError("The host could not read the rows it was sent. See its account page for the reason.")
        if status not in _BEING_READ or time.monotonic() > end:
            return
        calls.sleep(pause)
        pause = calls.longer(pause)


def delete_files(calls: Calls, job: JobState) -> None:
    """People's words do not stay at the host longer than they are needed. What cannot be deleted stays noted, and is logged."""
    for side, file in list(job.files.items()):
        try:
            calls.client.files.delete(file)
        except openai.NotFoundError:
            pass
        except openai.OpenAIError as error:
            log.warning("file_not_deleted", file=file, error=type(error).__name__)
            continue
        del job.files[side]
    if job.files:
        log.warning("files_left_at_host", count=len(job.files))
