"""`attune db`: the database itself."""

import rich_click as click

from service.cli.output import database, settings
from service.db.migration import revision


@click.group()
def db() -> None:
    """The database: where it is, and its schema."""


@db.command()
def path() -> None:
    """Print where the database is (a password in the URL is not shown)."""
    from sqlalchemy.engine import make_url  # noqa: PLC0415  # so that --help stays quick

    click.echo(make_url(settings().database).render_as_string(hide_password=True))


@db.command()
def upgrade() -> None:
    """Bring the database to the present schema."""
    with database() as engine:
        click.echo(f"The database is at schema {revision(engine)}.", err=True)
