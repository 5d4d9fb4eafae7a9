"""Commands beside a running `attune up` find its engine."""

from pathlib import Path

from service.cli.engine_address import forget_engine, note_engine, with_engine
from service.settings import Settings
from tests.conftest import Up
from tests.processes import answers


def test_the_noted_engine_is_used_unless_another_is_set(tmp_path: Path) -> None:
    """A note in the home is followed, ATTUNE_ENGINE comes before it, and without either the default stays."""
    settings = Settings(home=tmp_path)
    assert with_engine(settings) == settings
    note_engine(tmp_path, "http://127.0.0.1:9")
    assert with_engine(settings).engine_url == "http://127.0.0.1:9"
    assert with_engine(Settings(home=tmp_path, engine="http://box:1")).engine_url == "http://box:1"
    forget_engine(tmp_path)
    forget_engine(tmp_path)
    assert with_engine(settings) == settings


def test_a_running_service_notes_its_engine(up: Up) -> None:
    """`attune up` gives its engine a free port, and a command in the same home knows which."""
    assert answers(f"{with_engine(Settings(home=up.home)).engine_url}/health")
