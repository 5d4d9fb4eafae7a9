"""Where the embedded engine of a running `attune up` listens: a free port each time, noted in the home for commands beside it."""

from pathlib import Path

import msgspec

from service.settings import Settings

_FILE = "engine.address"


def note_engine(home: Path, url: str) -> None:
    """Note where the engine listens."""
    (home / _FILE).write_text(url)


def forget_engine(home: Path) -> None:
    """Take the note away, if there is one."""
    (home / _FILE).unlink(missing_ok=True)


def with_engine(settings: Settings) -> Settings:
    """The settings with the noted address, unless ATTUNE_ENGINE says another. After a crash the note may name nobody."""
    try:
        return settings if settings.engine else msgspec.structs.replace(settings, engine=(settings.home / _FILE).read_text().strip())
    except OSError:
        return settings
