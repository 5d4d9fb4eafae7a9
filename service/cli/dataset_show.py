"""`attune dataset list`, `show` and `diff`: which datasets there are, their datasheets and lineage, and what changed."""

from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import rich_click as click
from click.exceptions import Exit
from rich.console import Console
from rich.markdown import Markdown
from sqlmodel import Session

from service.cli.output import WHEN, as_json, database, in_minutes, settings, show_json, show_rows
from service.curation.dataset import find_damage, read_manifest
from service.curation.datasheet import DATASHEET, facts_of, write_datasheet
from service.curation.difference import as_markdown, compare
from service.curation.library import dataset_folder, find_dataset, lineage_of, list_datasets
from service.db.engine import reading
from service.db.tables import Dataset
from service.personas.shelf import read_personas

of_persona = click.option("--persona", help="Only of this persona.")


@click.command("list")
@of_persona
@as_json
def list_frozen(persona: str | None, as_json: bool) -> None:
    """List the datasets, newest first."""
    with database() as engine, reading(engine) as session:
        rows = [_as_dict(dataset) for dataset in list_datasets(session, persona)]
    if persona and not rows:
        read_personas(settings().personas).get(persona)
    if as_json:
        show_json(rows)
        return
    cells = [
        (
            row["persona"],
            row["hash"][:12],
            _count(row, "train"),
            _count(row, "holdout"),
            row["counts"].get("train_pairs", 0),
            in_minutes(datetime.fromisoformat(row["made_at"])),
        )
        for row in rows
    ]
    empty = "There is no dataset yet. A night makes one: attune nightly PERSONA --wait"
    show_rows(("persona", "dataset", "train", "holdout", "pairs", WHEN), cells, empty)


@click.command()
@click.argument("named", metavar="ID|latest", default="latest")
@of_persona
@click.option("--lineage", is_flag=True, help="For every row the exchange, rating and person, or the import, it came from.")
@as_json
def show(named: str, persona: str | None, lineage: bool, as_json: bool) -> None:
    """Show the datasheet of a dataset: an id or a hash, or the beginning of one.

    When a file of it is not as it was frozen, that is said, and the exit code is 6.
    """
    with database() as engine, reading(engine) as session:
        found = find_dataset(session, named, persona)
        if lineage:
            _show_lineage(session, found, as_json)
            return
    path = _path(found)
    manifest, damaged = read_manifest(path), find_damage(path)
    if as_json:
        show_json({**_as_dict(found), "manifest": msgspec.to_builtins(manifest), "damaged": damaged})
    else:
        show_markdown(_read(path / DATASHEET) or write_datasheet(facts_of(found.persona, manifest)))
    if damaged:
        click.echo(f"Not as it was frozen: {', '.join(damaged)} in {path}. Do not train on it; build it anew.", err=True)
        raise Exit(6)


@click.command()
@click.argument("older", metavar="OLD")
@click.argument("newer", metavar="NEW", default="latest")
@of_persona
@as_json
def diff(older: str, newer: str, persona: str | None, as_json: bool) -> None:
    """Show what differs between two datasets: rows that came, went, changed sides or changed their label."""
    with database() as engine, reading(engine) as session:
        paths = [_path(find_dataset(session, named, persona)) for named in (older, newer)]
    difference = compare(*paths)
    if as_json:
        show_json(difference)
    else:
        show_markdown(as_markdown(difference))


def _show_lineage(session: Session, found: Dataset, as_json: bool) -> None:
    rows = lineage_of(session, found)
    if as_json:
        show_json(rows)
        return
    columns = ("split", "form", "origin", "exchange", "other", "rating", "thumb", "person", "import")
    show_rows(columns, [tuple(row[name] for name in columns) for row in rows], "That dataset has no rows.")


def show_markdown(text: str) -> None:
    """Rendered on a terminal, as it is elsewhere. Topics are named in people's words, which may hold what would steer a terminal."""
    plain = "".join(letter for letter in text if letter.isprintable() or letter == "\n")
    console = Console()
    if console.is_terminal:
        console.print(Markdown(plain))
    else:
        click.echo(plain, nl=False)


def _as_dict(dataset: Dataset) -> dict[str, Any]:
    path = _path(dataset)
    return {
        "id": dataset.id,
        "persona": dataset.persona,
        "hash": dataset.hash,
        "night": dataset.night_id,
        "made_at": dataset.created_at.isoformat(),
        "counts": dataset.counts,
        "path": str(path) if path.is_dir() else None,
    }


def _count(row: dict[str, Any], side: str) -> int:
    return int(row["counts"].get(f"{side}_samples", 0))


def _path(dataset: Dataset) -> Path:
    return dataset_folder(settings().artifact_folder, dataset.hash)


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""
