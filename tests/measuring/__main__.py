"""`python -m tests.measuring`: pytest on all cores, with these arguments, and then which lines of service/ ran in any process."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from slipcover import Slipcover, merge_coverage, print_coverage

ROOT = Path(__file__).parents[2]
# One process more than there are cores: each waits now and then, for a browser or for what it started. Files go to them in the order of
# tests/conftest.py.
_SPREAD = ("--numprocesses", str(min(os.cpu_count() or 1, 4) + 1), "--no-loadscope-reorder")


def main() -> int:
    """Run the tests, print the table, and return pytest's exit code."""
    with tempfile.TemporaryDirectory(prefix="coverage-") as notes:
        path = os.pathsep.join(filter(None, [str(Path(__file__).parent), os.environ.get("PYTHONPATH")]))
        ours = {"PYTHONPATH": path, "COVERAGE_NOTES": notes}
        command = [sys.executable, "-m", "pytest", *_SPREAD, *sys.argv[1:]]
        # Compiled files are kept even where somebody set that they are not: every process that is started would compile them anew.
        env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        code = subprocess.run(command, env={**env, **ours}, cwd=ROOT, check=False).returncode
        report(Path(notes))
    return code


def report(notes: Path) -> None:
    """Put the notes of all processes together; a file that none of them imported has none of its lines."""
    found = Slipcover(source=["service"], omit=["service/db/migrations/*"]).get_coverage()
    for file in sorted(notes.glob("*.json")):
        merge_coverage(found, json.loads(file.read_text("utf-8")))
    print_coverage(found, skip_covered=True)
    summary = found["summary"]
    print(f"service/: {summary['percent_covered']:.1f} % of {summary['covered_lines'] + summary['missing_lines']:,} lines ran")


if __name__ == "__main__":
    sys.exit(main())
