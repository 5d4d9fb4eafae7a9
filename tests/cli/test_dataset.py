"""`attune dataset`: frozen datasets, their datasheets and lineage, exports, differences, and the golden rows."""

import json
import subprocess
import sys
from typing import NamedTuple

import pytest

from service import registry
from service.curation.dataset import Frozen, attach, freeze
from service.curation.lineage import lineage_rows
from service.curation.sample import Pair, Sample, Split
from service.db.engine import transaction
from service.db.tables import Conversation, Dataset, Exchange, ExchangeState, Person, Prompt, Rating, Thumb
from service.personas.shelf import Message
from tests.cli.conftest import Shell
from tests.processes import ROOT

_SYSTEM = Message("system", "You are Friend.")
_EVIL = "\x1b[2J[bold]now\nand then"


class Told(NamedTuple):
    """A home with two nights' datasets: the shell, the ids of the liked and the disliked exchange, and the frozen folders."""

    attune: Shell
    liked: str
    disliked: str
    older: Frozen
    newer: Frozen


@pytest.fixture
def told(here: Shell) -> Told:
    """Two exchanges, one liked and one disliked; yesterday the first was learned from, today both, with a pair and a held-out row."""
    with here.database() as engine, transaction(engine) as session:
        person = Person(id="ann", external="someone")
        session.add_all([person, Prompt(fingerprint="f", persona="friend", text="You are Friend.")])
        session.flush()
        conversation = Conversation(persona="friend", person_id=person.id)
        session.add(conversation)
        session.flush()
        version = registry.champion(session, "friend").id
        ids, samples = [], []
        for message, reply, thumb in (("Hi", "Hey!", Thumb.up), (_EVIL, "Go.", Thumb.down)):
            exchange = Exchange(
                conversation_id=conversation.id,
                persona="friend",
                version_id=version,
                fingerprint="f",
                context=[],
                message=message,
                reply=reply,
                state=ExchangeState.complete,
                boot="b",
            )
            session.add(exchange)
            session.flush()
            rating = Rating(exchange_id=exchange.id, person_id=person.id, rating=thumb, reasons=[])
            session.add(rating)
            session.flush()
            ids.append(exchange.id)
            samples.append(
                Sample(
                    prompt=(_SYSTEM, Message("user", message)),
                    completion=reply,
                    label=thumb is Thumb.up,
                    origin="rated",
                    exchange_id=exchange.id,
                    rating_id=rating.id,
                    person_id="ann",
                )
            )
        pair = Pair(
            prompt=samples[0].prompt,
            chosen="Hey!",
            rejected="Go.",
            origin="preferred",
            exchange_id=ids[0],
            other_id=ids[1],
            rating_id=samples[0].rating_id or "",
            person_id="ann",
        )
        seed = Sample(prompt=(_SYSTEM, Message("user", "Morning.")), completion="You too!", label=True, origin="seed")
        nights = [
            (Split(samples=(samples[0],)), Split()),
            (
                Split(samples=(*samples, seed), pairs=(pair,)),
                Split(samples=(Sample(prompt=(), completion="x", label=True, origin="golden"),)),
            ),
        ]
        frozen = []
        for train, holdout in nights:
            done = freeze(here.home / "artifacts" / "datasets", train, holdout, {"drops": {"dictated": 3}})
            dataset = Dataset(persona="friend", hash=done.hash, counts=done.counts)
            session.add(dataset)
            session.flush()
            session.add_all(lineage_rows(dataset.id, train, holdout))
            session.flush()
            frozen.append(done)
    return Told(here, ids[0], ids[1], frozen[0], frozen[1])


def test_no_dataset_yet_is_said(here: Shell) -> None:
    """An empty list is `[]` for programs and a hint for people; whoever asks for one gets exit code 3 and the way to it."""
    assert here("dataset", "list", "--json").document == []
    hint = here("dataset", "list")
    assert (hint.code, hint.out) == (0, "") and "A night makes one: attune nightly" in hint.err
    assert here("dataset", "list", "--persona", "ghost").code == 3
    shown = here("dataset", "show", "--persona", "friend")
    assert shown.code == 3 and "no dataset of friend yet" in shown.err


def test_datasets_are_listed_newest_first(told: Told) -> None:
    """With their counts, and where they lie; a folder that is gone is null."""
    rows = told.attune("dataset", "list", "--json").document
    assert [row["hash"] for row in rows] == [told.newer.hash, told.older.hash]
    assert rows[0]["counts"]["train_samples"] == 3 and rows[0]["path"] == str(told.newer.path)
    table = told.attune("dataset", "list")
    assert table.out.split("\n")[1].split()[:5] == ["friend", told.newer.hash[:12], "3", "1", "1"]


def test_the_datasheet_is_shown(told: Told) -> None:
    """Of the newest unless another one is named, by the beginning of its hash; the one that lies beside the rows, if there is one."""
    newest = told.attune("dataset", "show")
    assert newest.code == 0 and newest.out.startswith(f"# Datasheet: friend, {told.newer.hash[:12]}\n")
    assert "| dictated | 3 | The message dictates the reply" in newest.out
    attach(told.older.path, "datasheet.md", f"# Mine {_EVIL}\n")
    assert told.attune("dataset", "show", told.older.hash[:8]).out == f"# Mine {_EVIL}\n".replace("\x1b", "")
    document = told.attune("dataset", "show", told.older.hash, "--json").document
    assert document["manifest"]["counts"] == told.older.counts and document["damaged"] == []


def test_which_dataset_is_meant_must_be_plain(told: Told) -> None:
    """A beginning that fits both is exit 2, one that fits none exit 3."""
    rows = told.attune("dataset", "list", "--json").document
    shared = rows[0]["id"][:4]
    assert rows[1]["id"].startswith(shared)
    asked = told.attune("dataset", "show", shared)
    assert asked.code == 2 and "fits 2 datasets" in asked.err
    assert told.attune("dataset", "show", "zzz").code == 3
    assert told.attune("dataset", "show", rows[1]["id"], "--json").document["hash"] == told.older.hash


def test_a_dataset_that_somebody_changed_is_not_shown_as_good(told: Told) -> None:
    """The file is named, and the exit code is 6."""
    train = told.newer.train
    train.chmod(0o644)
    train.write_bytes(train.read_bytes()[:-30] + b"\n")
    shown = told.attune("dataset", "show")
    assert shown.code == 6 and "Not as it was frozen: train.jsonl in" in shown.err


def test_every_row_leads_back_to_a_person(told: Told) -> None:
    """Sample, exchange, rating and its thumb, person; a pair names both exchanges, a seed nobody."""
    rows = told.attune("dataset", "show", "--lineage", "--json").document
    found = [(row["split"], row["form"], row["origin"], row["exchange"], row["other"], row["thumb"], row["person"]) for row in rows]
    assert found == [
        ("train", "unpaired", "rated", told.liked, None, "up", "ann"),
        ("train", "unpaired", "rated", told.disliked, None, "down", "ann"),
        ("train", "unpaired", "seed", None, None, None, None),
        ("train", "pair", "preferred", told.liked, told.disliked, "up", "ann"),
        ("holdout", "unpaired", "golden", None, None, None, None),
    ]
    assert told.liked in told.attune("dataset", "show", "--lineage").out


def test_what_changed_is_told(told: Told) -> None:
    """Against the newest one when only one is named; as Markdown, and as JSON."""
    shown = told.attune("dataset", "diff", told.older.hash[:10])
    assert shown.code == 0 and "| unpaired | 2 + 1 | 0 + 0 | 1 + 0 | 0 | 0 | 0 |" in shown.out
    document = told.attune("dataset", "diff", told.older.hash, told.newer.hash, "--json").document
    assert document["forms"]["pair"]["added"] == {"train": 1, "holdout": 0}


@pytest.mark.parametrize(("name", "rows"), [("trl-dpo", 1), ("openai-sft", 2)])
def test_a_dataset_leaves_in_other_forms(told: Told, name: str, rows: int) -> None:
    """As JSON Lines on stdout and nothing else there; what the reader would object to goes to stderr."""
    given = told.attune("dataset", "export", "latest", "--format", name)
    assert given.code == 0
    assert len([json.loads(line) for line in given.out.splitlines()]) == rows
    assert ("note: OpenAI takes no file of fewer than 10 lines" in given.err) == name.startswith("openai")


def test_a_file_is_written_whole_and_not_over_another(told: Told) -> None:
    """The split that was asked for; a name that is taken is exit 7 and leaves the file alone, unless it is forced."""
    out = told.attune.folder / "out.jsonl"
    done = told.attune("dataset", "export", "latest", "--format", "trl-kto", "--out", str(out))
    assert (done.code, done.out, done.err) == (0, "", f"wrote {out}: 3 rows as trl-kto\n")
    before = out.read_bytes()
    held = ("dataset", "export", "latest", "--format", "trl-kto", "--split", "holdout", "--out", str(out))
    assert told.attune(*held).code == 7 and out.read_bytes() == before
    assert told.attune(*held, "--force").code == 0 and len(out.read_text().splitlines()) == 1
    assert [path.name for path in told.attune.folder.iterdir() if "partial" in path.name] == []


def test_nothing_to_write_is_an_answer(told: Told) -> None:
    """No passages: exit 6, a sentence, no file; an unknown format is a mistake of the call."""
    out = told.attune.folder / "out.jsonl"
    given = told.attune("dataset", "export", "latest", "--format", "trl-lm", "--out", str(out))
    assert given.code == 6 and "There are no passages to write" in given.err and not out.exists()
    assert told.attune("dataset", "export", "latest", "--format", "alpaca").code == 2


def test_a_reader_may_stop_early(told: Told) -> None:
    """A pipe that is closed before the last row, as head does, is no error."""
    train = Split(
        samples=tuple(Sample(prompt=(Message("user", "x" * 5_000),), completion=f"{n}", label=True, origin="rated") for n in range(100))
    )
    frozen = freeze(told.attune.home / "artifacts" / "datasets", train, Split())
    with told.attune.database() as engine, transaction(engine) as session:
        session.add(Dataset(persona="friend", hash=frozen.hash, counts=frozen.counts))
    command = [sys.executable, "-m", "service", "dataset", "export", "latest", "--format", "trl-sft"]
    with subprocess.Popen(command, env=told.attune.environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout and process.stderr
        process.stdout.readline()
        process.stdout.close()
        assert (process.stderr.read(), process.wait(60)) == (b"", 0)


def test_golden_rows_are_kept_by_hand(told: Told) -> None:
    """Added from rated exchanges, good or bad, once; listed with their numbers; taken away by number or exchange."""
    file = told.attune.personas / "friend.golden.jsonl"
    good = told.attune("dataset", "golden", "add", "friend", told.liked)
    assert good.code == 0 and "Hey!" in good.out and f"added to {file}" in good.err
    assert told.attune("dataset", "golden", "add", "friend", told.liked).code == 7
    wrong = told.attune("dataset", "golden", "add", "friend", told.disliked)
    assert wrong.code == 2 and "--bad" in wrong.err
    bad = told.attune("dataset", "golden", "add", "friend", told.disliked, "--bad", "--json").document
    assert (bad["row"], bad["label"], bad["message"], bad["exchange"]) == (2, "bad", _EVIL, told.disliked)
    assert told.attune("dataset", "golden", "add", "mentor", told.liked).code == 3

    listed = told.attune("dataset", "golden", "list", "--json").document
    assert [(row["persona"], row["row"], row["label"]) for row in listed] == [("friend", 1, "good"), ("friend", 2, "bad")]
    assert "\x1b" not in told.attune("dataset", "golden", "list").out
    assert told.attune("dataset", "golden", "remove", "friend", "1").code == 0
    assert told.attune("dataset", "golden", "remove", "friend", told.disliked, "--json").document["label"] == "bad"
    assert file.read_bytes() == b""
    empty = told.attune("dataset", "golden", "list", "friend")
    assert (empty.code, empty.out) == (0, "") and "There is no golden row yet." in empty.err
