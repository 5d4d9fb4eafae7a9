"""`attune db`: the database itself."""

import rich_click as click

from service.chat.examples import rebuild_examples
from service.cli.output import database, settings
from service.db.engine import transaction
from service.db.migration import revision


@click.group()
def db() -> None:
    """The database: where it is, its schema, its search index."""


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


@db.command()
def reindex() -> None:
    """Rebuild from the ratings what is found as examples; safe at any time."""
    with database() as engine, transaction(engine) as session:
        count = rebuild_examples(session)
    click.echo(f"{count} liked exchange{'' if count == 1 else 's'} can be shown as examples.", err=True)
