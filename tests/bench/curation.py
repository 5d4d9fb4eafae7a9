"""What a dataset costs: full builds at growing sizes, and a night with 10,000 new ratings on top of the largest.

    .venv/bin/python tests/bench/curation.py            # 10,000, 100,000 and 1,000,000 exchanges, three of ten rated
    .venv/bin/python tests/bench/curation.py --quick    # up to 30,000

The databases are SQLite files in a temporary folder, filled with seeded talk in the starter's words. Each build runs in a process of its
own, so that its memory can be told. What a model is asked (its own answers, how likely it finds a reply) is left out: that depends on the
model. Prints a table and the exponent of the fit (1 is linear); `--json` for programs.
"""

import argparse
import contextlib
import json
import math
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

import psutil
from rich.console import Console
from rich.table import Table
from sqlalchemy import Engine, func, insert, select

from service.curation.build import build_dataset
from service.curation.library import dataset_folder
from service.curator import tools
from service.db.engine import open_engine, reading, transaction
from service.db.migration import upgrade
from service.db.tables import Conversation, Exchange, ExchangeState, Person, Prompt, Rating, Thumb, Version
from service.personas.shelf import survey
from service.settings import Settings
from service.starter.corpus import read_corpus

ROOT = Path(__file__).parent.parent.parent
SIZES = (10_000, 100_000, 1_000_000)
QUICK = (3_000, 10_000, 30_000)
RATED = 0.3
NEW = 10_000
PER_CONVERSATION = 4
PER_PERSON = 40  # exchanges
AT_ONCE = 20_000
START = datetime(2026, 1, 1, tzinfo=UTC)


def talk(chance: random.Random) -> Iterator[tuple[str, str]]:
    """Endless messages and replies: those of the corpus, shaken so that most are unlike each other and some are nearly alike."""
    turns = [turn for block in read_corpus() for turn in block.turns]
    messages = [wording for turn in turns for wording in turn.wordings]
    replies = [reply.text for turn in turns for reply in turn.replies]
    words = sorted({word for text in (*messages, *replies) for word in text.split() if len(word) > 3})
    while True:
        message, reply = chance.choice(messages), chance.choice(replies)
        if chance.random() < 0.9:
            message += " " + " ".join(chance.choices(words, k=chance.randint(3, 20)))
            reply += " " + " ".join(chance.choices(words, k=chance.randint(3, 25)))
        if chance.random() < 0.03:
            message += (
                f" Write to {chance.choice(words).strip('.,!?').lower()}@example.org or call +44 20 7946 0{chance.randint(100, 999)}."
            )
        yield message, reply


def fill(engine: Engine, persona: str, first: int, count: int, rated: int, seed: int, told: Console) -> None:
    """Add exchanges `first` to `first + count`, of which `rated` have a thumb, four in a conversation."""
    chance = random.Random(seed)
    said = talk(chance)
    chosen = set(chance.sample(range(first, first + count), rated))
    context: list[dict[str, str]] = []
    for start in range(first, first + count, AT_ONCE):
        people, talks, exchanges, ratings = [], [], [], []
        for number in range(start, min(start + AT_ONCE, first + count)):
            person, conversation = f"p{number // PER_PERSON:031}", f"c{number // PER_CONVERSATION:031}"
            moment = START + timedelta(seconds=20 * number)
            if number % PER_PERSON == 0:
                people.append({"id": person, "external": person, "name": "", "created_at": moment})
            if number % PER_CONVERSATION == 0:
                talks.append({"id": conversation, "persona": persona, "person_id": person, "created_at": moment})
                context = []
            message, reply = next(said)
            exchanges.append(
                {
                    "id": f"e{number:031}",
                    "conversation_id": conversation,
                    "persona": persona,
                    "version_id": "v0",
                    "fingerprint": "f",
                    "context": list(context),
                    "message": message,
                    "reply": reply,
                    "state": ExchangeState.complete,
                    "boot": "b",
                    "created_at": moment,
                }
            )
            context += [{"role": "user", "content": message}, {"role": "assistant", "content": reply}]
            if number in chosen:
                thumb = Thumb.up if chance.random() < 0.7 else Thumb.down
                rating = {"id": f"r{number:031}", "exchange_id": f"e{number:031}", "person_id": person, "rating": thumb, "reasons": []}
                corrected = next(said)[1] if thumb is Thumb.down and chance.random() < 0.1 else None
                ratings.append({**rating, "comment": "", "correction": corrected, "created_at": moment + timedelta(seconds=9)})
        with transaction(engine) as session:
            for table, rows in ((Person, people), (Conversation, talks), (Exchange, exchanges), (Rating, ratings)):
                if rows:
                    session.execute(insert(table), rows)
        told.print(f"  filled {min(start + AT_ONCE, first + count):,}", end="\r")


def make(home: Path, size: int, told: Console) -> None:
    """A home whose database holds `size` exchanges."""
    engine = open_engine(f"sqlite:///{home / 'attune.sqlite'}", checkpoints=True)
    upgrade(engine)
    with transaction(engine) as session:
        session.add_all([Version(id="v0", persona="friend", number=0), Prompt(fingerprint="f", persona="friend", text="You are Friend.")])
    fill(engine, "friend", 0, size, round(size * RATED), 1, told)
    engine.dispose()


def add(home: Path, size: int, told: Console) -> None:
    """New exchanges on top, every one of them rated."""
    engine = open_engine(f"sqlite:///{home / 'attune.sqlite'}", checkpoints=True)
    fill(engine, "friend", size, NEW, NEW, 2, told)
    engine.dispose()


class Highest(threading.Thread):
    """Looks ten times a second how much memory this process and its children hold together, and keeps the highest."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.mib = 0.0

    def run(self) -> None:
        """Until the process ends."""
        this = psutil.Process()
        while True:
            held = 0
            for process in [this, *this.children(recursive=True)]:
                with contextlib.suppress(psutil.NoSuchProcess):
                    held += process.memory_info().rss
            self.mib = max(self.mib, held / 2**20)
            time.sleep(0.1)


def build(home: Path) -> dict[str, float]:
    """One build, in this process; what it took."""
    settings = Settings(home=home, personas=ROOT / "persona_prompts")
    engine = open_engine(settings.database)
    most = Highest()
    most.start()
    began = time.monotonic()
    console = Console(stderr=True)
    shelf = survey(settings.personas)
    persona = shelf.get("friend")
    built = build_dataset(
        engine,
        shelf,
        persona,
        dataset_folder(settings.artifact_folder),
        tools(settings, persona)._replace(surprise=None, replay=None),
        lambda stage, done, total: console.print(f"{time.monotonic() - began:6.1f} s  {stage} {done:,} of {total:,}"),
    )
    seconds = time.monotonic() - began
    with reading(engine) as session:
        ratings = session.scalar(select(func.count()).select_from(Rating)) or 0
    return {
        "ratings": ratings,
        "seconds": seconds,
        "mib": most.mib,
        "prepared": built.prepared,
        "rows": built.frozen.counts["train_samples"],
    }


def measured(home: Path) -> dict[str, float]:
    """A build in a process of its own."""
    done = subprocess.run([sys.executable, __file__, "--build", str(home)], stdout=subprocess.PIPE, check=True)
    return dict(json.loads(done.stdout))


def main() -> int:
    """Make, build, add, build again; exit 1 when a bound of the largest size is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--build", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.build:
        print(json.dumps(build(options.build)))
        return 0
    told = Console(stderr=True)
    sizes = QUICK if options.quick else SIZES
    rows: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        for size in sizes:
            home = Path(folder) / str(size)
            home.mkdir()
            make(home, size, told)
            rows.append({"exchanges": size, **measured(home)})
        add(home, sizes[-1], told)
        night = {"exchanges": sizes[-1] + NEW, **measured(home)}
    exponent = fit([row["exchanges"] for row in rows], [row["seconds"] for row in rows])
    ok = options.quick or (rows[-1]["seconds"] < 240 and rows[-1]["mib"] < 1536 and night["seconds"] < 20 and exponent <= 1.05)
    if options.json:
        print(json.dumps({"builds": rows, "night": night, "exponent": exponent, "ok": ok}, indent=1))
    else:
        table = Table("build", "exchanges", "ratings", "worked out", "seconds", "MiB", "rows trained on")
        for name, row in [*(("full", row) for row in rows), ("night", night)]:
            shown = (row["exchanges"], row["ratings"], row["prepared"])
            table.add_row(
                name, *(f"{int(value):,}" for value in shown), f"{row['seconds']:.1f}", f"{row['mib']:.0f}", f"{int(row['rows']):,}"
            )
        Console().print(table)
        print(f"seconds grow with exchanges to the power of {exponent:.2f} (1 is linear)")
        print("All bounds are kept." if ok else "MISSED: under 240 s, 1.5 GiB, 20 s for the night, linear.")
    return 0 if ok else 1


def fit(sizes: list[float], seconds: list[float]) -> float:
    """The exponent of the power law nearest to the points (least squares of the logarithms)."""
    x, y = [math.log(size) for size in sizes], [math.log(second) for second in seconds]
    middle, height = sum(x) / len(x), sum(y) / len(y)
    return sum((a - middle) * (b - height) for a, b in zip(x, y, strict=True)) / sum((a - middle) ** 2 for a in x)


if __name__ == "__main__":
    sys.exit(main())
