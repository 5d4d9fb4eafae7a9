"""What commands share: opening the database, and data to stdout as JSON or as a table."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import msgspec
import rich_click as click
from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.table import Table
from rich.text import Text
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from service.db.engine import open_engine
from service.db.migration import upgrade
from service.errors import Unavailable
from service.settings import Settings, read_settings

WHEN = "when (UTC)"
_GAP = 2  # characters between two columns
_LONG = 24  # characters; what is shorter is never cut
_NARROWEST = 12
_LINES = 3
_SHORT_ID = 8

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
    """Print a list to stdout, or to stderr the sentence that says why there is none.

    A terminal shows up to three lines of a long text; a file or another program is given all of it, a line to a row.
    """
    if not rows:
        click.echo(empty, err=True)
        return
    cells = [[on_one_line(cell) for cell in row] for row in rows]
    natural = [max(map(cell_len, column)) for column in zip(columns, *cells, strict=True)]
    gaps = _GAP * (len(columns) - 1)
    console = Console()
    if not console.is_terminal:
        console = Console(width=sum(natural) + gaps)
    widths = _share(natural, console.width - gaps)
    table = _table()
    for name, width in zip(columns, widths, strict=True):
        table.add_column(name, width=width)
    for row in cells:
        table.add_row(*(_beginning(console, cell, width) for cell, width in zip(row, widths, strict=True)))
    _print(console, table)


def _share(natural: Sequence[int], room: int) -> list[int]:
    """A width for each column: short ones have what they need, and long ones share evenly what is left."""
    widths = list(natural)
    long = sorted((each for each in range(len(widths)) if widths[each] > _LONG), key=widths.__getitem__)
    left = room - sum(width for width in widths if width <= _LONG)
    for done, each in enumerate(long):
        widths[each] = max(min(widths[each], left // (len(long) - done)), _NARROWEST)
        left -= widths[each]
    return widths


def _beginning(console: Console, cell: str, width: int) -> Text:
    """As much of a text as its lines hold in a column of this width."""
    if cell_len(cell) <= width:
        return Text(cell)
    lines = Text(cell).wrap(console, width)
    if len(lines) > _LINES:
        lines[_LINES - 1] = Text(set_cell_size(lines[_LINES - 1].plain, width - 1).rstrip() + "…")
    return Text("\n").join(lines[:_LINES])


def show_record(rows: Sequence[Sequence[Any]], columns: Sequence[str] = ()) -> None:
    """Print all there is to say of one thing to stdout; long texts go on in the next line."""
    table = _table(show_header=bool(columns))
    for row in rows:
        table.add_row(*(Text(on_one_line(cell)) for cell in row))
    for column, name in zip(table.columns, columns, strict=False):
        column.header = name
    _print(Console(), table)


def _table(*, show_header: bool = True) -> Table:
    return Table(box=None, header_style="bold", pad_edge=False, show_header=show_header)


def _print(console: Console, table: Table) -> None:
    with console.capture() as printed:
        console.print(table)
    click.echo("\n".join(line.rstrip() for line in printed.get().splitlines()))


def short_id(whole: str) -> str:
    """The end of an id, by which people name a thing: its beginning is the time, much the same for all of a day."""
    return whole[-_SHORT_ID:]


def in_minutes(moment: datetime) -> str:
    """A moment as lists show it, in the column WHEN."""
    return f"{moment:%Y-%m-%d %H:%M}"


def on_one_line(cell: Any) -> str:
    """A cell as a terminal may show it: people's words may hold what would steer it."""
    return "" if cell is None else "".join(character if character.isprintable() else " " for character in str(cell))
