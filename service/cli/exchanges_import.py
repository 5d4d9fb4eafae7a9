"""`attune exchanges import`: conversations from elsewhere become rated exchanges of a persona."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import rich_click as click
from click.exceptions import Exit
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from service.cli.output import as_json, database, settings, show_json
from service.curation.imports.forms import FORMS, Reading, Surveyed, find_form, survey
from service.curation.imports.storage import store_dialogues
from service.curation.imports.text import digest_of
from service.db.engine import transaction
from service.db.tables import Import
from service.personas.persona import Persona
from service.personas.shelf import survey as survey_personas

_EMPTY = 6


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--as", "name", required=True, help="The persona that is to learn from it.")
@click.option(
    "--form",
    "asked",
    type=click.Choice(["auto", *FORMS]),
    default="auto",
    show_default=True,
    help="What the file is; told by its beginning.",
)
@click.option("--skip-broken", is_flag=True, help="Leave broken records out. Without it nothing is imported if one is broken.")
@click.option("--dry-run", is_flag=True, help="Say what is in the file, and keep nothing.")
@as_json
def import_exchanges(file: Path, name: str, asked: str, skip_broken: bool, dry_run: bool, as_json: bool) -> None:
    """Bring in conversations: OpenAI's JSONL (chats, preferences), ShareGPT, CSV pairs, or Open WebUI's feedback export.

    Liked replies and corrections are learned from at the next night; nobody is shown them. Nothing to import is exit code 6.
    """
    persona = survey_personas(settings().personas).require(name)
    form = find_form(file, asked)
    digest = digest_of(file, form)
    reading = Reading(file, form, skip_broken)
    with _progress("reading", None) as tell:
        found = survey(reading, tell)
    kept = None if dry_run or not found.dialogues else _store(persona, reading, digest, found)
    if as_json:
        show_json(_document(persona, reading, found, kept))
    _tell(reading, found, kept)
    if not found.dialogues:
        raise Exit(_EMPTY)


def _store(persona: Persona, reading: Reading, digest: str, found: Surveyed) -> Import:
    """Read the file once more, into the database: what was counted is not in memory, for it may be large."""
    again = Reading(reading.path, reading.form, skip_broken=bool(reading.flawed))
    with _progress("importing", found.dialogues) as tell, database() as engine, transaction(engine) as session:
        return store_dialogues(session, persona, reading.path.name, reading.form, digest, again, tell)


def _document(persona: Persona, reading: Reading, found: Surveyed, kept: Import | None) -> dict[str, Any]:
    return {
        "import": kept.id if kept else None,
        "persona": persona.name,
        "source": reading.path.name,
        "form": reading.form,
        **found._asdict(),
        "unrated": found.unrated,
        "notes": dict(reading.notes),
        "broken": reading.flawed,
        "flaws": reading.flaws,
    }


def _tell(reading: Reading, found: Surveyed, kept: Import | None) -> None:
    """What was found, what was made of it, and how to undo that: to stderr."""
    for words in reading.told():
        click.echo(f"left out: {words}", err=True)
    for sentence, count in reading.notes.items():
        click.echo(f"note: {sentence} ({count:,}).", err=True)
    if not found.dialogues:
        click.echo(f"There is nothing to import in {reading.path}.", err=True)
        return
    click.echo(
        f"{reading.form}: {_plural(found.dialogues, 'conversation')} with {_plural(found.replies, 'reply')}: "
        f"{found.liked:,} liked, {found.disliked:,} disliked, {found.corrected:,} corrected, {found.unrated:,} not rated.",
        err=True,
    )
    if not found.liked + found.disliked:
        click.echo("note: No reply in it is rated, so nothing of it is learned until somebody rates it.", err=True)
    if kept is None:
        click.echo("Nothing was kept: this was a dry run.", err=True)
    else:
        click.echo(f"Imported for {kept.persona}. To take it back: attune exchanges withdraw-import {kept.id}", err=True)


def _plural(count: int, noun: str) -> str:
    return f"{count:,} {noun if count == 1 else f'{noun[:-1]}ies' if noun.endswith('y') else f'{noun}s'}"


@contextmanager
def _progress(what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal, and nothing otherwise: what happens to the end is said afterwards. Takes how far it is."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed:,}"), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bars:
        bar = bars.add_task(what, total=total)
        yield lambda done: bars.update(bar, completed=done)
