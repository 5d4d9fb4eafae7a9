"""`attune artifacts`: what takes room, what may go, and whether it is whole."""

import json
import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from service import keeper, registry
from service.artifacts.store import Store
from service.db.engine import reading, transaction
from service.db.tables import Canary, Night, Version, now
from service.errors import ArtifactError
from service.settings import Settings
from tests.artifacts.conftest import tensors
from tests.cli.conftest import Shell
from tests.proof.conftest import Nights, leave_nights


@pytest.fixture
def grown(here: Shell) -> tuple[Shell, Nights]:
    """A home in which v1 was promoted, watched and rolled back; its weights lie there, and its adapter is kept."""
    artifacts = here.home / "artifacts"
    with here.database() as engine:
        nights = leave_nights(engine, artifacts)
        for part in (f"runs/{nights.good}/adapter", f"runs/{nights.good}/checkpoints", "versions/friend-v1", f"datasets/{'d' * 64}"):
            (artifacts / part).mkdir(parents=True)
            (artifacts / part / "model.safetensors").write_bytes(tensors())
        digest = Store(Settings(home=here.home)).keep(artifacts / "runs" / nights.good / "adapter", "adapter").digest
        with transaction(engine) as session:
            for trial in session.exec(select(Canary).where(Canary.ended_at.is_(None))):  # type: ignore[union-attr]
                trial.ended_at = now()
            session.get_one(Version, nights.version).adapter = digest
            registry.rollback(session, "friend")
    return here, nights


def test_what_takes_room_is_listed(grown: tuple[Shell, Nights]) -> None:
    """Each thing with its size, who refers to it and what the rule says; and the peak of each version."""
    attune = grown[0]
    listed = attune("artifacts", "list", "--json").document
    told = {item["kind"]: (item["keep"], item["referrers"]) for item in listed["items"]}
    assert told["served"] == (False, ["friend v1"]) and told["adapter"] == (True, ["friend v1"]) and told["leftovers"][0] is False
    assert told["dataset"] == (True, ["friend v1"])
    one = len(tensors())
    assert listed["versions"] == [{"version": "friend v1", "adapter": one, "served": one, "dataset": one, "peak": 3 * one}]
    shown = attune("artifacts", "list")
    assert "it is retired" in shown.out and "takes" in shown.err


def test_a_dry_run_deletes_nothing_and_says_the_rule(grown: tuple[Shell, Nights]) -> None:
    """The rule in words, what would go and how much; then the same without --dry-run does it, and the second time there is nothing."""
    attune, nights = grown
    artifacts = attune.home / "artifacts"
    dry = attune("artifacts", "clean", "--dry-run")
    assert "Never deleted" in dry.err and "Would free" in dry.err and (artifacts / "versions" / "friend-v1").exists()
    done = attune("artifacts", "clean", "--json").document
    assert done["deleted"] and {item["kind"] for item in done["items"]} == {"served", "leftovers"}
    assert not (artifacts / "versions" / "friend-v1").exists() and not (artifacts / "runs" / nights.good / "checkpoints").exists()
    assert (artifacts / "runs" / nights.good / "adapter").exists() and (artifacts / "datasets" / ("d" * 64)).exists()
    assert attune("artifacts", "clean", "--json").document == {"deleted": True, "bytes": 0, "items": []}
    assert "Nothing is to be deleted." in attune("artifacts", "clean").err


def test_what_serves_or_is_under_way_stays(grown: tuple[Shell, Nights]) -> None:
    """A champion, one that a rollback restores next, and a version whose night is under way, however old they are."""
    attune, nights = grown
    settings = Settings(home=attune.home)
    with attune.database() as engine:

        def why() -> dict[str, str]:
            return {item.kind: item.why for item in keeper.plan(engine, settings, Store(settings)) if item.keep and item.kind != "dataset"}

        with transaction(engine) as session:
            version = session.get_one(Version, nights.version)
            version.created_at = now() - timedelta(days=900)
            registry.promote(session, version, "again")
        assert why() == {"served": "it serves", "adapter": "it serves"}
        with transaction(engine) as session:
            start = session.exec(select(Version).where(Version.number == 0)).one()
            registry.promote(session, start, "the start again")
        assert why() == {"served": "a rollback restores it next", "adapter": "a rollback restores it next"}
        with transaction(engine) as session:
            session.get_one(Night, nights.good).ended_at = None
        assert why() == {
            "leftovers": "its run has not ended",
            "served": "its night is under way",
            "adapter": "its night is under way",
        }


def test_an_adapter_that_is_not_here_is_fetched(grown: tuple[Shell, Nights]) -> None:
    """A withdrawn version says so; its adapter comes from the store, and where that has none either, that is said."""
    attune, nights = grown
    settings = Settings(home=attune.home)
    attune("artifacts", "clean")
    with attune.database() as engine, reading(engine) as session:
        version = session.get_one(Version, nights.version)
        assert keeper.is_withdrawn(settings, version)
        folder = keeper.find_adapter(settings, version)
        shutil.rmtree(folder)
        assert keeper.find_adapter(settings, version) == folder and (folder / "model.safetensors").read_bytes() == tensors()
        shutil.rmtree(folder)
        version.adapter = None
        with pytest.raises(ArtifactError, match="friend v1 is gone"):
            keeper.find_adapter(settings, version)
        assert keeper.host_name(settings, Version(persona="friend", number=3, provider="openai", model="ft:1")) is None


def test_verifying_names_what_is_damaged(grown: tuple[Shell, Nights]) -> None:
    """All is whole: exit 0. A changed byte: its artifact and file are named, exit 1."""
    attune = grown[0]
    assert [each["damaged"] for each in attune("artifacts", "verify", "--json").document] == [[]]
    kept = next(Path(attune.home / "artifacts" / "kept").rglob("model.safetensors"))
    kept.write_bytes(tensors(b"changed"))
    damaged = attune("artifacts", "verify", "--json")
    assert damaged.code == 1 and json.loads(damaged.out)[0]["damaged"] == ["model.safetensors"]
    assert "1 of 1 are not what was kept" in damaged.err


def test_an_empty_home_says_so(here: Shell) -> None:
    """Nothing to list, to clean or to verify is a sentence, and no error."""
    for words in (("list",), ("clean",), ("clean", "--dry-run"), ("verify",)):
        ended = here("artifacts", *words)
        assert (ended.code, ended.out) == (0, "") and ended.err
