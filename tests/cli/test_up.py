"""`attune up`: everything on one machine, started, restarted and stopped as one."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import httpx
import psutil
from openai import OpenAI

from tests.conftest import Up
from tests.processes import ROOT, answers, attune, environment, free_port, running, until


def part(up: Up, word: str) -> psutil.Process:
    """The supervised process whose command line holds a word."""
    return next(child for child in psutil.Process(up.process.pid).children() if word in " ".join(child.cmdline()))


def test_it_says_where_everything_is_and_what_to_try(up: Up) -> None:
    """The welcome names the chat's address, the base URL for apps with a key, and the next commands, which work as they are printed."""
    assert f"Chat      {up.url}/" in up.log
    assert f"API       {up.url}/v1" in up.log
    assert re.search(r"Run a night now: .*attune nightly friend --wait", up.log)
    printed = re.search(r"See the versions: +(.+)", up.log)
    assert printed is not None
    done = subprocess.run(shlex.split(printed[1]), env=up.environment, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, "friend" in done.stdout) == (0, True), done.stderr


def test_an_app_chats_with_the_key_it_printed(up: Up) -> None:
    """The official client, the printed base URL and the printed key are all it takes."""
    with OpenAI(base_url=f"{up.url}/v1", api_key=up.key) as client:
        answer = client.chat.completions.create(model="friend", messages=[{"role": "user", "content": "I lost my keys."}])

    assert answer.choices[0].message.content
    assert answer.model == "friend@v0"
    assert answer.choices[0].finish_reason == "stop"


def came_back(up: Up, word: str, before: int) -> bool:
    """Whether the part runs again under another id."""
    children = psutil.Process(up.process.pid).children()
    return any(child.pid != before and word in " ".join(child.cmdline()) for child in children)


def test_a_crashed_part_is_started_again(up: Up) -> None:
    """Web, worker and engine are each killed; each comes back, and the chat answers again."""
    for word in ("service worker", "service serve", "transformers.cli"):
        before = part(up, word).pid
        os.kill(before, signal.SIGKILL)
        until(partial(came_back, up, word, before), 30, word)
    until(lambda: answers(f"{up.url}/health/ready"), 60, "ready web process")
    headers = {"authorization": f"Bearer {up.key}"}
    body = {"model": "friend", "messages": [{"role": "user", "content": "Good morning."}]}
    until(lambda: httpx.post(f"{up.url}/v1/chat/completions", json=body, headers=headers, timeout=60).status_code == 200, 90, "reply")


def test_a_second_one_in_the_same_home_is_refused(up: Up) -> None:
    """Two services on one database would fight; the second says so and exits with 7."""
    done = attune({**up.environment, "ATTUNE_PORT": str(free_port())}, "up")

    assert done.returncode == 7
    assert "Attune is running already" in done.stderr


def test_a_taken_port_is_refused_with_the_way_out(up: Up, tmp_path: Path) -> None:
    """The message names the port and the setting."""
    done = attune(environment(tmp_path, ATTUNE_PORT=up.environment["ATTUNE_PORT"]), "up")

    assert done.returncode == 7
    assert "ATTUNE_PORT=" in done.stderr


def test_a_persona_with_an_unknown_key_is_refused_at_start(tmp_path: Path) -> None:
    """File, line and the nearest known key are named, and nothing is started."""
    personas = tmp_path / "personas"
    personas.mkdir()
    (personas / "friend.md").write_text("---\ntitle: Friend\nmodels: [local:starter]\ngreting: Hi\n---\nYou are Friend.\n")
    done = attune(environment(tmp_path, ATTUNE_PERSONAS=str(personas), ATTUNE_PORT=str(free_port())), "up")

    assert done.returncode == 2
    assert f"{personas}/friend.md:4: unknown key 'greting'. The nearest known key is 'greeting'." in done.stderr


def test_one_signal_stops_all_of_it(tmp_path: Path) -> None:
    """After SIGINT, as Ctrl-C sends it, the supervisor exits with 0 and none of its processes is left."""
    port = free_port()
    env = environment(tmp_path, ATTUNE_PORT=str(port))
    with running([sys.executable, "-m", "service", "up"], env, tmp_path / "up.log") as process:
        until(lambda: answers(f"http://127.0.0.1:{port}/health/ready"), 180, "service")
        family = psutil.Process(process.pid).children(recursive=True)
        assert len(family) >= 3
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    _, alive = psutil.wait_procs(family, timeout=10)

    assert alive == []
    assert json.loads(attune(env, "keys", "list", "--json").stdout)[0]["name"] == "first"
