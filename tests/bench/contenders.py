"""Who is measured: Attune as `attune serve` runs it, the bare forwarder, and LiteLLM's proxy from an environment of its own."""

import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import psutil
from sqlalchemy import text

from service.db.engine import open_engine, reading
from tests.processes import answers, attune, environment, free_port, running, until

HERE = Path(__file__).parent
_PERSONA = """---
title: Bench
models: [bench:{model}]
variables: {{user: someone}}
sampling: {{temperature: 0.9, max_tokens: 4000}}
memory: {{max_tokens: 2000}}
reply: {{strip_speaker: true, stop_at_other_speakers: true}}
ratings: {{up: [funny], down: [boring]}}
---
Your name is Bench. You talk with {{{{ user }}}} as a close friend does, in short sentences.
"""


class Contender(NamedTuple):
    """A server under load, and where it keeps what it was told to keep."""

    name: str
    url: str
    model: str
    paced_model: str
    process: psutil.Process
    key: str = ""
    database: str = ""

    @property
    def cpu_seconds(self) -> float:
        """What it used up of the processors so far."""
        times = self.process.cpu_times()
        return float(times.user + times.system)

    @property
    def resident_bytes(self) -> int:
        """How much memory it holds now."""
        return int(self.process.memory_info().rss)

    def kept(self, reply: str) -> tuple[int, int]:
        """How many exchanges its database holds, and how many of these are complete (with `reply`, where it is not '')."""
        whole = "state = 'complete' AND ended_at IS NOT NULL AND length(reply) > 0" + (" AND reply = :reply" if reply else "")
        engine = open_engine(self.database)
        try:
            with reading(engine) as session:
                rows = session.connection().execute(text("SELECT count(*) FROM exchange")).scalar_one()
                complete = session.connection().execute(text(f"SELECT count(*) FROM exchange WHERE {whole}"), {"reply": reply}).scalar_one()
        finally:
            engine.dispose()
        return rows, complete


@contextmanager
def upstream(folder: Path) -> Iterator[str]:
    """The model server; its base URL."""
    port = free_port()
    with running([sys.executable, str(HERE / "upstream.py"), str(port)], os.environ, folder / "upstream.log"):
        until(lambda: answers(f"http://127.0.0.1:{port}/"), 30, "upstream")
        yield f"http://127.0.0.1:{port}/v1"


@contextmanager
def attune_server(folder: Path, upstream_url: str) -> Iterator[Contender]:
    """Attune in an empty home: a key, a persona, and a database on disk."""
    port = free_port()
    personas = folder / "personas"
    personas.mkdir()
    for name, model in (("bench", "words"), ("paced", "paced")):
        (personas / f"{name}.md").write_text(_PERSONA.format(model=model))
    (folder / "attune.toml").write_text(f'[providers.bench]\nbase_url = "{upstream_url}"\n')
    settings = {"ATTUNE_PERSONAS": str(personas), "ATTUNE_PROVIDERS": str(folder / "attune.toml"), "ATTUNE_PORT": str(port)}
    limits = {"ATTUNE_LIMIT_KEY": "1000000", "ATTUNE_REPLIES_KEY": "1000000"}  # Counted, and never reached.
    env = environment(folder / "home", **settings, **limits)
    url = f"http://127.0.0.1:{port}"
    with running([sys.executable, "-m", "service", "serve"], env, folder / "attune.log") as process:
        until(lambda: answers(f"{url}/health/ready"), 60, "Attune")
        key = json.loads(attune(env, "keys", "create", "--scope", "chat", "--json").stdout)["key"]
        database = f"sqlite:///{folder / 'home' / 'attune.sqlite'}"
        yield Contender("Attune", f"{url}/v1", "bench", "paced", psutil.Process(process.pid), key, database)


@contextmanager
def bare_forwarder(folder: Path, upstream_url: str) -> Iterator[Contender]:
    """The least that a forwarder in Litestar can do."""
    port = free_port()
    env = {**os.environ, "UPSTREAM": upstream_url}
    with running([sys.executable, str(HERE / "forwarder.py"), str(port)], env, folder / "forwarder.log") as process:
        until(lambda: answers(f"http://127.0.0.1:{port}/health"), 30, "forwarder")
        yield Contender("bare forwarder", f"http://127.0.0.1:{port}/v1", "words", "paced", psutil.Process(process.pid))


@contextmanager
def litellm_proxy(folder: Path, upstream_url: str, program: Path) -> Iterator[Contender]:
    """LiteLLM's proxy with one worker and one key, without logging."""
    port, key = free_port(), f"sk-{secrets.token_hex(32)}"
    models = [
        {"model_name": name, "litellm_params": {"model": f"openai/{name}", "api_base": upstream_url, "api_key": "none"}}
        for name in ("words", "paced")
    ]
    (folder / "litellm.yaml").write_text(json.dumps({"model_list": models, "general_settings": {"master_key": key}}))  # JSON is YAML.
    env = {**os.environ, "LITELLM_LOG": "ERROR", "LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_TELEMETRY": "False"}
    env["PATH"] = f"{program.parent}{os.pathsep}{env['PATH']}"
    command = [str(program), "--config", str(folder / "litellm.yaml"), "--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"]
    with running(command, env, folder / "litellm.log") as process:
        until(lambda: answers(f"http://127.0.0.1:{port}/health/liveliness"), 120, "LiteLLM")
        yield Contender("LiteLLM", f"http://127.0.0.1:{port}/v1", "words", "paced", psutil.Process(process.pid), key)


def installed_litellm() -> tuple[Path | None, str]:
    """The proxy's program and its version, installed at the first time; or None, and in words why not."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "attune-bench" / "litellm"
    program = folder / "bin" / "litellm"
    done = folder / ".installed"  # Written last: an installation that broke off is begun anew.
    if not done.exists():
        print("Installing LiteLLM's proxy into an environment of its own; this takes minutes, once ...", file=sys.stderr)
        shutil.rmtree(folder, ignore_errors=True)
        for command in ([sys.executable, "-m", "venv", str(folder)], [str(folder / "bin" / "pip"), "install", "--quiet", "litellm[proxy]"]):
            made = subprocess.run(command, capture_output=True, text=True, check=False)
            if made.returncode:
                last = (made.stderr.strip().splitlines() or ["no reason given"])[-1]
                return None, f"LiteLLM cannot be installed here, so it is not measured: {last[:200]}"
        done.touch()
    listed = subprocess.run([str(folder / "bin" / "pip"), "list", "--format=json"], capture_output=True, text=True, check=False)
    versions = {package["name"]: package["version"] for package in json.loads(listed.stdout or "[]")}
    return program, versions.get("litellm", "")
