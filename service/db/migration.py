"""Bringing the database to the present schema with Alembic, which is imported only where something is to be brought: a short command
would wait for it longer than for its own work."""

from pathlib import Path

from sqlalchemy import Engine, inspect, text

from service.db.engine import reading, writing
from service.errors import Unavailable

_FOLDER = Path(__file__).parent / "migrations"
_LOCK = 7_106_841  # any number that nobody else locks on the same PostgreSQL server


def upgrade(engine: Engine) -> None:
    """Apply every migration not yet applied, all or none; raise `Unavailable` for a database made by a newer Attune, or a failing one."""
    current, known = revision(engine), _revisions()
    if current == known[-1]:
        return
    if current is not None and current not in known:
        raise Unavailable(f"The database was made by a newer Attune (schema {current}). Upgrade Attune before you use it.")
    from alembic import command  # noqa: PLC0415 - see above
    from alembic.config import Config  # noqa: PLC0415 - see above

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
        if not inspect(session.connection()).has_table("alembic_version"):
            return None
        number: str | None = session.connection().scalar(text("SELECT version_num FROM alembic_version"))
        return number


def _revisions() -> list[str]:
    """All there are, oldest first: a migration's file begins with its number, and so do their order and their names."""
    return sorted(file.name.partition("_")[0] for file in (_FOLDER / "versions").glob("[0-9]*.py"))
