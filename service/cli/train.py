"""`attune train`: the training runs of the nights."""

import time
from typing import Any

import msgspec
import rich_click as click
from click.exceptions import Exit
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from sqlalchemy import Engine

from service import ledger
from service.cli.output import WHEN, as_json, database, in_minutes, settings, short_id, show_json, show_rows
from service.db.engine import reading, transaction
from service.db.tables import RunState, TrainingRun, now
from service.personas.shelf import read_personas

_POLL_SECONDS = 0.5
_UNDER_WAY = {RunState.queued, RunState.running}
_EXIT = {RunState.succeeded: 0, RunState.failed: 1, RunState.cancelled: 1}


@click.group()
def train() -> None:
    """The training runs: what trains now, what has trained, and an end to one that should not go on."""


@train.command("list")
@click.argument("persona", required=False)
@as_json
def list_runs(persona: str | None, as_json: bool) -> None:
    """List the training runs, newest first."""
    if persona:
        read_personas(settings().personas).get(persona)
    with database() as engine, reading(engine) as session:
        runs = ledger.list_runs(session, persona)
    if as_json:
        show_json([_as_dict(run) for run in runs])
        return
    columns = ("run", "persona", "trainer", "method", "base", "state", WHEN, "minutes", "where")
    show_rows(columns, [_row(run) for run in runs], "Nothing was trained yet. A night trains once there is enough to learn from.")


@train.command()
@click.argument("run")
@as_json
def watch(run: str, as_json: bool) -> None:
    """Follow RUN, an id or the end of one, or the newest run of a persona, until it ends.

    The exit code is 0 when it succeeded, 1 when it failed or was cancelled. With --json it prints a line for each piece of progress.
    """
    with database() as engine:
        with reading(engine) as session:
            found = ledger.get_run(session, run)
        ended = _follow(engine, found.id, as_json)
    if not as_json:
        click.echo(_ending(ended))
    raise Exit(_EXIT[ended.state])


@train.command()
@click.argument("run")
@as_json
def stop(run: str, as_json: bool) -> None:
    """End RUN, an id or the end of one, or the newest run of a persona, for good. Its night ends with a receipt, and the champion stays."""
    with database() as engine, transaction(engine) as session:
        found = ledger.get_run(session, run)
        ledger.ask_to_stop(session, found)
        document = _as_dict(found)
    if as_json:
        show_json(document)
    else:
        click.echo(f"{found.persona}'s training run is asked to stop. Follow it: attune train watch {short_id(found.id)}", err=True)


def _follow(engine: Engine, run_id: str, as_json: bool) -> TrainingRun:
    """Show every change until the run has ended: a bar on a terminal, lines otherwise."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description:<10}"), BarColumn(), TextColumn("{task.fields[detail]}"), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=as_json or not console.is_terminal) as bars:
        bar = bars.add_task("queued", total=1, detail="")
        shown: Any = None
        while True:
            with reading(engine) as session:
                run = session.get_one(TrainingRun, run_id)
            progress = run.progress or {}
            bars.update(
                bar, description=run.state.value, completed=progress.get("step", 0), total=progress.get("steps", 1), detail=_where(run)
            )
            if (state := (run.state, progress)) != shown:
                shown = state
                if as_json:
                    click.echo(_line(run))
                elif not console.is_terminal:
                    click.echo(f"{run.state.value} {_where(run)}".rstrip(), err=True)
            if run.state not in _UNDER_WAY:
                return run
            time.sleep(_POLL_SECONDS)


def _ending(run: TrainingRun) -> str:
    if run.state == RunState.succeeded:
        first, last = _measured(run, "loss_first"), _measured(run, "loss_last")
        loss = "" if first is None or last is None else f"; the loss went from {first:.3f} to {last:.3f}"
        return f"succeeded: {run.method} after {_minutes(run)} minutes{loss}."
    return f"{run.state.value}: {run.error or 'no reason was given.'}"


def _measured(run: TrainingRun, name: str) -> float | None:
    value = run.parameters.get(name)
    return float(value) if isinstance(value, int | float) else None


def _row(run: TrainingRun) -> tuple[Any, ...]:
    where = _where(run) if run.state in _UNDER_WAY else run.error
    began = in_minutes(run.created_at)
    return short_id(run.id), run.persona, run.trainer, run.method, run.base, run.state.value, began, _minutes(run), where


def _minutes(run: TrainingRun) -> str:
    return f"{((run.ended_at or now()) - run.created_at).total_seconds() / 60:.1f}"


def _where(run: TrainingRun) -> str:
    """Where it stands, as far as its trainer says so."""
    progress = run.progress or {}
    parts = []
    if "step" in progress:
        method = f"{progress['method']} " if progress.get("method") else ""
        parts.append(f"{method}step {progress['step']} of {progress['steps']}")
    for name, words in (("loss", "loss {:.3f}"), ("learning_rate", "rate {:.1e}"), ("tokens_per_second", "{:,.0f} tokens/s")):
        if progress.get(name) is not None:
            parts.append(words.format(progress[name]))
    if progress.get("memory_bytes"):
        parts.append(f"{progress['memory_bytes'] / 2**30:.1f} GiB")
    if progress.get("eta_seconds") is not None and run.state in _UNDER_WAY:
        parts.append(f"about {progress['eta_seconds'] / 60:.1f} minutes left")
    if run.stop_asked_at and run.state in _UNDER_WAY:
        parts.append("asked to stop")
    return ", ".join(parts)


def _line(run: TrainingRun) -> str:
    return msgspec.json.encode({"state": run.state.value, **(run.progress or {})}).decode()


def _as_dict(run: TrainingRun) -> dict[str, Any]:
    return {
        "id": run.id,
        "persona": run.persona,
        "night": run.night_id,
        "dataset": run.dataset_id,
        "trainer": run.trainer,
        "method": run.method,
        "base": run.base,
        "state": run.state.value,
        "parameters": run.parameters,
        "progress": run.progress,
        "job": run.job,
        "error": run.error,
        "attempts": run.attempts,
        "created_at": run.created_at.isoformat(),
        "stop_asked_at": run.stop_asked_at.isoformat() if run.stop_asked_at else None,
        "ended_at": run.ended_at.isoformat() if run.ended_at else None,
    }
