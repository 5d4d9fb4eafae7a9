"""Bringing the database to the present schema with Alembic."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, text

from service.db.engine import reading, writing
from service.errors import Unavailable

_FOLDER = Path(__file__).parent / "migrations"
_LOCK = 7_106_841  # any number that nobody else locks on the same PostgreSQL server


def upgrade(engine: Engine) -> None:
    """Apply every migration not yet applied, all or none; raise `Unavailable` for a database made by a newer Attune, or a failing one."""
    script = ScriptDirectory(str(_FOLDER))
    current = revision(engine)
    if current == script.get_current_head():
        return
    if current is not None and current not in {known.revision for known in script.walk_revisions()}:
        raise Unavailable(f"The database was made by a newer Attune (schema {current}). Upgrade Attune before you use it.")
    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    with writing(engine) as connection:
        if engine.dialect.name == "postgresql":  # SQLite has one writer at a time anyway.
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def revision(engine: Engine) -> str | None:
    """The schema's revision, or None for an empty database; raise `Unavailable` when it cannot be read."""
    with reading(engine) as session:
        return MigrationContext.configure(session.connection()).get_current_revision()
