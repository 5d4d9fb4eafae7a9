"""`attune persona check`: every mistake of every file, and who would answer."""

import socket
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import SplitResult, urlsplit

import rich_click as click
from click.exceptions import Exit

from service.chat.messages import count_tokens
from service.cli.engine_address import with_engine
from service.cli.output import as_json, settings, show_json, show_rows
from service.errors import PersonaError
from service.personas.persona import Persona, fingerprint
from service.personas.shelf import Personas, survey
from service.providers.catalog import split_model
from service.providers.table import BUILT_IN, read_tables
from service.settings import Settings

_CONNECT_SECONDS = 2.0
_PORTS = {"http": 80, "https": 443}


@click.command()
@as_json
def check(as_json: bool) -> None:
    """Check every persona file with its seeds, golden rows and probes, the seeds about safety, and whether its providers are there.

    All mistakes are told, with file and line; with any the exit code is 6. A provider that does not answer now is told too, but is no
    mistake.
    """
    ours = with_engine(settings())
    personas = survey(ours.personas)
    problems = [problem for error in personas.troubles.values() for problem in _told(error)]
    if not (len(personas) or problems):
        problems.append(f"There is no persona in {ours.personas}. Write one there, such as friend.md, or set ATTUNE_PERSONAS.")
    unknown, silent = _look_at_providers(personas, ours)
    reports = [_report(personas, each) for each in personas]
    safety_seeds, wrong_seeds = _count(personas.safety_seeds)
    problems += [problem for report in reports for problem in report.pop("problems")] + wrong_seeds + unknown
    if as_json:
        show_json({"ok": not problems, "personas": reports, "safety_seeds": safety_seeds, "problems": problems, "notes": silent})
    else:
        columns = ("name", "seeds", "golden", "probes", "lore", "prompt_tokens", "revision", "fingerprint")
        show_rows(columns, [[report[name] for name in columns] for report in reports], "")
        for line in (*problems, *(f"Note: {note}" for note in silent)):
            click.echo(line, err=True)
    if problems:
        raise Exit(6)


def _told(error: PersonaError) -> list[str]:
    return [error.message, *error.further]


def _report(personas: Personas, persona: Persona) -> dict[str, Any]:
    """What there is to say about a persona whose file is good. The tokens are an estimate."""
    seeds, wrong_seeds = _count(lambda: personas.seeds(persona.name))
    golden, wrong_golden = _count(lambda: personas.golden(persona.name))
    probes, wrong_probes = _count(lambda: personas.probes(persona.name))
    return {
        "name": persona.name,
        "seeds": seeds,
        "golden": golden,
        "probes": probes,
        "lore": len(persona.lorebook.entries) if persona.lorebook else 0,
        "prompt_tokens": count_tokens(persona.prompt()) + (count_tokens(persona.safety) if persona.safety else 0),
        "revision": persona.revision,
        "fingerprint": fingerprint(persona.prompt()),
        "problems": wrong_seeds + wrong_golden + wrong_probes,
    }


def _count(read: Callable[[], Sequence[object]]) -> tuple[int, list[str]]:
    """How many there are, and what is wrong with their file."""
    try:
        return len(read()), []
    except PersonaError as error:
        return 0, _told(error)


def _look_at_providers(personas: Personas, ours: Settings) -> tuple[list[str], list[str]]:
    """What is wrong with the models that the personas name, and which of their providers do not answer now."""
    tables = read_tables(ours.providers)
    wrong, silent = [], []
    users: dict[str, list[Persona]] = {}
    for persona in personas:
        for name in dict.fromkeys(split_model(model)[0] for model in persona.settings.models):
            users.setdefault(name, []).append(persona)
    for name, named_by in users.items():
        if name not in BUILT_IN and name not in tables:
            wrong += [f"{each.origin}: models: there is no provider '{name}'. Name it in {ours.providers}." for each in named_by]
            continue
        built_in = {"local": ours.engine_url, "openai": ours.openai_base_url, "ollama": ours.ollama_host}
        address = built_in.get(name) or tables[name].base_url
        if name == "openai" and not ours.openai_api_key:
            silent.append("The provider openai has no key. Set OPENAI_API_KEY.")
        elif not _answers(address):
            hint = " Start it: attune up" if name == "local" else ""
            silent.append(f"The provider {name} does not answer at {_shown(address)} now.{hint}")
    return wrong, silent


def _answers(address: str) -> bool:
    """Whether somebody listens there; nothing is asked."""
    parts = _parts(address)
    try:
        with socket.create_connection((parts.hostname or "", parts.port or _PORTS[parts.scheme]), timeout=_CONNECT_SECONDS):
            return True
    except (OSError, ValueError, KeyError):
        return False


def _shown(address: str) -> str:
    """The address without what could be a secret in it."""
    parts = _parts(address)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _parts(address: str) -> SplitResult:
    # OLLAMA_HOST may be no more than a name, as Ollama itself takes it.
    return urlsplit(address if "://" in address else f"http://{address}{'' if ':' in address else ':11434'}")
