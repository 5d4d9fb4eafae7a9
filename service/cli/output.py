"""What commands share: opening the database, and data to stdout as JSON or as a table."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
import rich_click as click
from rich.console import Console
from rich.table import Table
from rich.text import Text
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from service.db.engine import open_engine
from service.db.migration import upgrade
from service.errors import Unavailable
from service.settings import Settings, read_settings

as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


def settings() -> Settings:
    """The settings from the environment."""
    return read_settings(os.environ)


@contextmanager
def database() -> Iterator[Engine]:
    """The database of the settings, at the present schema; raise `Unavailable` when it cannot be opened."""
    engine = open_engine(settings().database)
    try:
        _bring_up_to_date(engine)
        yield engine
    finally:
        engine.dispose()


def _bring_up_to_date(engine: Engine) -> None:
    try:
        upgrade(engine)
    except Unavailable as error:
        if not isinstance(error.__cause__, DBAPIError):
            raise
        reason = str(error.__cause__.orig).splitlines()[0]
        raise Unavailable(f"The database cannot be opened: {reason}. See: attune db path", code=error.code) from error


def show_json(data: Any) -> None:
    """Print `data` as JSON to stdout."""
    click.echo(msgspec.json.format(msgspec.json.encode(data), indent=2).decode())


def show_rows(columns: Sequence[str], rows: Sequence[Sequence[Any]], empty: str) -> None:
    """Print a table to stdout, or to stderr the sentence that says why there is none."""
    if not rows:
        click.echo(empty, err=True)
        return
    table = Table(*columns, box=None, header_style="bold", pad_edge=False)
    for row in rows:
        table.add_row(*(Text(on_one_line(cell)) for cell in row))
    Console().print(table)


def on_one_line(cell: Any) -> str:
    """A cell as a terminal may show it: people's words may hold what would steer it."""
    return "" if cell is None else "".join(character if character.isprintable() else " " for character in str(cell))
