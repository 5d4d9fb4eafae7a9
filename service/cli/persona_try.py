"""`attune persona try`: a good prompt should be exhausted before anyone trains."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import rich_click as click
import structlog
from click.exceptions import Exit
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from service.cli.bench_output import show_csv, show_document, show_side_by_side
from service.cli.engine_address import with_engine
from service.cli.output import as_json, settings
from service.cli.persona_bench import Column, ask_all, columns_of
from service.cli.persona_gate import gate_variant
from service.cli.persona_talks import Talk, talks_of_file, talks_of_probes
from service.errors import Invalid
from service.personas.file import read_persona
from service.personas.markup import read_text
from service.personas.persona import Persona
from service.personas.shelf import Personas, survey
from service.providers.catalog import Providers, split_model
from service.settings import Settings

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_INTERRUPTED = 130


def _names(_context: click.Context, _parameter: click.Parameter, value: str) -> list[str]:
    return list(dict.fromkeys(name.strip() for name in value.split(",") if name.strip()))


@click.command("try")
@click.argument("name")
@click.option("--models", default="", callback=_names, help="Such as local:starter,ollama:llama3.2; by default the persona's.")
@click.option("--prompts", type=_FILE, help="What to ask; by default the persona's probes.")
@click.option("--variants", default="", callback=_names, help="Other texts for the same persona: files, with front matter or without.")
@click.option("--samples", default=1, show_default=True, type=click.IntRange(1, 100), help="How often each is asked, with other seeds.")
@as_json
@click.option("--gate", is_flag=True, help="Ask the gate whether the one text in --variants may replace the present one.")
@click.option("--csv", "as_csv", is_flag=True, help="Print one line of CSV per reply.")
def try_persona(
    name: str, models: list[str], prompts: Path | None, variants: list[str], samples: int, as_json: bool, as_csv: bool, gate: bool
) -> None:
    """Put the same messages to the persona NAME on several models, and under several texts, side by side.

    PROMPTS is one message per line, or a list of conversations in .yaml or .jsonl. Ctrl-C keeps what is there. The exit code is 5 when no
    model answered. With --gate the champion speaks under both texts, and the gate that judges versions says whether the new one may take
    over; 6 when it may not.
    """
    if as_json and as_csv:
        raise Invalid("Choose --json or --csv.")
    ours = with_engine(settings())
    personas = survey(ours.personas)
    persona = personas.require(name)
    if gate:
        if len(variants) != 1:
            raise Invalid("The gate compares one text with the present one. Name it: --gate --variants other.md")
        gate_variant(ours, persona, _variant(persona, Path(variants[0])), as_json)
        return
    columns = columns_of([persona, *(_variant(persona, Path(file)) for file in variants)], models or persona.settings.models)
    for column in columns:
        split_model(column.model)
    talks = _talks(personas, name, prompts)
    whole = _ask(columns, talks, samples, ours)
    if as_json:
        show_document(name, columns, talks)
    elif as_csv:
        show_csv(columns, talks)
    else:
        show_side_by_side(columns, talks)
    if not whole:
        raise Exit(_INTERRUPTED)
    if not any(column.answered for column in columns):
        raise Exit(5)


def _variant(persona: Persona, path: Path) -> Persona:
    """Another text: a persona file of its own, or only a prompt, to which all else of the persona stays."""
    if read_text(path).lstrip().startswith("---"):
        return read_persona(path, persona.safety)
    text = read_text(path)
    changed = msgspec.structs.replace(persona, name=path.stem, template=text.strip(), text=text, origin=str(path), line=1)
    if not changed.prompt():
        raise Invalid(f"There is no prompt in {path}.")
    return changed


def _talks(personas: Personas, name: str, prompts: Path | None) -> list[Talk]:
    if prompts is not None:
        return talks_of_file(prompts)
    talks = talks_of_probes(personas.probes(name))
    if not talks:
        raise Invalid(f"The persona {name} has no probes. Say what to ask: --prompts FILE, one message per line.")
    return talks


def _ask(columns: list[Column], talks: list[Talk], samples: int, ours: Settings) -> bool:
    """Ask all; whether it came to its end."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))  # what fails stands in its column

    async def ask(tell: Callable[[int], None]) -> None:
        providers = Providers(ours)
        try:
            await ask_all(columns, talks, samples, providers, ours, tell)
        finally:
            await providers.close()

    try:
        with _progress(len(columns) * len(talks) * samples) as tell:
            asyncio.run(ask(tell))
    except KeyboardInterrupt:
        click.echo("Interrupted; this is what is there.", err=True)
        return False
    return True


@contextmanager
def _progress(total: int) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal, and a sentence otherwise."""
    console = Console(stderr=True)
    columns = (TextColumn("asking"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    if not console.is_terminal:
        click.echo(f"Asking {total} questions.", err=True)
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bars:
        bar = bars.add_task("asking", total=total)
        yield lambda number: bars.advance(bar, number)
