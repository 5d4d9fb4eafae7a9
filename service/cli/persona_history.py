"""`attune persona revisions` and `diff`: every text that a persona's file ever had when it served."""

import difflib
import sys
from collections.abc import Iterable
from pathlib import Path

import rich_click as click
from rich.console import Console
from rich.text import Text
from sqlmodel import Session

from service.chat.revision import Kept, find_revision, kept_under, list_revisions
from service.cli.output import WHEN, as_json, database, in_minutes, settings, show_json, show_rows
from service.db.engine import reading
from service.db.tables import Revision
from service.errors import NotFound
from service.personas.file import SAFETY_FILE
from service.personas.markup import read_text
from service.personas.persona import fingerprint

_COLOURS = {"+": "green", "-": "red", "@": "cyan"}


@click.command()
@click.argument("name")
@as_json
def revisions(name: str, as_json: bool) -> None:
    """List the texts that the file of persona NAME had, newest first. For the safety text NAME is safety.txt."""
    with database() as engine, reading(engine) as session:
        kept = _kept(session, name)
    now = _text_now(name)
    present = None if now is None else fingerprint(_as_served(name, now))
    rows = [
        {
            "revision": each.revision.fingerprint,
            "created_at": each.revision.created_at.isoformat(),
            "exchanges": each.served,
            "present": each.revision.fingerprint == present,
        }
        for each in kept
    ]
    if as_json:
        show_json(rows)
    else:
        shown = [
            (row["revision"], in_minutes(each.revision.created_at), row["exchanges"], "yes" if row["present"] else "")
            for row, each in zip(rows, kept, strict=True)
        ]
        show_rows(("revision", WHEN, "exchanges", "present"), shown, "No text of it was ever served. Start: attune up")


@click.command()
@click.argument("name")
@click.argument("from_", metavar="[FROM]", required=False)
@click.argument("to", required=False)
def diff(name: str, from_: str | None, to: str | None) -> None:
    """Show how the file of persona NAME changed between the revisions FROM and TO, each named by the beginning of its fingerprint.

    Without TO it is the file as it is now; without FROM the newest kept text that differs from that.
    """
    with database() as engine, reading(engine) as session:
        kept = _kept(session, name)
        after = _present(name) if to is None else _named(session, name, to)
        before = _latest_other(name, kept, after[1]) if from_ is None else _named(session, name, from_)
    if before is None:
        click.echo("No other text of it was ever served.", err=True)
        return
    lines = list(difflib.unified_diff(before[1].splitlines(), after[1].splitlines(), before[0], after[0], lineterm=""))
    if not lines:
        click.echo("Nothing differs.", err=True)
    _show_lines(lines)


def _kept(session: Session, name: str) -> list[Kept]:
    """The kept texts; raise `NotFound` where there is neither one nor a file."""
    kept = list_revisions(session, kept_under(name))
    if not kept and _text_now(name) is None:
        raise NotFound(f"There is no persona '{name}', and there was none. See: attune persona list", code="persona_not_found")
    return kept


def _text_now(name: str) -> str | None:
    """The text of the file, whether or not it says what it must; None when there is no file."""
    path = _path(name)
    return read_text(path) if path.is_file() else None


def _path(name: str) -> Path:
    return settings().personas / (name if name == SAFETY_FILE else f"{name}.md")


def _as_served(name: str, text: str) -> str:
    return text.strip() if name == SAFETY_FILE else text


def _present(name: str) -> tuple[str, str]:
    text = _text_now(name)
    if text is None:
        raise NotFound(f"There is no file {_path(name)} any more. Name two revisions: attune persona revisions {name}")
    return str(_path(name)), _as_served(name, text)


def _named(session: Session, name: str, mark: str) -> tuple[str, str]:
    return _titled(name, find_revision(session, kept_under(name), mark))


def _latest_other(name: str, kept: Iterable[Kept], text: str) -> tuple[str, str] | None:
    others = (each.revision for each in kept if each.revision.text != text)
    return next((_titled(name, revision) for revision in others), None)


def _titled(name: str, revision: Revision) -> tuple[str, str]:
    return f"{name} {revision.fingerprint} {revision.created_at:%Y-%m-%d %H:%M}", revision.text


def _show_lines(lines: Iterable[str]) -> None:
    if not sys.stdout.isatty():
        for line in lines:
            click.echo(line)
        return
    console = Console(soft_wrap=True)
    for number, line in enumerate(lines):
        shown = "".join(character if character.isprintable() or character == "\t" else " " for character in line)
        console.print(Text(shown, style="bold" if number < 2 else _COLOURS.get(line[:1], "")))
