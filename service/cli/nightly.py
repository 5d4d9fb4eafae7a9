"""`attune nightly`: run a night now and wait for its receipt."""

import re
import time
from textwrap import fill
from typing import Any

import rich_click as click
from click.exceptions import Exit
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from sqlalchemy import Engine
from sqlmodel import select

from service import ledger
from service.cli.output import as_json, database, settings, short_id, show_json
from service.db.engine import reading, transaction
from service.db.tables import Night, Outcome, Receipt, ReceiptKind
from service.errors import Conflict, Unavailable
from service.personas.shelf import read_personas

_POLL_SECONDS = 0.5
_SENTENCE_END = re.compile(r"(?<=[.!?]) (?=[A-Z])")
_ABANDONED_SECONDS = 60.0
_STEPS = ("queued", "freeze", "train", "host", "evaluate", "decide")
_EXIT = {Outcome.promoted: 0, Outcome.canary: 0, Outcome.rejected: 6, Outcome.skipped: 6, Outcome.failed: 1}


@click.command()
@click.argument("persona")
@click.option("--wait", is_flag=True, help="Wait for the night to end and print its receipt.")
@as_json
def nightly(persona: str, wait: bool, as_json: bool) -> None:
    """Run a night for PERSONA now: learn from its ratings, prove the new version better, serve it.

    With --wait the exit code says how it ended: 0 promoted, 6 not promoted (the receipt says why), 1 failed.
    """
    read_personas(settings().personas).get(persona)
    with database() as engine:
        night_id = _request(engine, persona, wait)
        if not wait:
            if as_json:
                show_json({"night": night_id, "persona": persona})
            else:
                click.echo(f"The night has begun. Follow it: attune nightly {persona} --wait", err=True)
            return
        _follow(engine, night_id)
        receipt = _receipt(engine, night_id)
    if as_json:
        show_json(_as_dict(receipt))
    else:
        show_outcome(receipt)
    raise Exit(_EXIT[receipt.outcome])


def _request(engine: Engine, persona: str, wait: bool) -> str:
    with transaction(engine) as session:
        if not ledger.worker_is_alive(session):
            raise Unavailable("No worker is running, so nobody would run the night. Start one: attune up")
        try:
            return ledger.request_night(session, persona).id
        except Conflict:
            under_way = [night.id for night in ledger.open_nights(session) if night.persona == persona]
            if not wait or not under_way:
                raise
            click.echo("A night is under way already; following that one.", err=True)
            return under_way[0]


def _follow(engine: Engine, night_id: str, patience: float = _ABANDONED_SECONDS) -> None:
    """Show how far the night is until it has ended: a bar on a terminal, a line per step otherwise.

    Raise `Unavailable` when no worker was seen for `patience` seconds.
    """
    console = Console(stderr=True)
    columns = (TextColumn("{task.description:<28}"), BarColumn(), TextColumn("{task.fields[detail]}"), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bars:
        bar = bars.add_task("queued", total=len(_STEPS), detail="")
        shown, unseen = "", 0
        while True:
            with reading(engine) as session:
                night = session.get_one(Night, night_id)
                # Counted in looks, not by the clock: a machine that slept for an hour has not lost its worker.
                unseen = 0 if ledger.worker_is_alive(session) else unseen + 1
            if night.step != shown and not console.is_terminal:
                click.echo(f"night: {night.step}", err=True)
            shown = night.step
            bars.update(bar, description=night.step, completed=_done(night), detail=_detail(night.progress))
            if night.ended_at is not None:
                bars.update(bar, completed=len(_STEPS), detail="")
                return
            if unseen * _POLL_SECONDS > patience:
                raise Unavailable(
                    "No worker has been seen for a minute. The night is kept, and goes on where it was when one starts: attune up"
                )
            time.sleep(_POLL_SECONDS)


def _done(night: Night) -> float:
    within = night.progress.get("step", 0) / max(night.progress.get("steps", 1), 1)
    return (_STEPS.index(night.step) if night.step in _STEPS else 0) + float(within)


def _detail(progress: dict[str, Any]) -> str:
    if "stage" in progress:
        return f"{progress['stage']}, {progress['step']:,} of {progress['steps']:,}"
    return f"step {progress['step']} of {progress['steps']}, loss {progress['loss']:.3f}" if "loss" in progress else ""


def _receipt(engine: Engine, night_id: str) -> Receipt:
    with reading(engine) as session:
        return session.exec(select(Receipt).where(Receipt.night_id == night_id, Receipt.kind == ReceiptKind.night)).one()


def show_outcome(receipt: Receipt) -> None:
    """Say how a night ended: a paragraph, which a terminal shows by its sentences; then who serves, and where there is more."""
    outcome = f"{receipt.outcome.value}: {receipt.reason}"
    console = Console()
    if console.is_terminal:
        outcome = "\n".join(fill(each, console.width - 1, subsequent_indent="  ") for each in _SENTENCE_END.split(outcome))
    click.echo(outcome)
    more = f"All of it: attune receipts show {short_id(receipt.id)}"
    click.echo(f"{receipt.persona} is served by {receipt.champion}. {more}", err=True)


def _as_dict(receipt: Receipt) -> dict[str, Any]:
    return {
        "outcome": receipt.outcome.value,
        "reason": receipt.reason,
        "version": receipt.version,
        "champion": receipt.champion,
        "persona": receipt.persona,
        "night": receipt.night_id,
        "created_at": receipt.created_at.isoformat(),
        "details": receipt.details,
    }
