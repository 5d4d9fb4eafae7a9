"""`attune exchanges export`: what was said and what people thought of it, as a file that `import` reads."""

from itertools import chain
from pathlib import Path

import rich_click as click
from click.exceptions import Exit

from service.cli.lines import print_lines, write_lines
from service.cli.output import database, settings
from service.curation.imports.export import Format, Judged, lines_of, told_dialogues
from service.db.engine import reading
from service.personas.shelf import survey

_EMPTY = 6


@click.command()
@click.option("--persona", help="Only of this persona.")
@click.option("--rated", is_flag=True, help="Only conversations in which a reply was rated; in openai and sharegpt, liked.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["jsonl", "openai", "sharegpt", "csv"]),
    default="jsonl",
    show_default=True,
    help="jsonl and csv hold ratings, corrections, comments and reasons; openai and sharegpt what was liked, the rest as context.",
)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="The file to write; stdout by default.")
@click.option("--force", is_flag=True, help="Replace the file if it is there.")
def export(persona: str | None, rated: bool, form: Format, out: Path | None, force: bool) -> None:
    """Write the conversations, one to a line (csv: one exchange to a row). Personal data is not taken out of them.

    What comes out can be brought in again: attune exchanges import. Nothing to write is exit code 6.
    """
    if persona:
        survey(settings().personas).require(persona)
    with database() as engine, reading(engine) as session:
        only: Judged | None = None
        if rated:
            only = "liked" if form in {"openai", "sharegpt"} else "rated"
        told = told_dialogues(session, persona, only=only)
        first = next(told, None)
        if first is None:
            _explain(persona, only)
            raise Exit(_EMPTY)
        lines = lines_of(chain([first], told), form)
        if out is None:
            print_lines(lines)
            return
        # Excel takes a table for UTF-8 only where a byte order mark says so.
        count = write_lines(out, lines, force=force, encoding="utf-8-sig" if form == "csv" else "utf-8")
    click.echo(f"wrote {out}: {count - (form == 'csv'):,} {'exchanges' if form == 'csv' else 'conversations'} as {form}", err=True)


def _explain(persona: str | None, only: str | None) -> None:
    whose = f" with {persona}" if persona else ""
    if only:
        click.echo(f"No reply{whose} is {only}, so there is nothing to write. Without --rated all that was said is written.", err=True)
    else:
        click.echo(f"Nothing was said{whose} yet, so there is nothing to write. Start: attune up", err=True)
