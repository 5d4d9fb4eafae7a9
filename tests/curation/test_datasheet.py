"""What a datasheet says, and what it keeps to itself."""

import re

import pytest
from msgspec.structs import replace

from service.curation import quarantine
from service.curation.cost import Counted, TokenCount, estimate
from service.curation.dataset import freeze, read_manifest
from service.curation.datasheet import Facts, facts_of, write_datasheet
from service.curation.difference import compare
from service.curation.lineage import count_contributors
from service.curation.reasons import REASONS, in_words
from service.curation.sample import Pair, Split


@pytest.fixture
def sides(make_sample):
    """Rated rows of three people, a seed and a pair; a golden row and a disliked one held out."""
    rated = [make_sample(f"Message {n}.", person_id=("ann", "ann", "ben", "cy")[n], label=n != 3) for n in range(4)]
    pair = Pair(prompt=(), chosen="Yes.", rejected="No.", origin="corrected", exchange_id="e", other_id="e", rating_id="r", person_id="ann")
    train = Split(samples=(*rated, make_sample("Seed.", origin="seed")), pairs=(pair,))
    return train, Split(samples=(make_sample("Gold.", origin="golden"), make_sample("Held.", label=False)))


@pytest.fixture
def facts(tmp_path, sides, make_sample):
    """Everything a datasheet can be told."""
    frozen = freeze(tmp_path, *sides, {"persona": "friend"})
    older = freeze(tmp_path, Split(samples=(make_sample("Message 0."),)), Split())
    return Facts(
        persona="friend",
        manifest=read_manifest(frozen.path),
        base="starter",
        dropped={"duplicate": 2, "dictated": 17, "near_duplicate": 0, "seen_on_the_moon": 1, "replay_over_share": 3},
        redacted={"phone": 2, "e_mail": 1_200},
        proportions={"rated": {"rows": 4, "aimed": None, "reached": 0.8}, "seeds": {"rows": 1, "aimed": 0.4, "reached": 0.2}},
        contributors=count_contributors(sides[0]),
        coverage="Thin: the weather.",
        tokens=TokenCount(True, [Counted("train", "unpaired", 5, 12_345, 400)]),
        cost=estimate(12_345, 3, "openai", "gpt-4.1-mini"),
        difference=compare(older.path, frozen.path),
        settings={"holdout": 0.2, "caps": {"person": 200}},
        remarks=["Replay was left out: the base did not answer."],
    )


def test_a_datasheet_answers_the_questions(facts):
    """For whom, what, whence, how mixed, what was dropped and why, replaced, covered, what it costs, what changed, its limits."""
    sheet = write_datasheet(facts)

    assert [line.removeprefix("## ") for line in sheet.splitlines() if line.startswith("## ")] == [
        "What it is",
        "What is in it",
        "Where it came from",
        "How it was mixed",
        "What was left out, and why",
        "What was replaced",
        "What it covers",
        "Remarks",
        "Since the dataset before",
        "Settings",
        "What it is not",
    ]
    for said in (
        f"# Datasheet: friend, {facts.manifest.hash[:12]}",
        "| train.jsonl | train | a prompt, a reply, and whether it was liked | 5 |",
        "| pairs.jsonl | train | a prompt and two replies, the better one first | 1 |",
        "To train on: 3 liked and 1 disliked replies that people rated.",
        "Held out: 0 liked and 1 disliked replies",
        "| seed | samples that the owner wrote | 1 | 0 |",
        "| golden | rows that the owner froze to judge by | 0 | 1 |",
        "The ratings trained on are of 3 people; the largest share of one of them is 50%.",
        "| seeds | 1 | 40.0% | 20.0% |",
        "1,200 × e mail, 2 × phone",
        "Thin: the weather.",
        "| train | unpaired | 12,345 | 400 |",
        "about $0.19",
        "Replay was left out",
        "| unpaired | 4 + 2 | 0 + 0 | 1 + 0 | 0 | 0 | 0 |",
        '"person": 200',
    ):
        assert said in sheet


def test_every_drop_is_counted_with_its_reason_in_words(facts):
    """The commonest first; what never happened is not told; a key without a sentence still says something."""
    rows = re.findall(r"^\| (\w+) \| (\d+) \| (.+) \|$", write_datasheet(facts), re.MULTILINE)

    assert [row for row in rows if row[0] in facts.dropped] == [
        ("dictated", "17", REASONS["dictated"]),
        ("replay_over_share", "3", "The mix holds no more than a share of replay rows."),
        ("duplicate", "2", REASONS["duplicate"]),
        ("seen_on_the_moon", "1", "Seen on the moon."),
    ]


def test_nobody_is_quoted_or_named(facts):
    """Neither messages nor replies nor people are in it."""
    sheet = write_datasheet(facts)

    for words in ("Message 0", "Seed.", "Gold.", "Held.", "ann", "ben"):
        assert not re.search(rf"\b{re.escape(words)}\b", sheet)


def test_the_same_facts_give_the_same_sheet(facts):
    """Also when mappings come in another order."""
    turned = replace(
        facts,
        dropped=dict(reversed(facts.dropped.items())),
        redacted=dict(reversed(facts.redacted.items())),
        settings=dict(reversed(facts.settings.items())),
    )

    assert write_datasheet(turned) == write_datasheet(facts)


def test_what_is_not_known_is_left_out(tmp_path):
    """A dataset with nothing but a manifest has a short sheet without empty tables, and does not claim that nothing was dropped."""
    (tmp_path / "manifest.json").write_text('{"hash": "h", "counts": {"train_samples": 7}, "made_at": "2026-11-01T03:00:00+00:00"}')

    sheet = write_datasheet(facts_of("friend", read_manifest(tmp_path)))

    assert "## What it is\n" in sheet and "| train.jsonl | train | a prompt, a reply, and whether it was liked | 7 |" in sheet
    for title in ("How it was mixed", "left out", "replaced", "Since", "Settings"):
        assert title not in sheet


def test_the_manifest_is_enough_for_a_sheet(tmp_path, sides):
    """What the build recorded beside the hash comes back, without asking a database."""
    about = {"base": "starter", "drops": {"empty": 3}, "redacted": {}, "coverage": "Even.", "settings": {"holdout": 0.2}, "other": 1}

    sheet = write_datasheet(facts_of("friend", read_manifest(freeze(tmp_path, *sides, about).path)))

    assert f"| empty | 3 | {REASONS['empty']} |" in sheet
    assert "from the base starter" in sheet and "No personal data was found." in sheet and "Even." in sheet


def test_reasons_are_sentences():
    """Every key of the table is a key, every reason a sentence, and those for which ratings wait are among them."""
    for key, sentence in REASONS.items():
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", key)
        assert re.fullmatch(r"[A-Z][^|\n]+\.", sentence)
    for key in (quarantine.QUARANTINED, quarantine.NEW_PERSON, quarantine.CROWD, quarantine.BURST, quarantine.SWEEP, quarantine.UNLIKELY):
        assert in_words(key) == REASONS[key]
