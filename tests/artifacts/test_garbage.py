"""The rule of what may be deleted, case by case, and that nothing else is."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from service.artifacts.garbage import DatasetFacts, Facts, Item, VersionFacts, delete, sort_out
from service.artifacts.sizes import Room, count_bytes, in_words
from service.artifacts.store import Store
from service.errors import ArtifactError
from service.settings import Settings
from tests.artifacts.conftest import tensors

NOW = datetime(2026, 11, 27, tzinfo=UTC)


def _version(number: int = 1, days: int = 1, **facts: Any) -> VersionFacts:
    named = {"id": f"id{number}", "persona": "friend", "name": f"v{number}", "stage": "retired", "model": f"friend-v{number}"}
    return VersionFacts(**{**named, "night_id": f"night{number}", "served": True, "made_at": NOW - timedelta(days=days), **facts})


def _fill(folder: Path, name: str = "adapter_model.safetensors") -> None:
    folder.mkdir(parents=True)
    (folder / name).write_bytes(tensors())


def _verdicts(facts: Facts, artifacts: Path) -> dict[str, bool]:
    return {item.kind: item.keep for item in sort_out(facts, artifacts, {}, NOW)}


@pytest.fixture
def artifacts(tmp_path: Path) -> Path:
    """What one version leaves on disk, with the leftovers of its training."""
    for part in ("runs/night1/adapter", "runs/night1/sweep-0/adapter", "versions/friend-v1", "datasets/aa"):
        _fill(tmp_path / part)
    _fill(tmp_path / "runs/night1/checkpoints/sft", "optimizer.pt")
    return tmp_path


@pytest.mark.parametrize(
    ("facts", "served", "adapter", "dataset"),
    [
        ({"needed": "it serves", "days": 900}, True, True, True),
        ({"days": 5}, False, True, True),
        ({"days": 900}, False, True, True),
        ({"days": 5, "stage": "candidate"}, True, True, True),
        ({"days": 40, "stage": "candidate"}, False, True, True),
        ({"days": 5, "stage": "quarantined"}, True, True, True),
        ({"days": 40, "stage": "quarantined"}, False, False, False),
    ],
)
def test_a_version_by_stage_and_age(artifacts: Path, facts: dict[str, Any], served: bool, adapter: bool, dataset: bool) -> None:
    """Served weights, adapter and dataset of one version, as the rule's words say; the dataset is old and not among the newest."""
    old = NOW - timedelta(days=60)
    others = [DatasetFacts(hash=name, persona="friend", made_at=NOW) for name in ("bb", "cc")]
    datasets = [*others, DatasetFacts(hash="aa", persona="friend", made_at=old)]
    found = _verdicts(Facts(versions=[_version(dataset="aa", **facts)], datasets=datasets), artifacts)
    assert found == {"served": served, "adapter": adapter, "dataset": dataset}


@pytest.mark.parametrize(("days", "newer", "keep"), [(80, 20, True), (100, 20, False), (100, 9, True), (100, 10, False)])
def test_old_adapters_go_but_for_the_newest(artifacts: Path, days: int, newer: int, keep: bool) -> None:
    """An adapter goes when it is older than 90 days and ten of the persona are newer; those of another persona do not count."""
    after = [_version(number, served=False) for number in range(2, newer + 2)]
    other = [_version(number, persona="mentor", served=False) for number in range(50, 70)]
    assert _verdicts(Facts(versions=[*after, *other, _version(days=days, served=False)]), artifacts) == {"adapter": keep}


@pytest.mark.parametrize(
    ("newer", "days", "busy", "keep"),
    [(1, 60, False, True), (2, 60, False, False), (2, 60, True, True), (2, 20, False, True)],
)
def test_a_dataset_nobody_was_trained_on(artifacts: Path, newer: int, days: int, busy: bool, keep: bool) -> None:
    """It goes after 30 days, unless it is one of the two newest or a night that could freeze it again is under way."""
    datasets = [DatasetFacts(hash=name, persona="friend", made_at=NOW) for name in ("bb", "cc")[:newer]]
    datasets.append(DatasetFacts(hash="aa", persona="friend", made_at=NOW - timedelta(days=days), busy=busy))
    assert _verdicts(Facts(datasets=datasets), artifacts) == {"dataset": keep}


def test_only_what_goes_is_deleted(artifacts: Path) -> None:
    """Leftovers of an ended run, an adapter here and in the store; what nobody named and what another version shares stays."""
    store = Store(Settings(artifacts=str(artifacts)))
    digest = store.keep(artifacts / "runs/night1/adapter", "adapter").digest
    _fill(artifacts / "runs/stranger/checkpoints")
    (artifacts / "runs/night1/manifest.json").write_text("{}")
    quarantined = _version(days=40, stage="quarantined", digest=digest)
    withdrawn: list[str] = []

    def sweep(*versions: VersionFacts) -> list[Item]:
        items = sort_out(Facts(versions=versions, runs={"night1": True, "stranger": False}), artifacts, {digest: 9}, NOW)
        freed = delete(items, store, withdrawn.append)
        assert freed == sum(item.bytes for item in items if not item.keep)
        return items

    sweep(quarantined, _version(2, digest=digest, served=False))
    assert withdrawn == ["id1"] and store.holds(digest) and not (artifacts / "runs/night1/adapter").exists()
    assert not (artifacts / "runs/night1/checkpoints").exists() and not (artifacts / "runs/night1/sweep-0").exists()
    assert (artifacts / "runs/night1/manifest.json").exists() and (artifacts / "runs/stranger/checkpoints").exists()
    sweep(quarantined)
    assert not store.holds(digest)
    assert (artifacts / "datasets/aa").exists()


@pytest.mark.parametrize("name", ["..", "../../home", ".hidden", "", "a/b"])
def test_a_strange_name_deletes_nothing(artifacts: Path, name: str) -> None:
    """A name that could lead elsewhere stops the sweep before anything is deleted."""
    with pytest.raises(ArtifactError, match="nothing was deleted"):
        sort_out(Facts(runs={"night1": True, name: True}), artifacts, {}, NOW)
    assert (artifacts / "runs/night1/checkpoints").exists()


def test_sizes(tmp_path: Path) -> None:
    """A file with two names counts once, a folder that is not there nothing; sizes are said as people read them."""
    (tmp_path / "a").write_bytes(b"x" * 1000)
    (tmp_path / "b").hardlink_to(tmp_path / "a")
    assert (count_bytes(tmp_path), count_bytes(tmp_path / "none")) == (1000, 0)
    assert [in_words(size) for size in (17, 1024, 5 * 2**20, 3 * 2**50)] == ["17 B", "1.0 KiB", "5.0 MiB", "3072.0 TiB"]
    assert Room(adapter=1, served=2, dataset=3).peak == 6
