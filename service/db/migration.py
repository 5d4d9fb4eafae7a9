"""Bringing the database to the present schema with Alembic."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

from service.errors import Unavailable

_FOLDER = Path(__file__).parent / "migrations"


def upgrade(engine: Engine) -> None:
    """Apply every migration not yet applied; raise `Unavailable` for a database made by a newer Attune."""
    script = ScriptDirectory(str(_FOLDER))
    current = revision(engine)
    if current is not None and current not in {known.revision for known in script.walk_revisions()}:
        raise Unavailable(f"The database was made by a newer Attune (schema {current}). Upgrade Attune before you use it.")
    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()


def revision(engine: Engine) -> str | None:
    """The schema's revision, or None for an empty database."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()
