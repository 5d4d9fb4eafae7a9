"""`attune dataset export`: a frozen dataset in the form that another trainer reads."""

from itertools import chain
from pathlib import Path
from typing import Any

import rich_click as click
from click.exceptions import Exit

from service.cli.dataset_show import of_persona
from service.cli.lines import print_lines, write_lines
from service.cli.output import database, settings
from service.curation.formats.catalog import FORMATS, as_line, export, remark
from service.curation.library import dataset_folder, find_dataset
from service.db.engine import reading

_FORMS = "\n\n".join(f"{name}: {form.about}." for name, form in FORMATS.items())


@click.command(
    "export", help=f"Write a dataset as JSON Lines, to FILE or to stdout. ID is an id or a hash, or the beginning of one.\n\n{_FORMS}"
)
@click.argument("named", metavar="ID|latest")
@click.option("--format", "name", required=True, type=click.Choice(list(FORMATS)))
@click.option("--split", default="train", show_default=True, type=click.Choice(["train", "holdout"]))
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="The file to write; stdout by default.")
@click.option("--force", is_flag=True, help="Replace the file if it is there.")
@of_persona
def export_frozen(named: str, name: str, split: Any, out: Path | None, force: bool, persona: str | None) -> None:
    """See the help above. Nothing to write is exit code 6."""
    with database() as engine, reading(engine) as session:
        found = find_dataset(session, named, persona)
    path = dataset_folder(settings().artifact_folder, found.hash)
    rows = export(path, name, split)
    first = next(rows, None)
    if first is None:
        what = {"unpaired": "replies", "pair": "pairs", "passage": "passages"}[FORMATS[name].form]
        click.echo(f"There are no {what} to write as {name} on the {split} side of {found.hash[:12]}.", err=True)
        raise Exit(6)
    lines = (f"{as_line(row)}\n" for row in chain([first], rows))
    if out is None:
        print_lines(lines)
    else:
        count = write_lines(out, lines, force=force)
        click.echo(f"wrote {out}: {count:,} {'row' if count == 1 else 'rows'} as {name}", err=True)
    for sentence in remark(path, name, split):
        click.echo(f"note: {sentence}", err=True)
