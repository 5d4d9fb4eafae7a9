"""Memory lent to a training comes back, however the training ended."""

from pathlib import Path

import pytest

from service.hosting.lending import lending, needs_release, take_back_all
from service.providers.catalog import STARTER
from service.providers.lent import Lent
from service.settings import Settings
from tests.fakes.vllm_server import VllmServer

GIB = 2**30


def _settings(folder: Path, url: str) -> Settings:
    (folder / "attune.toml").write_text(f'[providers.card]\nkind = "vllm"\nbase_url = "{url}"\n')
    return Settings(home=folder / "data", providers=folder / "attune.toml", engine="http://127.0.0.1:1")


@pytest.fixture
def server():
    """A vLLM that serves the starter."""
    with VllmServer(str(STARTER)) as running:
        yield running


def test_a_host_lends_while_the_block_runs_and_not_longer(tmp_path, server):
    """It sleeps and every process can see that it lent; a training that crashes leaves it awake all the same."""
    settings = _settings(tmp_path, server.url)
    others = Lent(settings.home)
    with pytest.raises(ZeroDivisionError), lending(settings, "card") as troubles:
        assert troubles == []
        assert server.asleep
        assert "card" in others
        1 / 0  # noqa: B018
    assert not server.asleep
    assert "card" not in others
    assert list(settings.home.iterdir()) == []


def test_what_a_killed_worker_left_lent_is_taken_back(tmp_path, server):
    """The file in the home outlives the process: the next start wakes the server; who is no host any more is forgotten."""
    settings = _settings(tmp_path, server.url)
    server.asleep = True
    for name in ("card", "local", "moved-away"):
        Lent(settings.home).lend(name)
    assert Lent(settings.home).names() == {"card", "local", "moved-away"}
    take_back_all(settings)
    assert not server.asleep
    assert Lent(settings.home).names() == frozenset()


def test_a_host_that_cannot_let_go_is_told_of(tmp_path, server):
    """Training goes on where the memory allows: the block runs, and knows why it may be tight."""
    server.dev = False
    with lending(_settings(tmp_path, server.url), "card") as troubles:
        assert len(troubles) == 1
        assert "VLLM_SERVER_DEV_MODE=1" in troubles[0]


@pytest.mark.parametrize(("needed", "free", "release"), [(6, 20, False), (19, 20, True), (40, 20, True), (None, 80, True)])
def test_a_host_goes_on_serving_where_both_fit(needed, free, release):
    """Room to spare is needed besides what the training takes; what nobody knows is taken to be too much."""
    assert needs_release(None if needed is None else needed * GIB, free * GIB) is release
