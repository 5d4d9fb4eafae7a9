"""Has an adapter written into its base by a process of its own (`merge.py`), which needs torch and memory for the whole model."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from service.errors import HostingError

_SECONDS = 1800


def merge_adapter(base: Path, adapter: Path, folder: Path, environment: Mapping[str, str]) -> None:
    """Make `folder` a whole model of its own, blocking; one that is there stays. `HostingError` with the process's last words."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    log = folder.with_name(f"{folder.name}.log")
    command = [sys.executable, "-m", "service.hosting.merge", str(base), str(adapter), str(folder)]
    with log.open("wb") as stream:
        try:
            code = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                env=dict(environment),
                timeout=_SECONDS,
                check=False,
            ).returncode
        except subprocess.TimeoutExpired as error:
            raise HostingError(f"Merging the adapter into its base took more than {_SECONDS // 60} minutes.") from error
    if code != 0 or not folder.exists():
        lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
        raise HostingError(
            f"The adapter could not be merged into its base (exit code {code}): {lines[-1] if lines else 'nothing was said.'}"
        )
    log.unlink()
