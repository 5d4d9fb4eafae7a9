"""Scripts written in the test itself, and the play that may lie beside the repository."""

from collections.abc import Callable
from pathlib import Path

import pytest

from service.curation.transcripts.scenes import Script
from service.curation.transcripts.script import read_script
from tests.processes import ROOT

PLAY = Path(ROOT).parent / "shared" / "data" / "mind-the-paint-girl.txt"


@pytest.fixture(scope="session")
def read() -> Callable[..., Script]:
    """Reads a script from text."""

    def read(text: str, **named) -> Script:
        return read_script(text.encode(), **named)

    return read


@pytest.fixture(scope="session")
def spoken(read) -> Callable[..., list[tuple[str, str]]]:
    """Who says what in a text."""

    def spoken(text: str, **named) -> list[tuple[str, str]]:
        return [(speech.speaker, speech.text) for speech in read(text, **named).speeches]

    return spoken


@pytest.fixture(scope="session")
def play() -> Script:
    """The whole play, where it is there."""
    if not PLAY.exists():
        pytest.skip("the play is not beside the repository")
    return read_script(PLAY.read_bytes())
