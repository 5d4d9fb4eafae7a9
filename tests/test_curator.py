"""The curator: the shipped personas' datasets, built on a real database with nothing running beside it."""

import shutil
from pathlib import Path

import pytest
from sqlalchemy import Engine

from service.chat.exchange import Asked, Ending, close_exchange, find_person, open_stateless
from service.chat.rating import rate
from service.curation.build import Built
from service.curation.dataset import read_manifest, rows_of
from service.curator import curate, tools
from service.db.engine import transaction
from service.db.tables import Exchange, ExchangeState, Thumb, now
from service.errors import NotFound, PersonaError, ProviderError
from service.personas.persona import Persona
from service.personas.shelf import read_personas
from service.settings import Settings
from tests.processes import ROOT, free_port
from tests.rated import add_rated_exchanges

_RATED = 60
_SIGHTS = ("boats", "spices", "doors", "beaches", "markets", "forts", "palms", "music", "history", "weather")


class Home:
    """A home with the shipped personas, 60 rated exchanges, and an engine's address at which nobody listens."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine = engine
        self.personas = folder / "personas"
        shutil.copytree(ROOT / "persona_prompts", self.personas)
        self.settings = Settings(home=folder, personas=self.personas, engine=f"http://127.0.0.1:{free_port()}")
        add_rated_exchanges(engine, read_personas(self.personas).get("friend"), _RATED)

    def change(self, old: str, new: str) -> None:
        """Change the persona's file."""
        path = self.personas / "friend.md"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    def without_replay(self) -> None:
        """The base is not asked for its own answers."""
        self.change("learning: {", "learning: {mix: {replay: 0}, ")

    def curate(self) -> Built:
        """Build the friend's dataset."""
        return curate(self.engine, self.settings, "friend")

    @property
    def datasets(self) -> list[Path]:
        """The folders of whatever is frozen, or was begun."""
        return list((self.settings.artifact_folder / "datasets").glob("*"))


def add_telling_exchanges(engine: Engine, persona: Persona) -> None:
    """Ten exchanges about Zanzibar, in which somebody whom the owner approved says who they are, and the reply says it again."""
    with transaction(engine) as session:
        person = find_person(session, "test:guest")
        person.name, person.approved_at = "Wilhelmina Quisenberry", now()
        for number, what in enumerate(_SIGHTS):
            message = f"Zanzibar and its {what}! I am Wilhelmina Quisenberry, wilhelmina{number}@example.org, +44 20 7946 095{number}."
            opened = open_stateless(session, Asked(persona, "champion", message, "test"), [], person.id, None)
            reply = f"Wilhelmina, what about the {what} moves you? I shall write to wilhelmina{number}@example.org."
            close_exchange(session, opened.id, Ending(ExchangeState.complete, reply, finish_reason="stop"))
            rate(session, session.get_one(Exchange, opened.id), person.id, persona, Thumb.up)


@pytest.fixture
def home(sqlite: Engine, tmp_path: Path) -> Home:
    return Home(sqlite, tmp_path)


def test_without_the_base_nothing_is_frozen(home: Home) -> None:
    """Its own answers are part of the mix: the error says who did not answer and what to do, and leaves nothing behind."""
    with pytest.raises(ProviderError, match=r"base starter could not be asked.*learning\.mix\.replay to 0") as raised:
        home.curate()
    assert raised.value.code == "replay_failed"
    assert home.datasets == []


def test_who_goes_without_replay_needs_no_engine(home: Home) -> None:
    """The dataset has people's words, the owner's seeds and the safety rows, in the shares that the persona asks for."""
    home.without_replay()
    built = home.curate()
    assert built.not_ready is None
    assert [path.name for path in home.datasets] == [built.frozen.hash]
    counts = built.frozen.counts
    assert counts["train_rated"] + counts["holdout_rated"] + built.counts.get("dropped_duplicate", 0) > _RATED / 2
    assert counts["train_seed"] > 0
    assert counts["train_safety"] > 0
    assert "train_replay" not in counts
    proportions = read_manifest(built.frozen.path).about["proportions"]
    assert proportions["seeds"]["reached"] <= 0.4
    assert 0.02 < proportions["safety"]["reached"] < 0.05
    assert sum(proportion["rows"] for proportion in proportions.values()) == counts["train_samples"]


def test_the_datasheet_and_the_drawing_lie_beside_the_rows(home: Home) -> None:
    """The datasheet says how many rows there are, how many people they came from, and why others are not there."""
    home.without_replay()
    built = home.curate()
    sheet = (built.frozen.path / "datasheet.md").read_text(encoding="utf-8")
    assert built.frozen.hash[:12] in sheet
    assert str(built.frozen.counts["train_samples"]) in sheet
    assert (built.frozen.path / "coverage.svg").read_text(encoding="utf-8").startswith("<svg")
    assert curate(home.engine, home.settings, "friend").frozen == built.frozen


def test_no_file_of_a_dataset_tells_who_somebody_is(home: Home) -> None:
    """Neither the datasheet, which names topics by their words, nor the drawing, nor any other file has a name or an address of theirs."""
    home.change("learning: {", "learning: {mix: {replay: 0}, caps: {alike: 0}, holdout: 0, ")
    persona = read_personas(home.personas).get("friend")
    add_telling_exchanges(home.engine, persona)
    built = home.curate()
    telling = [row for row in rows_of(built.frozen.path, "train") if "Zanzibar" in row["prompt"][-1]["content"]]
    assert len(telling) == len(_SIGHTS)
    assert "zanzibar" in (built.frozen.path / "datasheet.md").read_text(encoding="utf-8").casefold()
    for path in built.frozen.path.iterdir():
        text = path.read_text(encoding="utf-8").casefold()
        for value in ("wilhelmina", "quisenberry", "example.org", "20 7946"):
            assert value not in text, path.name


def test_a_small_harvest_is_not_asked_about(home: Home) -> None:
    """With too little to train on the base is not needed: what is missing is said, and the dataset can be looked at."""
    home.change("liked: 20", "liked: 2000")
    built = home.curate()
    assert built.not_ready is not None
    assert "2000 are needed" in built.not_ready
    assert len(home.datasets) == 1


def test_what_is_not_on_this_machine_is_not_borrowed(home: Home) -> None:
    """Only a base whose weights are here says how likely it finds a reply, only one that is trained here gives answers of its own."""
    borrowed = tools(home.settings, read_personas(home.personas).get("friend"))
    assert borrowed.surprise is not None
    assert borrowed.replay is not None
    assert borrowed.amplify is None
    home.change("trainer: local, base: starter", "trainer: openai, base: gpt-4.1-mini, amplifier: 'ollama:llama3'")
    borrowed = tools(home.settings, read_personas(home.personas).get("friend"))
    assert borrowed.surprise is None
    assert borrowed.replay is None
    assert borrowed.amplify is not None


def test_an_amplifier_that_does_not_answer_is_done_without(home: Home) -> None:
    """Other wordings are a help, no need: the dataset is built without them, and says so."""
    home.change("learning: {", "learning: {mix: {replay: 0, synthetic: 0.2}, amplifier: 'local:starter', ")
    built = home.curate()
    assert built.not_ready is None
    assert "train_synthetic" not in built.frozen.counts
    assert built.counts["dropped_paraphrase_failed"] > 0


def test_of_what_is_not_there_nothing_is_built(home: Home) -> None:
    """An unknown persona and a wrong file are errors in words."""
    with pytest.raises(NotFound, match="nobody"):
        curate(home.engine, home.settings, "nobody")
    home.change("title: Friend", "titel: Friend")
    with pytest.raises(PersonaError, match=r"friend\.md"):
        home.curate()
    assert home.datasets == []
