"""What the tests of redaction share: the planted list beside this file, and a redactor."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from service.curation.redaction.redactor import Redactor

_FILE = Path(__file__).parent / "planted.py"


@pytest.fixture(scope="session")
def planted() -> ModuleType:
    """The planted list; not a package of the tests, so it is loaded by its path, as the benchmark does."""
    spec = importlib.util.spec_from_file_location("planted", _FILE)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["planted"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def redactor() -> Redactor:
    """One for all: it keeps nothing of what it reads."""
    return Redactor()
