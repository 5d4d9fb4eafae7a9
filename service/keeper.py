"""Looks after what versions take on disk: what may go, taking it away from its host, and making it servable again."""

from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Engine
from sqlmodel import Session, col, select

from service import registry
from service.artifacts.garbage import FALLBACKS, DatasetFacts, Facts, Item, VersionFacts, sort_out
from service.artifacts.sizes import Room, count_bytes
from service.artifacts.store import Store
from service.db.engine import reading
from service.db.tables import Canary, Dataset, Night, RunState, Stage, TrainingRun, Version, now
from service.errors import ArtifactError
from service.hosting.base import Host, Hosted
from service.hosting.catalog import ENGINE, OLLAMA, make_host
from service.hosting.recovery import Published, restore
from service.providers.catalog import checkpoint_folder
from service.providers.table import read_tables
from service.settings import Settings

_LOCAL = "local"


def plan(engine: Engine, settings: Settings, store: Store) -> list[Item]:
    """Everything known that takes room, and whether it stays."""
    with reading(engine) as session:
        facts = gather(session, settings)
    kept = {each.digest: each.bytes for each in store.survey()}
    return sort_out(facts, settings.artifact_folder, kept, now())


def gather(session: Session, settings: Settings) -> Facts:
    """What the database says of versions, datasets and runs, newest first."""
    open_nights = {night.id: night.persona for night in session.exec(select(Night).where(col(Night.ended_at).is_(None)))}
    datasets = list(session.exec(select(Dataset).order_by(col(Dataset.id).desc())))
    hashes = {dataset.id: dataset.hash for dataset in datasets}
    versions = registry.list_versions(session)
    needed = _needed(session, versions, set(open_nights))
    ended = {RunState.succeeded, RunState.failed, RunState.cancelled}
    return Facts(
        versions=[
            VersionFacts(
                id=version.id,
                persona=version.persona,
                name=version.name,
                stage=version.stage.value,
                made_at=version.created_at,
                needed=needed.get(version.id, ""),
                night_id=version.night_id,
                model=version.model,
                served=_is_served(settings, version),
                digest=version.adapter,
                dataset=hashes.get(version.dataset_id or ""),
            )
            for version in versions
            if version.number > 0
        ],
        datasets=[
            DatasetFacts(hash=each.hash, persona=each.persona, made_at=each.created_at, busy=each.persona in open_nights.values())
            for each in datasets
        ],
        runs={run.night_id: run.state in ended and run.night_id not in open_nights for run in session.exec(select(TrainingRun))},
    )


def _needed(session: Session, versions: list[Version], open_nights: set[str]) -> dict[str, str]:
    """Why a version must stay as it is, by its id."""
    needed: dict[str, str] = {}
    for persona in {version.persona for version in versions}:
        trained = [version for version in registry.list_fallbacks(session, persona) if version.number > 0]
        needed |= {version.id: "a rollback restores it next" for version in trained[:FALLBACKS]}
    for trial in session.exec(select(Canary).where(col(Canary.ended_at).is_(None))):
        needed |= {trial.version_id: "it is on trial", trial.champion_id: "a version on trial is compared with it"}
    for version in versions:
        if version.night_id in open_nights:
            needed[version.id] = "its night is under way"
        if version.stage in {Stage.champion, Stage.canary}:
            needed[version.id] = "it serves"
    return needed


def host_name(settings: Settings, version: Version) -> str | None:
    """Who of ours hosts the version; None where somebody else made the model, or nothing was published."""
    if not version.provider or not version.model:
        return None
    if version.provider in {_LOCAL, OLLAMA}:
        return ENGINE if version.provider == _LOCAL else OLLAMA
    table = read_tables(settings.providers).get(version.provider)
    return version.provider if table is not None and table.kind in {"vllm", "ollama"} else None


def withdrawing(engine: Engine, settings: Settings) -> Callable[[str], None]:
    """What takes a version away from its host, given its id; for `garbage.delete`."""

    def withdraw(version_id: str) -> None:
        with reading(engine) as session:
            version = session.get_one(Version, version_id)
        host = _host(settings, version)
        if host is not None:
            host.withdraw(Hosted(version.provider or "", version.model or ""))
            note = _note(settings, version)
            note.parent.mkdir(parents=True, exist_ok=True)
            note.touch()

    return withdraw


def restore_lost(engine: Engine, settings: Settings) -> list[str]:
    """Publish again what a host that was restarted has lost, of the versions that serve, are tried or could be rolled back to.

    Returns sentences about what could not be brought back. The embedded engine loses nothing: its versions are folders.
    """
    with reading(engine) as session:
        versions = registry.list_versions(session)
        needed = _needed(session, versions, set())
    published, troubles = [], []
    for version in versions:
        name = host_name(settings, version)
        if version.id in needed and name not in {None, ENGINE} and not is_withdrawn(settings, version):
            base = checkpoint_folder(version.base or "", settings)
            try:
                published.append(Published(name or "", version.model or "", base, find_adapter(settings, version)))
            except ArtifactError as error:
                troubles.append(error.message)
    return [*troubles, *restore(settings, published)]


def is_withdrawn(settings: Settings, version: Version) -> bool:
    """Whether a version that we host was taken away from its host, and must be rebuilt before it serves."""
    if host_name(settings, version) is None or version.night_id is None:
        return False
    if version.provider == _LOCAL:
        return not checkpoint_folder(version.model or "", settings).is_dir()
    return _note(settings, version).exists()


def rebuild(settings: Settings, version: Version) -> None:
    """Make a withdrawn version servable again from its adapter, blocking, before it is promoted; any other is left as it is.

    Raises `ArtifactError` when its adapter is gone too, and `HostingError` when the host does not take it.
    """
    host = _host(settings, version)
    if host is None or not is_withdrawn(settings, version):
        return
    name = f"{version.persona}-{version.name}"
    hosted = host.publish(name, checkpoint_folder(version.base or "", settings), find_adapter(settings, version))
    host.warm_up(hosted)
    _note(settings, version).unlink(missing_ok=True)


def find_adapter(settings: Settings, version: Version) -> Path:
    """The folder of a version's adapter, fetched from the store where it is not here; `ArtifactError` when it is nowhere."""
    folder = settings.artifact_folder / "runs" / (version.night_id or "") / "adapter"
    if folder.is_dir():
        return folder
    if version.adapter is None:
        raise ArtifactError(f"The adapter of {version.persona} {version.name} is gone. Let a night train a new version.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    return Store(settings).fetch(version.adapter, folder)


def measure_room(settings: Settings, version: Version, dataset: str | None) -> Room:
    """What a version takes on this machine."""
    artifacts = settings.artifact_folder
    return Room(
        adapter=count_bytes(artifacts / "runs" / version.night_id / "adapter") if version.night_id else 0,
        served=count_bytes(checkpoint_folder(version.model, settings)) if version.provider == _LOCAL and version.model else 0,
        dataset=count_bytes(artifacts / "datasets" / dataset) if dataset else 0,
    )


def _host(settings: Settings, version: Version) -> Host | None:
    name = host_name(settings, version)
    return None if name is None else make_host(settings, name)


def _is_served(settings: Settings, version: Version) -> bool:
    return version.night_id is not None and host_name(settings, version) is not None and not is_withdrawn(settings, version)


def _note(settings: Settings, version: Version) -> Path:
    """An empty file beside the run: the version's host was asked to forget it."""
    return settings.artifact_folder / "runs" / (version.night_id or "") / "withdrawn"
