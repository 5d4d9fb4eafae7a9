"""How the loss went, as a host of fine-tuning tells it: in a job's events while it runs, in a table when it has ended.

OpenAI's API reference, "Fine-tuning": `FineTuningJobEvent` of type `metrics`, and the job's `result_files`.
"""

import base64
import binascii
import csv
from collections.abc import Iterator

from msgspec import Struct
from openai import OpenAI


class Point(Struct, frozen=True):
    """The loss on the rows of one step; `steps` is how many the job has, where that is known. What is not known is None."""

    step: int
    steps: int | None
    loss: float | None


def read_events(client: OpenAI, job: str) -> Iterator[Point]:
    """The steps that the job's events tell of, in no order."""
    for event in client.fine_tuning.jobs.list_events(job, limit=100):
        data = event.data
        if event.type == "metrics" and isinstance(data, dict) and (step := _number(data.get("step"))) is not None:
            steps = _number(data.get("total_steps"))
            yield Point(int(step), None if steps is None else int(steps), _number(data.get("train_loss")))


def read_table(content: bytes) -> list[Point]:
    """The steps of a result file: CSV, which some hosts give in base64; none where it is something else."""
    text = _plain(content)
    rows = [(_number(row.get("step")), _number(row.get("train_loss"))) for row in csv.DictReader(text.splitlines())]
    return [Point(int(step), None, loss) for step, loss in rows if step is not None]


def _plain(content: bytes) -> str:
    if b"step" not in content.partition(b"\n")[0]:
        try:
            content = base64.b64decode(content, validate=True)
        except binascii.Error:
            return ""
    return content.decode("utf-8-sig", "replace")


def _number(value: object) -> float | None:
    try:
        return float(value) if isinstance(value, int | float | str) else None
    except ValueError:
        return None
