"""`attune dataset build`: the dataset a night would learn from, made now."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import rich_click as click
from click.exceptions import Exit
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from sqlalchemy import Engine

from service import ledger
from service.cli.dataset_show import show_markdown
from service.cli.engine_address import with_engine
from service.cli.output import as_json, database, settings, show_json
from service.curation.build import Built
from service.curation.dataset import read_manifest
from service.curation.datasheet import DATASHEET, facts_of, write_datasheet
from service.curation.gather import Report
from service.curation.library import dataset_folder, list_datasets
from service.curation.lineage import lineage_rows
from service.curator import curate
from service.db.engine import reading, transaction
from service.db.tables import Dataset


@click.command()
@click.argument("persona")
@click.option("--dry-run", is_flag=True, help="Show what would be in it, and freeze nothing.")
@as_json
def build(persona: str, dry_run: bool, as_json: bool) -> None:
    """Build and freeze the dataset of PERSONA as a night would, without training on it.

    When there is too little to train on, the reason is said and the exit code is 6; the dataset is there all the same.
    """
    ours = with_engine(settings())
    with database() as engine, TemporaryDirectory() as scratch:
        folder = Path(scratch) if dry_run else dataset_folder(ours.artifact_folder)
        with _told() as report:
            built = curate(engine, ours, persona, report, folder=folder)
        if not dry_run:
            _keep(engine, persona, built)
        if as_json:
            show_json(_as_dict(built, dry_run))
        else:
            sheet = built.frozen.path / DATASHEET
            manifest = read_manifest(built.frozen.path)
            show_markdown(sheet.read_text(encoding="utf-8") if sheet.exists() else write_datasheet(facts_of(persona, manifest)))
    if not dry_run:
        click.echo(f"frozen as {built.frozen.hash[:12]} in {built.frozen.path}", err=True)
    if built.not_ready:
        click.echo(built.not_ready, err=True)
        raise Exit(6)


def _keep(engine: Engine, persona: str, built: Built) -> None:
    """Note the dataset and its lineage, unless the newest one of the persona has the same rows."""
    dataset = Dataset(persona=persona, hash=built.frozen.hash, counts=built.counts)
    lineage = lineage_rows(dataset.id, built.train, built.holdout)  # made before the transaction: it holds up every other writer
    with reading(engine) as session:
        newest = next(iter(list_datasets(session, persona)), None)
    if newest is None or newest.hash != dataset.hash:
        with transaction(engine) as session:
            ledger.keep_dataset(session, dataset, lineage)


def _as_dict(built: Built, dry_run: bool) -> dict[str, Any]:
    return {
        "hash": built.frozen.hash,
        "path": None if dry_run else str(built.frozen.path),
        "ready": built.not_ready is None,
        "reason": built.not_ready,
        "counts": built.counts,
        "prepared": built.prepared,
    }


@contextmanager
def _told() -> Iterator[Report]:
    """How far the build is: a bar for each stage on a terminal, otherwise a line when a stage begins."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description:<44}"), BarColumn(), TextColumn("{task.completed:,.0f}"), TimeElapsedColumn())
    bars: dict[str, TaskID] = {}
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:

        def report(stage: str, done: int, total: int) -> None:
            if stage not in bars:
                for earlier in bars.values():
                    progress.stop_task(earlier)
                bars[stage] = progress.add_task(stage, total=total)
                if not console.is_terminal:
                    click.echo(f"build: {stage}", err=True)
            progress.update(bars[stage], completed=done, total=max(total, done, 1))

        yield report
