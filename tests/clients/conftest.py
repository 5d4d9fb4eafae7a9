"""Attune on a free port, and the clients that talk to it: installed once by `make clients`, each started once."""

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack

import msgspec
import pytest

from tests.clients.clients import CLIENTS, INSTALLED, ROOT, Client
from tests.web.conftest import MakeHome, Run, Service, gate, make_home, run, upstream
from tests.web.upstream import Upstream

__all__ = ["gate", "make_home", "run", "upstream"]
REPLIES_AT_ONCE = 2
"""How many a key may have."""


@pytest.fixture(scope="session")
def installed() -> None:
    """Node's, LangChain's and llm's clients are there; where they cannot be installed, the tests that need them fail with the reason."""
    INSTALLED.mkdir(exist_ok=True)
    with (INSTALLED / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = subprocess.run(
            ["make", "clients", f"PYTHON={sys.executable}"],
            cwd=ROOT,
            env={name: value for name, value in os.environ.items() if not name.startswith("MAKE")},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
    assert made.returncode == 0, f"The clients cannot be installed:\n{made.stdout[-3000:]}\n{made.stderr[-3000:]}"


@pytest.fixture(scope="session")
def attune(make_home: MakeHome, run: Run, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One service for all clients."""
    with make_home(tmp_path_factory.mktemp("clients")) as home:
        bounded = home._replace(settings=msgspec.structs.replace(home.settings, replies_key=REPLIES_AT_ONCE))
        with run(bounded) as service:
            yield service


@pytest.fixture(scope="session", params=CLIENTS)
def client(request: pytest.FixtureRequest, attune: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """Each of the clients."""
    if request.param == "curl":
        assert shutil.which("curl"), "curl is missing. Install it: apt-get install curl"
    elif request.param != "openai-python":
        request.getfixturevalue("installed")
    made = CLIENTS[request.param](f"{attune.url}/v1", tmp_path_factory.mktemp(request.param))
    try:
        yield made
    finally:
        made.close()


@pytest.fixture(scope="session")
def key(attune: Service) -> str:
    """A key that may chat and rate."""
    return attune.home.key()


@pytest.fixture
def busy_key(attune: Service, gate: Upstream) -> Iterator[str]:
    """A key that has as many replies under way as it may have."""
    key = attune.home.key()
    body = {"model": "held", "messages": [{"role": "user", "content": "Hi"}], "stream": True}
    with ExitStack() as open_streams:
        app = open_streams.enter_context(attune.client(key))
        lines = [
            open_streams.enter_context(app.stream("POST", "/v1/chat/completions", json=body)).iter_lines() for _ in range(REPLIES_AT_ONCE)
        ]
        for each in lines:  # Kept until the end: an iterator that is let go closes its stream.
            assert any("One" in line for line in each)
        yield key
        gate.open_gate()
