"""What every test may use."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings
from sqlalchemy import Engine
from xdist.scheduler import LoadScopeScheduling

from service.hosting.engine import engine_command, engine_environment
from tests.databases import emptied, made, opened
from tests.processes import answers, environment, free_port, running, until

settings.register_profile("attune", deadline=None)  # a busy machine is no failure
settings.load_profile("attune")


# Files that share something slow to start (an engine, all of `attune up`, a training run), whole nights first.
_TOGETHER = {
    "engine": (
        "tests/test_nightly.py",
        "tests/providers/test_catalog.py",
        "tests/curation/test_replay.py",
        "tests/cli/test_doctor.py",
        "tests/cli/test_persona_gate.py",
        "tests/cli/test_rehearse.py",
    ),
    "training": ("tests/training/", "tests/evaluation/test_likelihood.py"),
    "hosting": ("tests/hosting/",),
    "up": ("tests/cli/test_up.py", "tests/cli/test_engine_address.py", "tests/test_readme.py", "tests/browser/test_page.py"),
}


def group_of(nodeid: str) -> str:
    """Which tests run with this one, in one process: those of its group, or those of its file."""
    file = nodeid.split("::", maxsplit=1)[0]
    return next((group for group, files in _TOGETHER.items() if file.startswith(files)), file)


class Spread(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """What is slow to start is started in one process, once."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Spread:
    """Tests are spread over processes as `Spread` says."""
    return Spread(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Groups first, in their order: begun last, a whole night would keep one process busy while the others had nothing left to do."""
    order = list(_TOGETHER)
    items.sort(key=lambda item: order.index(group) if (group := group_of(item.nodeid)) in _TOGETHER else len(order))


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Async tests run on asyncio, as the service does."""
    return "asyncio"


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Engine:
    """A database of each kind at the present schema, with nothing in it."""
    engine: Engine = request.getfixturevalue(request.param)
    return engine


@pytest.fixture(scope="session")
def _sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("schema")
    with made("sqlite", folder) as url, opened(url):
        return folder / "attune.sqlite"


@pytest.fixture
def sqlite(_sqlite: Path, tmp_path: Path) -> Iterator[Engine]:
    """A SQLite file at the present schema, with nothing in it."""
    with made("sqlite", tmp_path) as url:
        shutil.copy(_sqlite, tmp_path)
        with opened(url) as engine:
            yield engine


@pytest.fixture(scope="session")
def _postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with made("postgresql", tmp_path_factory.getbasetemp()) as url, opened(url) as engine:
        yield engine


@pytest.fixture
def postgresql(_postgresql: Engine) -> Iterator[Engine]:
    """A PostgreSQL database at the present schema, with nothing in it; skipped where no server runs."""
    yield _postgresql
    emptied(_postgresql)


@pytest.fixture(scope="session")
def engine_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real embedded engine, started once for the tests that need one."""
    port = free_port()
    log = tmp_path_factory.mktemp("engine") / "engine.log"
    with running(engine_command("127.0.0.1", port), engine_environment(os.environ), log):
        url = f"http://127.0.0.1:{port}"
        until(lambda: answers(f"{url}/health"), 120, "engine")
        yield url


@dataclass
class Up:
    """A running `attune up`."""

    url: str
    key: str
    home: Path
    environment: dict[str, str]
    process: "subprocess.Popen[bytes]"

    @property
    def log(self) -> str:
        """Everything it printed."""
        return (self.home / "up.log").read_text()


@pytest.fixture(scope="session")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """The whole of Attune as `attune up` starts it, on a free port, with the key it printed; started once."""
    home, port = tmp_path_factory.mktemp("up"), free_port()
    env = environment(home, ATTUNE_PORT=str(port))
    url = f"http://127.0.0.1:{port}"
    with running([sys.executable, "-m", "service", "up"], env, home / "up.log") as process:
        until(lambda: "Attune is running." in (home / "up.log").read_text(), 180, "welcome")
        key = re.search(r"Key\s+(at_\S+)", (home / "up.log").read_text())
        assert key is not None
        yield Up(url, key[1], home, env, process)
