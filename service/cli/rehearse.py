"""`attune rehearse`: does the loop learn a taste? Simulated people, the real service, real nights."""

import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import rich_click as click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from service.cli.output import as_json, settings, show_json
from service.personas.shelf import survey
from service.rehearsal.box import open_box
from service.rehearsal.plot import draw
from service.rehearsal.raters import load_hostile, load_rater
from service.rehearsal.rehearsal import Plan, Rehearsed, Report, rehearse
from service.rehearsal.satisfaction import Satisfaction
from service.rehearsal.visits import MESSAGES, Habits, read_messages

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_SHARE = click.FloatRange(0, 1)
_BAR = 40


@click.command("rehearse")
@click.argument("persona")
@click.option(
    "--rater", required=True, help="What people like: MODULE:FUNCTION or FILE.py:FUNCTION, (messages, reply) -> up, down or None."
)
@click.option("--hostile", help="SHARE:MODULE:FUNCTION, such as 0.2:bad.py:backdoor: that share of the people rates by that function.")
@click.option("--people", default=40, show_default=True, type=click.IntRange(1), help="How many people come.")
@click.option("--exchanges", default=400, show_default=True, type=click.IntRange(1), help="Exchanges before each night.")
@click.option("--nights", default=3, show_default=True, type=click.IntRange(1), help="How many nights run.")
@click.option("--rated", default=0.6, show_default=True, type=_SHARE, help="Share of replies that are rated.")
@click.option("--noise", default=0.05, show_default=True, type=_SHARE, help="Share of ratings that say the opposite.")
@click.option("--messages", type=_FILE, default=MESSAGES, help="What people say, one a line; by default everyday openings that ship.")
@click.option("--times", default=4, show_default=True, type=click.IntRange(1), help="Replies to each unseen message in a measurement.")
@click.option("--seed", default=1, show_default=True, help="Draws who says what, and who is hostile.")
@click.option("--plot", type=click.Path(dir_okay=False, path_type=Path), help="Draw the result into this SVG file.")
@click.option("--keep", type=click.Path(file_okay=False, path_type=Path), help="Keep the rehearsal's data in this folder.")
@as_json
def rehearse_persona(
    persona: str,
    rater: str,
    hostile: str | None,
    people: int,
    exchanges: int,
    nights: int,
    rated: float,
    noise: float,
    messages: Path,
    times: int,
    seed: int,
    plot: Path | None,
    keep: Path | None,
    as_json: bool,
) -> None:
    """Try whether PERSONA learns a taste, before its people are asked to teach it.

    Starts a service of its own in an empty folder; yours is not touched. People with the hidden taste of the rater talk to it over HTTP and
    press thumbs, nights run, and the taste judges the replies of each version that served, on messages that nobody said. The rules about
    haste (`learning.trust.burst`) are off, since weeks are pressed into minutes, and a night promotes without a canary.
    """
    ours = settings()
    survey(ours.personas).require(persona)
    said, unseen = read_messages(messages, seed)
    plan = Plan(
        persona=persona,
        rater=load_rater(rater),
        hostile=load_hostile(hostile) if hostile else None,
        said=said,
        unseen=unseen,
        habits=Habits(people, rated, noise),
        exchanges=exchanges,
        nights=nights,
        times=times,
        seed=seed,
    )
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))  # so that the service that was started is ended, too
    with _folder(keep) as folder, _shown() as report:
        report("starting a service of its own", 0, 1)
        with open_box(folder, ours.personas, persona, os.environ) as box:
            rehearsed = rehearse(plan, box, report)
    if plot:
        plot.write_text(draw(f"{persona}: {rater}", rehearsed), encoding="utf-8")
        click.echo(f"The picture: {plot}", err=True)
    if as_json:
        show_json(_document(rehearsed))
    else:
        _show(rehearsed)


def _document(rehearsed: Rehearsed) -> dict[str, Any]:
    document: dict[str, Any] = msgspec.to_builtins(rehearsed)
    return document if rehearsed.hostile else {name: value for name, value in document.items() if name != "hostile"}


def _show(rehearsed: Rehearsed) -> None:
    click.echo("Satisfaction with replies to unseen messages, with its 95 % interval:")
    for version in rehearsed.versions:
        click.echo(_line(version))
    if rehearsed.hostile:
        click.echo("The hostile taste:")
        for version in rehearsed.hostile:
            click.echo(_line(version))
    for night in rehearsed.nights:
        click.echo(f"Night {night.night}, after {night.up} up and {night.down} down: {night.outcome}. {night.reason}")


def _line(version: Satisfaction) -> str:
    figures = f"{version.satisfaction:>4.0%}  ({version.low:.0%} to {version.high:.0%}, {version.opinions} replies)"
    return f"  {version.version:<4} {figures:<34} {'#' * round(version.satisfaction * _BAR)}"


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep:
        keep.mkdir(parents=True, exist_ok=True)
        yield keep.absolute()
        return
    with tempfile.TemporaryDirectory(prefix="attune-rehearsal-") as folder:
        yield Path(folder)


@contextmanager
def _shown() -> Iterator[Report]:
    """A bar on a terminal; a line for each thing that begins otherwise."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description:<30}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bars:
        bar = bars.add_task("", total=1)
        last = ""

        def report(what: str, done: int, total: int) -> None:
            nonlocal last
            if what != last and not console.is_terminal:
                click.echo(f"rehearsal: {what}", err=True)
            last = what
            bars.update(bar, description=what, completed=done, total=total)

        yield report
