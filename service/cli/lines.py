"""Many lines on their way out: to stdout, or into a file that is there as a whole or not at all."""

import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from service.errors import Conflict


def print_lines(lines: Iterable[str]) -> int:
    """Print the lines as they come; return how many. Whoever reads them may have enough before the end, as `head` has."""
    count = 0
    try:
        for line in lines:
            sys.stdout.write(line)
            count += 1
        sys.stdout.flush()
    except BrokenPipeError:
        # Python would complain again when it closes the pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return count


def write_lines(out: Path, lines: Iterable[str], *, force: bool = False, encoding: str = "utf-8") -> int:
    """Write the file whole or not at all; return how many lines it has. Raise `Conflict` when it is there, unless `force` replaces it."""
    if out.exists() and not force:
        raise Conflict(f"{out} is there already. Choose another name, or replace it: --force")
    partial = out.with_name(f"{out.name}.partial")
    count = 0
    try:
        with partial.open("w", encoding=encoding, newline="") as file:
            for line in lines:
                file.write(line)
                count += 1
        partial.replace(out)
    finally:
        with suppress(OSError):
            partial.unlink()
    return count
