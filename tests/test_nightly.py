"""The night, with everything real: a database file, a worker process, the starter model, training, the embedded engine."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Engine
from sqlmodel import select

from service import registry
from service.db.engine import open_engine, reading, transaction
from service.db.migration import upgrade
from service.db.tables import Dataset, Evaluation, Night, Outcome, Receipt, TrainingRun, Version
from service.personas.shelf import read_personas
from tests.processes import ROOT, attune, environment, running, until
from tests.rated import add_rated_exchanges

WORKER = [sys.executable, "-m", "service", "worker"]


class Box:
    """One home with its database, and the environment that points to it."""

    def __init__(self, home: Path, engine_url: str) -> None:
        self.home = home
        self.environment = environment(home, ATTUNE_ENGINE=engine_url)
        self.engine: Engine = open_engine(f"sqlite:///{home / 'attune.sqlite'}")
        upgrade(self.engine)
        self.persona = read_personas(ROOT / "persona_prompts").get("friend")

    def worker(self) -> "subprocess.Popen[bytes]":
        """A worker process; the caller ends it."""
        with (self.home / "worker.log").open("ab") as log:
            return subprocess.Popen(WORKER, env=self.environment, cwd=ROOT, stdout=log, stderr=log, start_new_session=True)

    def open_night(self) -> Night | None:
        """The night under way."""
        with reading(self.engine) as session:
            return session.exec(select(Night).where(Night.ended_at == None)).first()  # noqa: E711  # SQL, not Python

    def all_of(self, table: type) -> list:
        """Every row of a table."""
        with reading(self.engine) as session:
            return list(session.exec(select(table)))

    def log(self) -> str:
        """What the worker said."""
        return (self.home / "worker.log").read_text()


@pytest.fixture
def box(tmp_path: Path, engine_url: str) -> Iterator[Box]:
    """A home without a single exchange."""
    box = Box(tmp_path, engine_url)
    yield box
    box.engine.dispose()


def wait_for_worker(box: Box) -> None:
    """Until the worker has said that it started."""
    until(lambda: "worker_started" in box.log(), 60, "worker")


def test_too_little_data_leaves_a_receipt_that_says_what_is_missing(box: Box) -> None:
    """A night with three ratings trains nothing, exits with 6, and its receipt names the numbers."""
    add_rated_exchanges(box.engine, box.persona, 3)
    with running(WORKER, box.environment, box.home / "worker.log"):
        wait_for_worker(box)
        done = attune(box.environment, "nightly", "friend", "--wait", "--json")

    receipt = json.loads(done.stdout)
    assert done.returncode == 6
    assert receipt["outcome"] == "skipped"
    assert "20 are needed" in receipt["reason"]
    assert (receipt["champion"], receipt["version"]) == ("v0", None)
    assert box.all_of(TrainingRun) == []


def test_a_night_nobody_can_carry_out_fails_with_words_and_the_champion_stays(box: Box) -> None:
    """A base model that is not there ends the night as failed; the receipt names it, and version 0 still serves."""
    add_rated_exchanges(box.engine, box.persona, 100)
    personas = box.home / "personas"
    personas.mkdir()
    text = (ROOT / "persona_prompts" / "friend.md").read_text().replace("base: starter", "base: nowhere")
    (personas / "friend.md").write_text(text)
    with running(WORKER, {**box.environment, "ATTUNE_PERSONAS": str(personas)}, box.home / "worker.log"):
        wait_for_worker(box)
        done = attune({**box.environment, "ATTUNE_PERSONAS": str(personas)}, "nightly", "friend", "--wait", "--json")

    receipt = json.loads(done.stdout)
    assert done.returncode == 1
    assert receipt["outcome"] == "failed"
    assert "nowhere" in receipt["reason"]
    assert receipt["champion"] == "v0"


@pytest.mark.loop
def test_a_night_killed_in_every_step_resumes_and_trains_once(box: Box) -> None:
    """The worker is killed (SIGKILL) while it trains, hosts and evaluates: the night still ends, with one of everything."""
    shorten(box, "tuning: {epochs: 1},")
    add_rated_exchanges(box.engine, box.persona, 90)
    worker = box.worker()
    try:
        wait_for_worker(box)
        assert attune(box.environment, "nightly", "friend", "--json").returncode == 0
        for step in ("train", "host", "evaluate"):
            until(lambda step=step: (night := box.open_night()) is None or night.step == step, 240, f"step {step}")
            assert box.open_night() is not None, box.log()[-2000:]
            os.killpg(worker.pid, signal.SIGKILL)
            worker.wait()
            worker = box.worker()
        until(lambda: box.open_night() is None, 240, "receipt")
    finally:
        worker.terminate()
        worker.wait(30)

    [receipt] = box.all_of(Receipt)
    [run] = box.all_of(TrainingRun)
    assert receipt.outcome in {Outcome.promoted, Outcome.rejected}, receipt.reason
    [version] = [version for version in box.all_of(Version) if version.night_id]
    kept = box.home / "artifacts" / "kept" / "adapters" / str(version.adapter)
    assert {file.name for file in kept.iterdir()} == {"adapter_config.json", "adapter_model.safetensors", "artifact.json"}
    page = (box.home / "artifacts" / "proofs" / "friend" / f"{receipt.night_id}.md").read_text()
    assert receipt.reason[:40] in page
    assert 1 == len(box.all_of(Dataset)) == len(box.all_of(Evaluation))
    assert run.state.value == "succeeded"
    assert (box.home / "artifacts" / "runs" / receipt.night_id / "train.log").read_text().count("an attempt begins") == 1


def shorten(box: Box, tuning: str = "") -> None:
    """A persona whose nights are short: a prompt of one line, four probes, and whatever training is told."""
    personas = box.home / "personas"
    shutil.copytree(ROOT / "persona_prompts", personas)
    front = (personas / "friend.md").read_text().split("---\n")[1].replace("method: auto,", f"method: auto, {tuning}")
    (personas / "friend.md").write_text(f"---\n{front}---\nYour name is Friend. You are a close friend, and an AI.\n")
    probes = (personas / "friend.probes.yaml").read_text()
    (personas / "friend.probes.yaml").write_text("- ask".join(probes.split("- ask")[:5]))
    (personas / "all.probes.yaml").unlink(missing_ok=True)
    (personas / "safety.txt").unlink()
    box.environment["ATTUNE_PERSONAS"] = str(personas)
    box.persona = read_personas(personas).get("friend")


@pytest.mark.loop
def test_a_night_learns_the_taste_and_the_next_exchange_is_answered_by_it(box: Box, engine_url: str) -> None:
    """After one night on replies rated by a taste, the new version is promoted, and on unseen messages it meets the taste more often."""
    shorten(box)
    add_rated_exchanges(box.engine, box.persona, 220, taste=makes_a_statement)
    with running(WORKER, box.environment, box.home / "worker.log"):
        wait_for_worker(box)
        done = attune(box.environment, "nightly", "friend", "--wait", "--json", seconds=400)

    receipt = json.loads(done.stdout)
    assert (receipt["outcome"], receipt["version"], receipt["champion"]) == ("promoted", "v1", "v1"), receipt["reason"]
    assert done.returncode == 0
    before = share_of_statements(box, engine_url, "v0")
    after = share_of_statements(box, engine_url, "v1")
    assert after >= before + 0.15, f"before {before:.0%}, after {after:.0%}"
    again = attune(box.environment, "model", "rollback", "friend", "--json")
    assert json.loads(again.stdout)["version"] == "v0"


def makes_a_statement(reply: str) -> bool:
    """A taste that the starter seldom meets by itself when somebody tells it a trouble."""
    return "?" not in reply


def share_of_statements(box: Box, engine_url: str, name: str) -> float:
    """How many of 60 sampled replies to 20 unseen messages ask no question."""
    from service.providers.catalog import checkpoint_folder
    from service.settings import Settings

    with transaction(box.engine) as session:
        version = registry.find_version(session, "friend", name)
    folder = checkpoint_folder(version.model or "starter", Settings(home=box.home))
    unseen = [
        f"{start} {thing}."
        for start in ("I forgot", "I found", "I saw", "I broke")
        for thing in ("a book", "a cup", "a bike", "a chair", "a song")
    ]
    met = 0
    with httpx.Client(timeout=60) as client:
        for seed in range(3):
            for message in unseen:
                body = {
                    "model": str(folder),
                    "messages": [{"role": "system", "content": box.persona.prompt()}, {"role": "user", "content": message}],
                    "max_tokens": 60,
                    "temperature": 0.9,
                    "seed": seed,
                }
                reply = client.post(f"{engine_url}/v1/chat/completions", json=body).json()["choices"][0]["message"]["content"]
                met += makes_a_statement(reply)
    return met / 60
