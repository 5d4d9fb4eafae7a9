"""The checks of `attune doctor`. Nothing here loads torch, shows a key, or changes anything."""

import importlib.metadata
import os
import platform
import shutil
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import NamedTuple

import httpx
import psutil

from service import ledger
from service.db.engine import open_engine, reading
from service.db.migration import upgrade
from service.errors import AttuneError, TrainingError
from service.hosting.catalog import make_host
from service.personas.persona import Persona
from service.personas.shelf import survey
from service.providers.catalog import checkpoint_folder, split_model
from service.providers.table import Table, read_tables
from service.settings import Settings
from service.training.base import RunSpec
from service.training.catalog import LOCAL, Trainers
from service.training.choice import Holds, choose_methods, make_parameters, make_schedules
from service.training.launcher import training_command
from service.training.machine import find_cards, look
from service.training.preflight import Load, read_shape, settle

_GIB = 2**30
_SECONDS = 3.0
_LITTLE_DISK = 5 * _GIB
_LOCAL_EXTRA = ("torch", "transformers", "trl", "peft", "accelerate", "datasets", "bitsandbytes")
_TYPICAL = Holds(liked=200, disliked=200)
_TYPICAL_TOKENS = 200_000


class State(Enum):
    """How a thing is."""

    ok = "ok"
    note = "note"
    broken = "broken"


class Check(NamedTuple):
    """One thing that was looked at: `about` groups it, `words` say how it is, `fix` what to do."""

    about: str
    name: str
    state: State
    words: str
    fix: str = ""


def check_machine(settings: Settings) -> Iterator[Check]:
    """Python, processor, memory, disk, cards, and the libraries that training needs."""
    yield Check("machine", "Python", State.ok, f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    memory = psutil.virtual_memory()
    cores = psutil.cpu_count(logical=False) or 1
    yield Check("machine", "memory", State.ok, f"{memory.available / _GIB:.1f} of {memory.total / _GIB:.1f} GiB free, {cores} cores")
    yield _disk(settings)
    cards = find_cards()
    for card in cards:
        bits = "bf16" if card.has_bf16 else "no bf16"
        free = f"{card.free_bytes / _GIB:.1f} of {card.total_bytes / _GIB:.1f} GiB free"
        yield Check("machine", "GPU", State.ok, f"{card.name}, {free}, driver {card.driver}, {bits}")
    if not cards:
        yield Check("machine", "GPU", State.note, "none found: training runs on the processor, which suits small bases only")
    missing = [name for name in _LOCAL_EXTRA if _version(name) is None]
    there = ", ".join(f"{name} {_version(name)}" for name in _LOCAL_EXTRA if name not in missing)
    if missing:
        words = f"missing for training here: {', '.join(missing)}" + (f"; there: {there}" if there else "")
        yield Check("machine", "libraries", State.note, words, "pip install 'attune[local]'")
    else:
        yield Check("machine", "libraries", State.ok, there)
    if settings.launcher:
        yield _launcher(settings.launcher)


def check_service(settings: Settings) -> Iterator[Check]:
    """The database with its schema, a worker, and the folder of artifacts."""
    engine = open_engine(settings.database)
    try:
        upgrade(engine)
        yield Check("service", "database", State.ok, "it opens, and its schema is this version's")
        with reading(engine) as session:
            alive = ledger.worker_is_alive(session)
        if alive:
            yield Check("service", "worker", State.ok, "it gave a sign of life within the last seconds")
        else:
            yield Check("service", "worker", State.note, "none is running, so no night runs", "attune up")
    except AttuneError as error:
        yield Check("service", "database", State.broken, error.message, "attune db path")
    finally:
        engine.dispose()
    folder = settings.artifact_folder
    folder.mkdir(parents=True, exist_ok=True)
    if os.access(folder, os.W_OK):
        yield Check("service", "artifacts", State.ok, f"{folder} can be written")
    else:
        yield Check("service", "artifacts", State.broken, f"{folder} cannot be written", "mend its permissions, or set ATTUNE_ARTIFACTS")


def check_providers(settings: Settings) -> Iterator[Check]:
    """Who can answer: the engine, Ollama, OpenAI where a key is set, and every table of attune.toml. Who is named first matters."""
    personas = survey(settings.personas)
    first = {split_model(persona.settings.models[0])[0] for persona in personas}
    named = {split_model(model)[0] for persona in personas for model in persona.settings.models}
    yield _reach("local", f"{settings.engine_url}/health", "local" in first, "attune up")
    yield _reach("ollama", f"{settings.ollama_host.rstrip('/')}/api/tags", "ollama" in first, "start Ollama, or set OLLAMA_HOST")
    if settings.openai_api_key:
        yield Check("provider", "openai", State.ok, "a key is set")
    elif "openai" in named:
        state = State.broken if "openai" in first else State.note
        yield Check("provider", "openai", state, "a persona names it, and no key is set", "set OPENAI_API_KEY")
    for name, table in read_tables(settings.providers).items():
        if table.base_url:
            yield _table(name, table, name in first)


def check_personas(settings: Settings) -> Iterator[Check]:
    """Each persona: whether its file can be read, and what a night of it could train and where it would be served."""
    personas = survey(settings.personas)
    for name, trouble in personas.troubles.items():
        yield Check("persona", name, State.broken, trouble.message, "attune persona check")
    for persona in personas:
        yield from _persona(settings, persona)


def _persona(settings: Settings, persona: Persona) -> Iterator[Check]:
    learning = persona.settings.learning
    try:
        Trainers(settings).trainer_of(persona)
        make_host(settings, learning.host)
    except AttuneError as error:
        yield Check("persona", persona.name, State.broken, error.message, "attune persona check")
        return
    if learning.trainer != LOCAL:
        words = f"a night trains {learning.base} at {learning.trainer}, within ${learning.budget.dollars:g}"
        yield Check("persona", persona.name, State.note, words, "its first night asks whether the account may train")
        return
    base = checkpoint_folder(learning.base, settings)
    try:
        shape = read_shape(base)
        methods, _ = choose_methods(_TYPICAL, learning.minimum.each_label, learning.method)
        schedules = make_schedules(methods, shape.weights, _TYPICAL, learning.tuning)
        parameters = make_parameters(learning.tuning, learning.budget.tokens)
        spec = RunSpec(run_id="doctor", base=str(base), dataset="", schedules=schedules, parameters=parameters)
        load = Load(tokens=_TYPICAL_TOKENS, longest=learning.budget.tokens, at_once=2)
        _, estimate = settle(spec, shape, load, look(settings.artifact_folder))
    except TrainingError as error:
        fix = (
            f"attune model fetch {learning.base}" if "/" in learning.base and not base.exists() else "set learning.base, or learning.tuning"
        )
        yield Check("persona", persona.name, State.broken, error.message, fix)
        return
    missing = _version("torch") is None
    words = f"on {learning.base}, served by {learning.host}: with 400 ratings {estimate.words}"
    yield Check("persona", persona.name, State.note if missing else State.ok, words, "pip install 'attune[local]'" if missing else "")


def _disk(settings: Settings) -> Check:
    folder = settings.artifact_folder
    there = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free = shutil.disk_usage(there).free
    words = f"{free / _GIB:.1f} GiB free where artifacts are kept"
    if free < _LITTLE_DISK:
        return Check("machine", "disk", State.note, words, "attune artifacts clean --dry-run")
    return Check("machine", "disk", State.ok, words)


def _launcher(launcher: str) -> Check:
    try:
        command = training_command(launcher, "service.training.lora", ["FOLDER"])
    except TrainingError as error:
        return Check("machine", "launcher", State.broken, error.message, "set ATTUNE_LAUNCHER, or leave it empty")
    return Check("machine", "launcher", State.ok, f"training is started through {Path(command[0]).name}")


def _table(name: str, table: Table, needed: bool) -> Check:
    if table.key_env and table.key_env not in os.environ:
        state = State.broken if needed else State.note
        return Check("provider", name, state, f"its key is missing: {table.key_env} is not set", f"set {table.key_env}")
    path = "/api/tags" if table.kind == "ollama" else "/models"
    key = os.environ.get(table.key_env, "") if table.key_env else ""
    return _reach(name, table.base_url.rstrip("/") + path, needed, "start it, or mend base_url in attune.toml", key)


def _reach(name: str, url: str, needed: bool, fix: str, key: str = "") -> Check:
    """Any answer is a sign of life, a refusal too."""
    try:
        response = httpx.get(url, timeout=_SECONDS, headers={"Authorization": f"Bearer {key}"} if key else {})
    except httpx.HTTPError as error:
        words = f"it cannot be reached ({type(error).__name__})"
        return Check("provider", name, State.broken if needed else State.note, words, fix)
    return Check("provider", name, State.ok, f"it answers{_models(name, response)}")


def _models(name: str, response: httpx.Response) -> str:
    if name != "ollama" or not response.is_success:
        return ""
    models = [str(model.get("name")) for model in response.json().get("models", [])]
    return f", with {', '.join(models[:5])}" if models else ", without a model"


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
