"""`attune up`: everything on one machine. Web, worker and embedded engine as supervised processes; Ctrl-C stops them all."""

import fcntl
import importlib.util
import os
import shutil
import signal
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TextIO

import rich_click as click
from sqlmodel import select

from service.cli.engine_address import forget_engine, note_engine
from service.cli.output import settings as read
from service.cli.supervisor import Child, Stream
from service.db.engine import open_engine, transaction
from service.db.keys import SCOPES, create_key
from service.db.migration import upgrade
from service.db.tables import ApiKey
from service.errors import Conflict, HostingError
from service.hosting.engine import engine_command, engine_environment, warm_up_starter
from service.personas.shelf import Personas, read_personas
from service.settings import Settings

_READY_SECONDS = 120
_WARM_SECONDS = 90


@click.command()
def up() -> None:
    """Start Attune on this machine: web, worker and the embedded model engine. Ctrl-C stops all of it."""
    settings = read()
    stream = Stream(sys.stdout)
    personas = read_personas(settings.personas)
    settings.home.mkdir(parents=True, exist_ok=True)
    lock = _lock(settings.home)
    _require_free(settings.host, settings.port)
    first_key = _prepare_database(settings)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda _number, _frame: stop.set())
    try:
        _run(settings, personas, stream, stop, first_key)
    finally:
        lock.close()


def _run(settings: Settings, personas: Personas, stream: Stream, stop: threading.Event, first_key: str | None) -> None:
    children = _children(settings, stream)
    try:
        for child in children[:-1]:
            child.start(stream.tell)
        _warm_up(settings, children, stream, stop)
        if not stop.is_set():
            children[-1].start(stream.tell)
            threading.Thread(target=_welcome, args=(settings, personas, stream, stop, first_key), daemon=True).start()
        while not stop.wait(0.2):
            for child in children:
                child.revive(stream.tell)
    finally:
        # The worker first: a night that is under way then simply goes on at the next start, instead of failing for want of an engine.
        stream.tell("attune", "stopping")
        for child in sorted(children, key=lambda each: ("worker", "web", "engine").index(each.name)):
            child.stop()
        forget_engine(settings.home)
        stream.tell("attune", "stopped")


def _children(settings: Settings, stream: Stream) -> list[Child]:
    """The processes in the order of their start; web is the last, so that whoever reaches it finds the engine warm."""
    port = _free_port()
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    if sys.stdout.isatty():
        environment["FORCE_COLOR"] = "1"
    ours = {**environment, "ATTUNE_ENGINE": settings.engine or f"http://127.0.0.1:{port}"}
    children = [
        Child("worker", [sys.executable, "-m", "service", "worker"], ours, patience=10),
        Child("web", [sys.executable, "-m", "service", "serve"], ours),
    ]
    if settings.engine:
        stream.tell("attune", "using the engine that ATTUNE_ENGINE names")
    elif importlib.util.find_spec("torch") is None:
        stream.tell("attune", "no embedded engine: torch is not installed. For local models: pip install 'attune[local]'")
    else:
        children.insert(0, Child("engine", engine_command("127.0.0.1", port), engine_environment(environment), patience=5))
        os.environ["ATTUNE_ENGINE"] = f"http://127.0.0.1:{port}"
        note_engine(settings.home, os.environ["ATTUNE_ENGINE"])
    return children


def _warm_up(settings: Settings, children: list[Child], stream: Stream, stop: threading.Event) -> None:
    if children[0].name != "engine":
        return
    stream.tell("attune", "the engine is starting; this takes about ten seconds")
    try:
        warm_up_starter(os.environ["ATTUNE_ENGINE"], settings.artifact_folder, _WARM_SECONDS, stop)
    except HostingError as error:
        stream.tell("attune", f"{error.message} The chat starts all the same, and answers as soon as a model does.")


def _welcome(settings: Settings, personas: Personas, stream: Stream, stop: threading.Event, first_key: str | None) -> None:
    """Say where everything is, once the web process is ready."""
    url = f"http://{'127.0.0.1' if settings.host in {'0.0.0.0', '::'} else settings.host}:{settings.port}"  # noqa: S104
    end = time.monotonic() + _READY_SECONDS
    while not _answers(f"{url}/health/ready"):
        if stop.wait(0.3) or time.monotonic() > end:
            return
    names = [persona.name for persona in personas]
    attune = _command()
    key = first_key or f"the one shown at the first start; a new one: {attune} keys create"
    stream.say(
        f"""
  Attune is running.

    Chat      {url}/
    API       {url}/v1    models: {", ".join(names)}
    Key       {key}
    Data      {settings.home.absolute()}

  Try next
    1. Chat in the browser and rate the replies with the thumbs.
    2. See what was said:     {attune} exchanges list
    3. Run a night now:       {attune} nightly {names[0]} --wait
    4. See the versions:      {attune} model list

  Nights run by themselves at '{settings.nightly}' ({settings.timezone}). Ctrl-C stops everything.
"""
    )


def _command() -> str:
    """What a person types for `attune` where they are: `make run` puts it on no path."""
    if shutil.which("attune"):
        return "attune"
    script = Path(sys.prefix, "bin", "attune")
    if not script.exists():
        return f"{sys.executable} -m service"
    return str(script.relative_to(Path.cwd()) if script.is_relative_to(Path.cwd()) else script)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as response:  # noqa: S310  # our own address, built above
            return bool(response.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def _prepare_database(settings: Settings) -> str | None:
    """Bring the database to the present schema; on the very first start make a key and return it."""
    engine = open_engine(settings.database)
    try:
        upgrade(engine)
        with transaction(engine) as session:
            if session.exec(select(ApiKey)).first() is not None:
                return None
            return create_key(session, "first", SCOPES)[1]
    finally:
        engine.dispose()


def _lock(home: Path) -> TextIO:
    """Hold the home for this process alone; raise `Conflict` when another one has it."""
    file = (home / "attune.lock").open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        raise Conflict(f"Attune is running already with its data in {home.absolute()}. Stop it first, or set ATTUNE_HOME.") from error
    return file


def _require_free(host: str, port: int) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise Conflict(f"Port {port} on {host} is taken. Choose another: ATTUNE_PORT=8001 attune up") from error


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
