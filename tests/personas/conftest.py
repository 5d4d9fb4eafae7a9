"""A short way to write persona files."""

from collections.abc import Callable
from pathlib import Path

import pytest

SETTINGS = "title: Friend\nmodels: [local:starter]"


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Writes a persona file of these settings and this prompt; by default a good one."""

    def write(settings: str = SETTINGS, prompt: str = "You are {{ char }}.", name: str = "friend") -> Path:
        path = tmp_path / f"{name}.md"
        path.write_text(f"---\n{settings}\n---\n{prompt}\n", encoding="utf-8")
        return path

    return write
