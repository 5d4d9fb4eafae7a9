"""Which weights and datasets are no longer needed, and deleting them: only what is known by name, never what merely lies there."""

import re
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

import msgspec

from service.artifacts.manifest import make_manifest
from service.artifacts.sizes import count_bytes
from service.artifacts.store import Store
from service.errors import ArtifactError

RULE = """\
Never deleted: what a champion, a canary and the versions that a rollback restores next (two) need; what a night under way refers to;
the manifests, figures and proof pages of every version; and whatever no row of the database names.
Leftovers of training (checkpoints, the trials of a sweep) go as soon as the run and its night have ended.
Served weights (an adapter written into its base) of every other version go at once when it is retired, and 30 days after it was made
when it is a candidate or quarantined. They can be made again from the adapter.
Adapters go when the version is older than 90 days and not one of the ten newest of its persona; a quarantined one's after 30 days.
Datasets go after 30 days, unless a version whose adapter stays was trained on them or they are one of the two newest of a persona.
"""

FALLBACKS = 2
_NEWEST_ADAPTERS, _NEWEST_DATASETS = 10, 2
_ADAPTER_DAYS, _GRACE_DAYS = timedelta(days=90), timedelta(days=30)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_LEFTOVERS = ("checkpoints", "stages", "sweep-*")

ItemKind = Literal["leftovers", "served", "adapter", "dataset"]


class VersionFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the rule asks of a version. `needed` says why it must stay as it is ("it serves"), and is empty where nothing says so.

    `served` is whether a host of ours has it now; `digest` is its adapter's in the store; `dataset` the hash it was trained on.
    """

    id: str
    persona: str
    name: str
    stage: str
    made_at: datetime
    needed: str = ""
    night_id: str | None = None
    model: str | None = None
    served: bool = False
    digest: str | None = None
    dataset: str | None = None


class DatasetFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A frozen dataset of a persona; `busy` while a night of that persona is under way, which may freeze the same one again."""

    hash: str
    persona: str
    made_at: datetime
    busy: bool = False


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """All the rule knows, newest first; `runs` are the nights with a training run, and whether both have ended."""

    versions: Sequence[VersionFacts] = ()
    datasets: Sequence[DatasetFacts] = ()
    runs: Mapping[str, bool] = {}


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """Something that takes room: what it is, who refers to it, and what the rule says. `version` is the id of the version served."""

    kind: ItemKind
    name: str
    bytes: int
    referrers: list[str]
    keep: bool
    why: str
    paths: list[Path] = []
    digest: str | None = None
    version: str | None = None


def sort_out(facts: Facts, artifacts: Path, kept: Mapping[str, int], now: datetime) -> list[Item]:
    """Everything known that takes room, and what `RULE` says of it; deletes nothing. `kept` has the bytes of what the store holds."""
    lasting = {version.id for version in facts.versions if _adapter(version, facts.versions, now)[0]}
    items = [_leftovers(artifacts, night, ended) for night, ended in facts.runs.items()]
    items += [_served(artifacts, version, now) for version in facts.versions if version.served]
    items += [_adapters(artifacts, version, facts.versions, kept, lasting, now) for version in facts.versions]
    items += [_dataset(artifacts, each, facts, lasting, now) for each in dict.fromkeys(dataset.hash for dataset in facts.datasets)]
    return [item for item in items if item.bytes or item.version]


def delete(items: Iterable[Item], store: Store, withdraw: Callable[[str], None]) -> int:
    """Delete what the rule gives up; return the bytes. `withdraw` takes the id of a served version away from its host.

    Raises what the store or the host raises; what was deleted until then is gone, and the next time goes on.
    """
    freed = 0
    for item in items:
        if item.keep:
            continue
        if item.version:
            withdraw(item.version)
        if item.kind == "dataset":
            for path in item.paths:
                with suppress(ArtifactError):  # a damaged one was kept under another digest
                    store.delete(make_manifest(path, "dataset").digest)
        if item.digest:
            store.delete(item.digest)
        for path in item.paths:
            _remove(path)
        freed += item.bytes
    return freed


def _leftovers(artifacts: Path, night: str, ended: bool) -> Item:
    folder = artifacts / "runs" / _plain(night)
    paths = [path for pattern in _LEFTOVERS for path in sorted(folder.glob(pattern)) if path.is_dir() and not path.is_symlink()]
    why = "its run has ended" if ended else "its run has not ended"
    return Item(
        kind="leftovers", name=night, bytes=sum(map(count_bytes, paths)), referrers=[f"night {night}"], keep=not ended, why=why, paths=paths
    )


def _served(artifacts: Path, version: VersionFacts, now: datetime) -> Item:
    age = now - version.made_at
    if version.needed:
        keep, why = True, version.needed
    elif version.stage == "retired":
        keep, why = False, "it is retired, and no rollback restores it next"
    else:
        keep, why = age < _GRACE_DAYS, f"it is {version.stage}, made {age.days} days ago"
    size = count_bytes(artifacts / "versions" / _plain(version.model or ""))
    return Item(kind="served", name=version.model or "", bytes=size, referrers=[_called(version)], keep=keep, why=why, version=version.id)


def _adapters(
    artifacts: Path, version: VersionFacts, versions: Sequence[VersionFacts], kept: Mapping[str, int], lasting: set[str], now: datetime
) -> Item:
    keep, why = _adapter(version, versions, now)
    shared = [each for each in versions if version.digest and each.digest == version.digest]
    path = artifacts / "runs" / _plain(version.night_id) / "adapter" if version.night_id else None
    paths = [path] if path is not None and path.is_dir() else []
    is_shared = any(each.id in lasting for each in shared if each.id != version.id)
    return Item(
        kind="adapter",
        name=(version.digest or version.night_id or version.name)[:16],
        bytes=sum(map(count_bytes, paths)) or kept.get(version.digest or "", 0),
        referrers=[_called(each) for each in shared] or [_called(version)],
        keep=keep,
        why=why,
        paths=paths,
        digest=None if is_shared else version.digest,  # equal weights are kept once
    )


def _adapter(version: VersionFacts, versions: Sequence[VersionFacts], now: datetime) -> tuple[bool, str]:
    if version.needed:
        return True, version.needed
    age = now - version.made_at
    if version.stage == "quarantined":
        return age < _GRACE_DAYS, f"it is quarantined, made {age.days} days ago"
    newest = [each.id for each in versions if each.persona == version.persona][:_NEWEST_ADAPTERS]
    if version.id in newest:
        return True, f"it is one of the {_NEWEST_ADAPTERS} newest of {version.persona}"
    return age < _ADAPTER_DAYS, f"it was made {age.days} days ago"


def _dataset(artifacts: Path, digest: str, facts: Facts, lasting: set[str], now: datetime) -> Item:
    alike = [each for each in facts.datasets if each.hash == digest]
    users = [version for version in facts.versions if version.dataset == digest]
    newest = {
        each.hash
        for persona in {dataset.persona for dataset in alike}
        for each in [dataset for dataset in facts.datasets if dataset.persona == persona][:_NEWEST_DATASETS]
    }
    age = now - max(each.made_at for each in alike)
    if any(each.busy for each in alike):
        keep, why = True, "a night of its persona is under way"
    elif stays := [version for version in users if version.id in lasting]:
        keep, why = True, f"{_called(stays[0])} was trained on it"
    elif digest in newest:
        keep, why = True, f"it is one of the {_NEWEST_DATASETS} newest of its persona"
    else:
        keep, why = age < _GRACE_DAYS, f"it was frozen {age.days} days ago, and no kept version was trained on it"
    path = artifacts / "datasets" / _plain(digest)
    referrers = [_called(version) for version in users] or sorted({each.persona for each in alike})
    return Item(kind="dataset", name=digest, bytes=count_bytes(path), referrers=referrers, keep=keep, why=why, paths=[path])


def _called(version: VersionFacts) -> str:
    return f"{version.persona} {version.name}"


def _plain(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ArtifactError(f"{name[:80]!r} is no name of an artifact; nothing was deleted.")
    return name


def _remove(path: Path) -> None:
    try:
        shutil.rmtree(path)
    except FileNotFoundError:
        return
    except OSError as error:
        raise ArtifactError(f"{path} could not be deleted: {error.strerror}. Look at its owner and rights.") from error
