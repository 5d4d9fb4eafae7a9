"""The command line as its user has it: a process per command, in a home of its own."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import structlog
from sqlalchemy import Engine

from service.cli.app import run
from service.db.engine import open_engine
from service.db.migration import upgrade
from tests.processes import ROOT, environment

_PERSONA = """---
title: {title}
greeting: Hello from {title}.
models: [local:starter]
---
You are {title}.
"""


class Ended(NamedTuple):
    """How a command ended, and what it said where."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document that is all of stdout."""
        return json.loads(self.out)


class Shell:
    """Runs commands in one home. Two personas live there: friend and mentor."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.personas = folder / "personas"
        self.personas.mkdir()
        for name in ("friend", "mentor"):
            (self.personas / f"{name}.md").write_text(_PERSONA.format(title=name.capitalize()))

    @property
    def environment(self) -> dict[str, str]:
        """What the commands find in their environment."""
        plain = {name: value for name, value in os.environ.items() if name not in {"FORCE_COLOR", "COLUMNS", "TERM"}}
        ours = environment(self.home, ATTUNE_PERSONAS=str(self.personas), COLUMNS="200")
        return {name: value for name, value in ours.items() if name in plain or name.startswith("ATTUNE_") or name == "COLUMNS"}

    def __call__(self, *arguments: str, **settings: str) -> Ended:
        """Run `attune` with these arguments."""
        done = subprocess.run(
            [sys.executable, "-m", "service", *arguments],
            env={**self.environment, **settings},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    @contextmanager
    def database(self) -> Iterator[Engine]:
        """The database that the commands use, at its present schema."""
        engine = open_engine(f"sqlite:///{self.home / 'attune.sqlite'}")
        try:
            upgrade(engine)
            yield engine
        finally:
            engine.dispose()


@pytest.fixture
def attune(tmp_path: Path) -> Shell:
    """The command line in an empty home."""
    return Shell(tmp_path)


class _Here(Shell):
    """Runs commands in this process: the same words, without the second it takes to start another."""

    def __init__(self, attune: Shell, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self.home, self.personas = attune.folder, attune.home, attune.personas
        self._capsys = capsys
        self._monkeypatch = monkeypatch
        for name, value in self.environment.items():
            monkeypatch.setenv(name, value)

    def __call__(self, *arguments: str, **settings: str) -> Ended:
        self._capsys.readouterr()
        logging = structlog.get_config()
        with self._monkeypatch.context() as changed:
            for name, value in settings.items():
                changed.setenv(name, value)
            try:
                code = run(arguments)
            finally:
                structlog.configure(**logging)  # a command may quieten the log of its process, and this one goes on
        said = self._capsys.readouterr()
        return Ended(code, said.out, said.err)


@pytest.fixture
def bare(attune: Shell, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    """The command line in this process, where there is no home yet."""
    return _Here(attune, monkeypatch, capsys)


@pytest.fixture
def here(bare: Shell, _sqlite: Path) -> Shell:
    """The command line in this process, in a home whose database is at the present schema and empty."""
    bare.home.mkdir()
    shutil.copy(_sqlite, bare.home)
    return bare
