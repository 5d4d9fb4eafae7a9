"""Cheaper coverage, as a plugin of coverage.py: where none of our lines can run, no line is watched.

Python up to 3.13 watches all lines or none, and a watched line takes twice the time. So nothing is watched while a library is imported
(PyTorch and its neighbours alone take seconds), and in the embedded engine, which runs none of our code.
"""

import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType

import coverage

_WATCHED = {"service", "tests"}
_ENGINE = "transformers.cli.transformers"


class _Libraries:
    """Finds what is imported, as Python does, and lets libraries run unwatched until they are imported."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if sys.gettrace() is None or name.partition(".")[0] in _WATCHED:
            return None
        if _ENGINE in sys.orig_argv:
            _stop()
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and type(spec.loader) is SourceFileLoader:
            spec.loader.exec_module = _unwatched(spec.loader.exec_module)
        return spec


def _unwatched(run: Callable[[ModuleType], None]) -> Callable[[ModuleType], None]:
    def run_unwatched(module: ModuleType) -> None:
        tracer = sys.gettrace()
        sys.settrace(None)
        try:
            run(module)
        finally:
            sys.settrace(tracer)

    return run_unwatched


def _stop() -> None:
    if measurement := coverage.Coverage.current():
        measurement.stop()


def coverage_init(_registry: object, _options: object) -> None:
    """What coverage.py calls as it starts: look for libraries just before Python does, after whoever has other plans (as pytest has)."""
    if _Libraries not in sys.meta_path:
        place = sys.meta_path.index(PathFinder) if PathFinder in sys.meta_path else len(sys.meta_path)
        sys.meta_path.insert(place, _Libraries)
