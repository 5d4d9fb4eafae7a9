"""`attune dataset build`: the dataset of now, made by hand."""

from collections.abc import Callable

import pytest

from service import registry
from service.cli.engine_address import note_engine
from service.db.engine import transaction
from service.db.tables import Conversation, Exchange, ExchangeState, Person, Prompt, Rating, Thumb
from tests.cli.conftest import Shell
from tests.processes import ROOT
from tests.web.upstream import Served, Upstream

_FEW = "learning: {minimum: {liked: 5, each_label: 2}, mix: {replay: 0}, surprise: 0, trust: {new_person: 0, sweep: 0}}"
_TOPICS = ["garden", "river", "violin", "bicycle", "kitchen", "winter", "market", "library", "mountain", "harbour", "train", "painting"]


@pytest.fixture
def rate(here: Shell) -> Callable[[int], None]:
    """Writes rated exchanges on different topics, two of three liked, each in a conversation of its own."""

    def rate(count: int) -> None:
        with here.database() as engine, transaction(engine) as session:
            person = Person(external="someone")
            session.add_all([person, Prompt(fingerprint="f", persona="friend", text="You are Friend.")])
            session.flush()
            version = registry.champion(session, "friend").id
            for number in range(count):
                conversation = Conversation(persona="friend", person_id=person.id)
                session.add(conversation)
                session.flush()
                topic = _TOPICS[number % len(_TOPICS)]
                exchange = Exchange(
                    conversation_id=conversation.id,
                    persona="friend",
                    version_id=version,
                    fingerprint="f",
                    context=[],
                    message=f"Tell me number {number} about the {topic}, please.",
                    reply=f"The {topic} is {'lovely' if number % 3 else 'dull'}, and {number} of us know why it is so.",
                    state=ExchangeState.complete,
                    boot="b",
                )
                session.add(exchange)
                session.flush()
                session.add(Rating(exchange_id=exchange.id, person_id=person.id, rating=Thumb.up if number % 3 else Thumb.down, reasons=[]))

    return rate


def _learn_from_few(here: Shell) -> None:
    file = here.personas / "friend.md"
    file.write_text(file.read_text().replace("models: [local:starter]", f"models: [local:starter]\n{_FEW}"))


def test_a_dataset_is_built_by_hand(here: Shell, rate: Callable[[int], None]) -> None:
    """Frozen, listed, shown and traceable at once; built again from the same words it is the same, and listed once."""
    _learn_from_few(here)
    rate(24)
    first = here("dataset", "build", "friend", "--json")
    assert first.code == 0, first.err
    assert first.document["ready"] and first.document["counts"]["train_liked"] >= 5
    again = here("dataset", "build", "friend")
    assert again.code == 0 and again.out.startswith("# Datasheet: friend") and "build: " in again.err
    (listed,) = here("dataset", "list", "--json").document
    assert (listed["hash"], listed["path"], listed["night"]) == (first.document["hash"], first.document["path"], None)
    rows = here("dataset", "show", "--lineage", "--json").document
    assert sum(row["exchange"] is not None for row in rows) >= 12


def test_a_dry_run_freezes_nothing(here: Shell, rate: Callable[[int], None]) -> None:
    """It says what a build would say, and leaves neither a row nor a folder."""
    _learn_from_few(here)
    rate(12)
    shown = here("dataset", "build", "friend", "--dry-run")
    assert shown.code == 0 and shown.out.startswith("# Datasheet: friend")
    assert here("dataset", "list", "--json").document == []
    assert not list((here.home / "artifacts").glob("datasets/*"))


def test_too_little_is_an_answer(here: Shell, rate: Callable[[int], None]) -> None:
    """Exit code 6 and how much is missing; also when nobody has said anything yet."""
    rate(3)
    few = here("dataset", "build", "friend")
    assert few.code == 6 and "to train on, 50 are needed" in few.err
    none = here("dataset", "build", "mentor", "--json")
    assert none.code == 6 and none.document["ready"] is False and "0 liked replies" in none.document["reason"]
    assert here("dataset", "build", "ghost").code == 3


def test_seeds_alone_are_too_little(here: Shell) -> None:
    """In an empty home, with the seeds of the shipped persona, the answer is what is missing."""
    (here.personas / "friend.seeds.jsonl").write_text((ROOT / "persona_prompts" / "friend.seeds.jsonl").read_text(encoding="utf-8"))
    first = here("dataset", "build", "friend")
    assert first.code == 6 and "There are 0 liked replies" in first.err and "There was nothing to choose from." in first.out


def test_the_base_of_a_running_attune_is_asked(here: Shell, rate: Callable[[int], None]) -> None:
    """Beside `attune up`, whose engine listens where the home says, the base's own answers are in the dataset."""
    _learn_from_few(here)
    file = here.personas / "friend.md"
    file.write_text(file.read_text().replace("mix: {replay: 0}", "mix: {replay: 0.3}, base: echo"))
    rate(24)
    with Served(Upstream()) as engine:
        note_engine(here.home, engine.url)
        built = here("dataset", "build", "friend", "--json")
    assert built.code == 0, built.err
    assert built.document["counts"]["train_replay"] == 1  # this engine says the same to everything, and the same is kept once
