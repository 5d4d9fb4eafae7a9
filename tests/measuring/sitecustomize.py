"""Python imports this as it starts, in every process that has this folder on its path: which lines of service/ run is noted until its end,
and garbage is looked for more seldom.

SlipCover (Altmayer Pizzorno & Berger, ISSTA 2023) puts a probe on each line and takes it out once the line has run, so that a test is about
as quick as without. A process that dies of SIGKILL leaves no notes. Where SlipCover is not installed, as in the clients' own environment,
nothing is noted.
"""

import atexit
import contextlib
import gc
import json
import os
import signal
import uuid
from pathlib import Path
from types import FrameType
from typing import NoReturn

_SERVICE = f"{Path(__file__).resolve().parents[2]}/service/"
_exit = os._exit


class _Ours:
    """Which files are measured, told by their paths as they stand: a process that imports torch asks thousands of times."""

    def matches(self, file: Path | str | None) -> bool:
        return str(file).startswith(_SERVICE) and not str(file).startswith(f"{_SERVICE}db/migrations/")


def watch(folder: Path) -> None:
    """Note what runs from here on; at the process' end, of its own will or by SIGTERM, the notes lie in the folder."""
    from slipcover import ImportManager, Slipcover

    seen = Slipcover()
    ImportManager(seen, _Ours()).__enter__()

    def write() -> None:
        (folder / f"{uuid.uuid4().hex}.json").write_text(json.dumps(seen.get_coverage()), "utf-8")

    def write_and_exit(code: int) -> NoReturn:
        write()
        _exit(code)

    def write_and_die(number: int, _: FrameType | None) -> None:
        write()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    atexit.register(write)
    os._exit = write_and_exit  # type: ignore[assignment]  # what forked processes end with, and xdist's
    signal.signal(signal.SIGTERM, write_and_die)


if "COVERAGE_NOTES" in os.environ:
    # A start makes hundreds of thousands of objects that stay; looking through them for garbage at every 700th was a fifth of its time.
    gc.set_threshold(50_000, *gc.get_threshold()[1:])
    with contextlib.suppress(ImportError):
        watch(Path(os.environ["COVERAGE_NOTES"]))
