"""A folder as training leaves it, and the two sorts of places that keep it."""

import json
from pathlib import Path
from uuid import uuid4

import pytest

from service.artifacts.store import Store
from service.settings import Settings


def tensors(values: bytes = bytes(range(16))) -> bytes:
    """A whole safetensors file with one tensor of bytes."""
    header = json.dumps({"weight": {"dtype": "U8", "shape": [len(values)], "data_offsets": [0, len(values)]}}).encode()
    return len(header).to_bytes(8, "little") + header + values


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    """An adapter's folder."""
    folder = tmp_path / "adapter"
    (folder / "more").mkdir(parents=True)
    (folder / "adapter_model.safetensors").write_bytes(tensors())
    (folder / "adapter_config.json").write_text('{"r": 8}')
    (folder / "more" / "template.jinja").write_text("{{ messages }}")
    return folder


@pytest.fixture(params=["folder", "memory", "file"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Settings that keep in a folder here, in memory, or behind a file's URL."""
    urls = {"folder": "", "memory": f"memory://{uuid4().hex}/attune", "file": f"file://{tmp_path / 'far'}"}
    return Settings(home=tmp_path / "home", artifacts=urls[request.param])


@pytest.fixture
def store(settings: Settings) -> Store:
    """An empty store."""
    return Store(settings)
