"""Asks how likely the candidate and the champion find replies they were not trained on. Starts the process that knows; loads no torch."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from service.errors import ScoringError

_TIMEOUT_SECONDS = 1800
_ENVIRONMENT = {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", "OMP_WAIT_POLICY": "PASSIVE", "PYTHONWARNINGS": "ignore"}


class RowScore(Struct, frozen=True):
    """How likely a model finds one reply: the sum over its `tokens` tokens, the one that ends it included, in nats."""

    logprob: float
    tokens: int

    @property
    def mean(self) -> float:
        """Nats per token: comparable between short replies and long ones."""
        return self.logprob / self.tokens if self.tokens else 0.0


def score_rows(folder: Path, models: Mapping[str, Path], rows: Sequence[Mapping[str, Any]]) -> dict[str, list[RowScore]]:
    """Each model's scores of `rows` (`{"prompt": [messages], "completion": [messages]}`), in their order.

    Works in `folder` and blocks; when the answer to this very question lies there already, it is read instead. Raises `ScoringError`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    question = msgspec.json.encode(
        {
            "models": {name: str(path.absolute()) for name, path in models.items()},
            "rows": [{"prompt": row["prompt"], "completion": row["completion"]} for row in rows],
        }
    )
    source, out = folder / "likelihood.in.json", folder / "likelihood.out.json"
    if not (out.exists() and source.exists() and source.read_bytes() == question):
        out.unlink(missing_ok=True)
        source.write_bytes(question)
        _run(source, out, folder / "likelihood.log")
    return msgspec.json.decode(out.read_bytes(), type=dict[str, list[RowScore]])


def _run(source: Path, out: Path, log: Path) -> None:
    with log.open("wb") as stream:
        try:
            code = subprocess.run(
                [sys.executable, "-m", "service.evaluation.likelihood", str(source), str(out)],
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                env={**_ENVIRONMENT, **os.environ},
                timeout=_TIMEOUT_SECONDS,
                check=False,
            ).returncode
        except subprocess.TimeoutExpired as error:
            raise ScoringError(f"Scoring the holdout rows took more than {_TIMEOUT_SECONDS // 60} minutes.") from error
    if code != 0 or not out.exists():
        raise ScoringError(f"The holdout rows could not be scored (exit code {code}); the log is {log}.")
