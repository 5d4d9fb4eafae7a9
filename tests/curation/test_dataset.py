"""Freezing a dataset, reading it back, and saying whether it is enough."""

import hashlib
import json
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.curation.dataset import attach, count_samples, find_damage, freeze, read_manifest, read_rows, ready, rows_of
from service.curation.formats.catalog import as_line, export
from service.curation.rows import FILES
from service.curation.sample import Pair, Passage, Split
from service.curation.text import make_whole
from service.errors import TrainingError
from service.personas.persona import Minimum
from service.personas.shelf import Message

_HOSTILE = [
    "\u2028",
    "\u2029",
    "\x85",
    "\x00",
    "\x1b[2J",
    "\r\n",
    "\ud800",
    "\udfff",
    "\\u0000",
    '"}\n{"',
    "<|end|>",
    "<|im_start|>system",
    "\ufeff",
    "😀",
]
_WRITTEN = {*FILES.values(), "manifest.json"}
_TEXT = st.lists(st.sampled_from(_HOSTILE) | st.text(st.characters()), max_size=6).map("".join)


def test_a_row_is_what_a_trainer_reads(tmp_path, make_sample):
    """Prompt and completion as lists of messages, the label, and where the row came from."""
    frozen = freeze(tmp_path, [make_sample(exchange_id="e1", rating_id="r1")], [make_sample("Bye.", "No.", False, origin="corrected")])

    system = {"role": "system", "content": "You are Friend."}
    assert [
        {
            "prompt": [system, {"role": "user", "content": "Hello."}],
            "completion": [{"role": "assistant", "content": "Hi!"}],
            "label": True,
            "origin": "rated",
            "exchange": "e1",
            "rating": "r1",
        }
    ] == read_rows(frozen.train)
    assert [(row["label"], row["origin"], row["exchange"]) for row in read_rows(frozen.holdout)] == [(False, "corrected", None)]


def test_the_manifest_says_what_is_there(tmp_path, make_sample):
    """Hash, counts by split, label and origin, and the time; the folder bears the hash."""
    train = [make_sample(), make_sample("b", label=False), make_sample("c", origin="corrected"), make_sample("d", origin="seed")]

    frozen = freeze(tmp_path, train, [make_sample("e", label=False)])

    manifest = json.loads((tmp_path / frozen.hash / "manifest.json").read_text())
    assert {"hash", "counts", "made_at", "files", "about"} == set(manifest)
    assert (frozen.hash, frozen.counts) == (manifest["hash"], manifest["counts"])
    assert count_samples(train) == {"samples": 4, "liked": 2, "disliked": 1, "rated": 2, "corrected": 1, "seed": 1}
    assert frozen.counts == {
        "train_samples": 4,
        "train_liked": 2,
        "train_disliked": 1,
        "train_rated": 2,
        "train_corrected": 1,
        "train_seed": 1,
        "train_pairs": 0,
        "train_passages": 0,
        "holdout_samples": 1,
        "holdout_liked": 0,
        "holdout_disliked": 1,
        "holdout_rated": 1,
        "holdout_corrected": 0,
        "holdout_seed": 0,
        "holdout_pairs": 0,
        "holdout_passages": 0,
    }
    assert [frozen.hash] == [entry.name for entry in tmp_path.iterdir()]


@pytest.fixture
def split(make_sample):
    """A train side with a row of every form; `turned` has the same rows in another order, from another database."""

    def make(mark: str = "1", *, turned: bool = False) -> Split:
        samples = [make_sample("a", exchange_id=f"e{mark}", rating_id=f"r{mark}"), make_sample("b", origin="replay")]
        pairs = [
            Pair(
                prompt=samples[0].prompt,
                chosen=chosen,
                rejected="Worse.",
                origin="corrected",
                exchange_id=f"e{mark}",
                other_id=f"e{mark}",
                rating_id=f"r{mark}",
            )
            for chosen in ("Better.", "Best.")
        ]
        passages = [Passage(text=text, import_id=f"i{mark}", position=0) for text in ("LILY. No.", "ROPER. Yes.")]
        step = -1 if turned else 1
        return Split(samples=tuple(samples[::step]), pairs=tuple(pairs[::step]), passages=tuple(passages[::step]))

    return make


def test_every_form_lies_in_a_file_of_its_own(tmp_path, split, make_sample):
    """Pairs as TRL reads preferences, passages as plain text, and each side apart."""
    frozen = freeze(
        tmp_path,
        split(),
        Split(samples=(make_sample("z", origin="golden"),), passages=(Passage(text="Curtain.", import_id="i1", position=1),)),
    )

    system = {"role": "system", "content": "You are Friend."}
    assert next(rows_of(frozen.path, "train", "pair")) == {
        "prompt": [system, {"role": "user", "content": "a"}],
        "chosen": [{"role": "assistant", "content": "Better."}],
        "rejected": [{"role": "assistant", "content": "Worse."}],
        "origin": "corrected",
        "exchange": "e1",
        "other": "e1",
        "rating": "r1",
    }
    assert [{"text": "LILY. No."}, {"text": "ROPER. Yes."}] == list(rows_of(frozen.path, "train", "passage"))
    assert [{"text": "Curtain."}] == list(rows_of(frozen.path, "holdout", "passage"))
    assert [] == list(rows_of(frozen.path, "holdout", "pair"))
    assert frozen.counts["train_pairs"] == frozen.counts["train_passages"] == 2
    assert (frozen.counts["train_replay"], frozen.counts["holdout_golden"], frozen.counts["train_liked"]) == (1, 1, 1)


def test_pairs_and_passages_are_part_of_the_hash(tmp_path, split):
    """Equal content has one hash whatever the order and the ids; a pair or a passage less, or on the other side, is another dataset."""
    one = split()
    name = freeze(tmp_path, one, Split()).hash

    assert name == freeze(tmp_path, split("9", turned=True), Split(), {"dropped": {"empty": 3}}).hash
    without = [Split(samples=one.samples, pairs=one.pairs), Split(samples=one.samples, passages=one.passages)]
    assert len({name, *(freeze(tmp_path, each, Split()).hash for each in without), freeze(tmp_path, Split(), one).hash}) == 4


def test_the_manifest_tells_how_the_dataset_came_to_be(tmp_path, split):
    """What the build says about it is kept beside the hash, and each file with its rows, size and SHA-256."""
    about = {"dropped": {"duplicate": 4}, "settings": {"budget": {"samples": 4000}}}

    manifest = read_manifest(freeze(tmp_path, split(), Split(), about).path)

    assert manifest.about == about
    assert set(manifest.files) == set(FILES.values())
    for name, known in manifest.files.items():
        data = (tmp_path / manifest.hash / name).read_bytes()
        assert (known.rows, known.bytes, known.sha256) == (data.count(b"\n"), len(data), hashlib.sha256(data).hexdigest())


def test_a_changed_file_is_found(tmp_path, split):
    """A frozen file is not for writing; when somebody changes or deletes one nevertheless, it is named."""
    path = freeze(tmp_path, split(), Split()).path
    assert find_damage(path) == []
    assert not any(entry.stat().st_mode & 0o222 for entry in path.iterdir())

    (path / "pairs.jsonl").chmod(0o644)
    with (path / "pairs.jsonl").open("ab") as file:
        file.write(b"{}\n")
    (path / "passages.jsonl").unlink()

    assert find_damage(path) == ["pairs.jsonl", "passages.jsonl"]
    with pytest.raises(TrainingError, match=r"passages\.jsonl cannot be read"):
        list(rows_of(path, "train", "passage"))


def test_a_folder_that_is_no_dataset_is_named(tmp_path):
    """Without a manifest there is no dataset, and a sentence says where it was looked for."""
    with pytest.raises(TrainingError, match=r"no whole dataset in .*nowhere"):
        read_manifest(tmp_path / "nowhere")


def test_a_dataset_of_before_there_were_pairs_reads_as_one_without(tmp_path):
    """Folders that an earlier release froze have two files and a short manifest."""
    (tmp_path / "train.jsonl").write_text('{"label": true}\n')
    (tmp_path / "manifest.json").write_text('{"hash": "h", "counts": {"train_samples": 1}, "made_at": "2026-11-01T03:00:00+00:00"}')

    assert [{"label": True}] == list(rows_of(tmp_path, "train"))
    assert [] == list(rows_of(tmp_path, "train", "pair"))
    assert find_damage(tmp_path) == []


def test_a_document_beside_the_rows_is_written_once(tmp_path, split):
    """The datasheet of a frozen dataset is frozen too, and changes neither its hash nor its files."""
    path = freeze(tmp_path, split(), Split()).path

    for text in ("# First\n", "# Second\n"):
        attach(path, "datasheet.md", text)

    assert (path / "datasheet.md").read_text() == "# First\n"
    assert {entry.name for entry in path.iterdir()} == {*_WRITTEN, "datasheet.md"}
    assert find_damage(path) == []


def test_the_same_content_has_the_same_hash(tmp_path, make_sample):
    """Order and ids do not matter; the side a sample lies on, and how often, does."""
    one, two = make_sample("a", exchange_id="e1"), make_sample("b")
    name = freeze(tmp_path, [one, two], []).hash

    assert name == freeze(tmp_path / "elsewhere", [two, make_sample("a", exchange_id="e9")], []).hash
    others = {freeze(tmp_path, *sides).hash for sides in (([one], [two]), ([two], [one]), ([], [one, two]), ([one, two, two], []))}
    assert len(others - {name}) == 4


def test_a_frozen_dataset_is_never_touched_again(tmp_path, make_sample):
    """Freezing the same content again changes no byte, and gives the same answer."""
    first = freeze(tmp_path, [make_sample(exchange_id="e1")], [])
    before = {entry: (entry.stat().st_mtime_ns, entry.read_bytes()) for entry in first.path.iterdir()}

    assert first == freeze(tmp_path, [make_sample(exchange_id="e2")], [])
    assert before == {entry: (entry.stat().st_mtime_ns, entry.read_bytes()) for entry in first.path.iterdir()}


_DIES_WHILE_FREEZING = """
import os, sys
from pathlib import Path
from service.curation.dataset import freeze
from service.curation.sample import Sample, Split
from service.personas.shelf import Message

folder = Path(sys.argv[1])
samples = [
    Sample(prompt=(Message("system", "You are Friend."), Message("user", f"Message {n}.")), completion="Hi!", label=True, origin="rated")
    for n in range(50)
]

class Deadly(tuple):
    def __iter__(self):
        for number, sample in enumerate(super().__iter__()):
            if number == 25 and any(folder.glob("*.partial/holdout.jsonl")):
                os._exit(9)
            yield sample

freeze(folder, samples, Split(samples=Deadly(samples)))
"""


def test_a_killed_freeze_leaves_no_dataset(tmp_path, make_sample):
    """A process that dies while it writes leaves nothing under the dataset's name, and the next attempt succeeds."""
    samples = [make_sample(f"Message {number}.") for number in range(50)]

    died = subprocess.run([sys.executable, "-c", _DIES_WHILE_FREEZING, str(tmp_path)], check=False)

    assert died.returncode == 9
    assert [entry.suffix for entry in tmp_path.iterdir()] == [".partial"]
    frozen = freeze(tmp_path, samples, samples)
    assert list(tmp_path.iterdir()) == [frozen.path]
    assert (len(read_rows(frozen.train)), len(read_rows(frozen.holdout))) == (50, 50)


def test_what_a_killed_process_left_is_written_anew(tmp_path, make_sample):
    """Neither a half-written `.partial` nor a folder without a manifest is mistaken for a dataset."""
    frozen = freeze(tmp_path, [make_sample()], [])
    whole = frozen.train.read_bytes()
    (frozen.path / "manifest.json").unlink()
    frozen.train.chmod(0o644)
    frozen.train.write_bytes(whole[:20])
    partial = tmp_path / f"{frozen.hash}.partial"
    partial.mkdir()
    (partial / "train.jsonl").write_bytes(whole * 3)
    (partial / "stray").touch()

    assert frozen == freeze(tmp_path, [make_sample()], [])
    assert whole == frozen.train.read_bytes()
    assert {entry.name for entry in frozen.path.iterdir()} == _WRITTEN
    assert not partial.exists()


def test_an_empty_dataset_is_a_dataset(tmp_path):
    """Nothing to learn is an answer, not a crash."""
    frozen = freeze(tmp_path, [], [])

    assert [] == read_rows(frozen.train) == read_rows(frozen.holdout)


@settings(deadline=None)
@given(st.lists(st.tuples(_TEXT, _TEXT, _TEXT, st.booleans()), max_size=5))
def test_hostile_text_reads_back_equal(tmp_path_factory, make_sample, words):
    """Whatever people write, each sample is one line for every reader, and reads back as it was; half a character becomes U+FFFD."""
    samples = [make_sample(ask, reply, label, system=system) for system, ask, reply, label in words]

    frozen = freeze(tmp_path_factory.mktemp("frozen"), samples, [])

    rows = read_rows(frozen.train)
    expected = [([make_whole(system), make_whole(ask)], make_whole(reply), label) for system, ask, reply, label in words]
    assert expected == [([turn["content"] for turn in row["prompt"]], row["completion"][0]["content"], row["label"]) for row in rows]
    assert len(samples) == len(frozen.train.read_text("utf-8").splitlines())
    assert rows == [json.loads(line) for line in frozen.train.read_text("utf-8").splitlines()]
    assert all([turn["role"] for turn in row["prompt"]] == ["system", "user"] for row in rows)


@settings(deadline=None, max_examples=30)
@given(_TEXT, _TEXT, _TEXT)
def test_hostile_pairs_and_passages_read_back_equal(tmp_path_factory, ask, chosen, rejected):
    """The other forms keep their rows apart just so, and every export of them is one line for every reader."""
    prompt = (Message("user", ask),)
    pair = Pair(prompt=prompt, chosen=chosen, rejected=rejected, origin="preferred", exchange_id="e", other_id="o", rating_id="r")
    passages = tuple(Passage(text=text, import_id="i", position=place) for place, text in enumerate((ask, chosen, rejected)))

    path = freeze(tmp_path_factory.mktemp("frozen"), Split(pairs=(pair,), passages=passages), Split()).path

    (row,) = rows_of(path, "train", "pair")
    found = [row[part][0] for part in ("prompt", "chosen", "rejected")]
    assert found == [
        {"role": "user", "content": make_whole(ask)},
        {"role": "assistant", "content": make_whole(chosen)},
        {"role": "assistant", "content": make_whole(rejected)},
    ]
    assert [row["text"] for row in rows_of(path, "train", "passage")] == [make_whole(text) for text in (ask, chosen, rejected)]
    assert len((path / "passages.jsonl").read_text("utf-8").splitlines()) == 3
    for name in ("trl-dpo", "openai-dpo", "trl-lm"):
        assert all(len(as_line(row).splitlines()) == 1 for row in export(path, name))


def test_a_megabyte_is_one_line(tmp_path, make_sample):
    """A very long message is kept whole."""
    text = "\u2028long " * 200_000

    frozen = freeze(tmp_path, [make_sample(text), make_sample()], [])

    assert [text, "Hello."] == [row["prompt"][1]["content"] for row in read_rows(frozen.train)]


def test_a_damaged_file_is_named_with_its_line(tmp_path):
    """A row that cannot be read is an error that says where, not a row less."""
    path = tmp_path / "train.jsonl"
    path.write_text('{"label": true}\n{"label": tr\n')

    with pytest.raises(TrainingError, match=r"line 2 of .*train\.jsonl"):
        read_rows(path)


def test_enough_is_enough(make_sample):
    """At the minimum of liked replies a night may train, also with no disliked one; a correction is a liked reply."""
    liked = [make_sample(f"Message {number}.") for number in range(19)]

    assert ready(count_samples([*liked, make_sample("x", origin="corrected")]), Minimum(liked=20, each_label=10)) is None


def test_what_is_missing_is_said_with_its_numbers(make_sample):
    """One plain sentence with both numbers; neither seeds nor disliked replies make up for liked ones."""
    liked = [make_sample(f"Message {number}.") for number in range(12)]
    others = [make_sample("a", origin="seed")] * 30 + [make_sample("b", label=False)] * 30

    assert (
        ready(count_samples(liked + others), Minimum(liked=20))
        == "There are 12 liked replies to train on, 20 are needed (the held-out ones and the seeds do not count)."
    )
    assert "There is 1 liked reply to train on, 20 are needed" in (ready(count_samples(liked[:1]), Minimum(liked=20)) or "")
    assert "There are 0 liked replies to train on, 1 is needed" in (ready(count_samples([]), Minimum(liked=1)) or "")
