"""What a host forgot is brought back."""

from pathlib import Path

import pytest

from service.hosting.recovery import Published, restore
from service.providers.catalog import STARTER
from service.settings import Settings
from tests.fakes.vllm_server import VllmServer


@pytest.fixture
def versions(adapter_folder) -> list[Published]:
    """Two versions of one adapter, as they were published."""
    return [Published("card", name, STARTER, adapter_folder) for name in ("friend-v1", "friend-v2")]


def _settings(folder: Path, url: str) -> Settings:
    (folder / "attune.toml").write_text(f'[providers.card]\nkind = "vllm"\nbase_url = "{url}"\n')
    return Settings(home=folder / "data", providers=folder / "attune.toml")


def test_only_what_is_missing_is_loaded(tmp_path, versions):
    """A server that was started again gets both adapters; asked once more it gets none, and one that lost one gets that one."""
    with VllmServer(str(STARTER)) as server:
        settings = _settings(tmp_path, server.url)
        assert restore(settings, versions) == []
        assert list(server.adapters) == ["friend-v1", "friend-v2"]
        assert restore(settings, versions) == []
        server.adapters.pop("friend-v1")
        assert restore(settings, versions) == []
        assert [body["lora_name"] for _, body in server.told("/v1/load_lora_adapter")] == ["friend-v1", "friend-v2", "friend-v1"]


def test_a_version_that_cannot_come_back_keeps_no_other_away(tmp_path, versions):
    """Its trouble is told; the next version is restored all the same, and a server that is away stops nobody."""
    lost = Published("card", "friend-v0", STARTER, tmp_path / "gone")
    with VllmServer(str(STARTER)) as server:
        troubles = restore(_settings(tmp_path, server.url), [lost, *versions])
        assert list(server.adapters) == ["friend-v1", "friend-v2"]
    assert len(troubles) == 1
    assert troubles[0].startswith("friend-v0: There is no adapter in ")
    assert all("does not say what it serves" in trouble for trouble in restore(_settings(tmp_path, "http://127.0.0.1:1"), versions))
