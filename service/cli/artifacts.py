"""`attune artifacts`: what weights and datasets take on disk, and giving back what is no longer needed."""

from typing import Any

import rich_click as click
from sqlalchemy import Engine
from sqlmodel import select

from service import keeper, registry
from service.artifacts.garbage import RULE, Item, delete
from service.artifacts.sizes import in_words
from service.artifacts.store import Store
from service.cli.output import as_json, database, settings, show_json, show_rows
from service.db.engine import reading
from service.db.tables import Dataset
from service.errors import ArtifactError

_NONE = "There are no weights or datasets yet. A night makes them: attune nightly PERSONA --wait"
_SHORT = 16


@click.group()
def artifacts() -> None:
    """Weights and datasets: what they take on disk, which of them are still needed, and whether what is kept is whole."""


@artifacts.command("list")
@as_json
def list_artifacts(as_json: bool) -> None:
    """List what takes room, who refers to it, and what the rule of `artifacts clean` says of it."""
    ours = settings()
    with database() as engine:
        items = keeper.plan(engine, ours, Store(ours))
        rooms = _rooms(engine)
    if as_json:
        show_json({"items": [_as_dict(item) for item in items], "versions": rooms})
        return
    _show(items, _NONE)
    if rooms:
        largest = max(rooms, key=lambda room: int(room["peak"]))
        click.echo(f"The largest version, {largest['version']}, takes {in_words(largest['peak'])} at its peak.", err=True)


@artifacts.command()
@click.option("--dry-run", is_flag=True, help="Say what would go and by which rule, and delete nothing.")
@as_json
def clean(dry_run: bool, as_json: bool) -> None:
    """Delete what no version, night or rollback needs any more; served weights are taken away from their host."""
    ours = settings()
    with database() as engine:
        store = Store(ours)
        going = [item for item in keeper.plan(engine, ours, store) if not item.keep]
        freed = sum(item.bytes for item in going) if dry_run else delete(going, store, keeper.withdrawing(engine, ours))
    if as_json:
        show_json({"deleted": not dry_run, "bytes": freed, "items": [_as_dict(item) for item in going]})
        return
    if dry_run:
        click.echo(RULE, err=True)
    _show(going, "Nothing is to be deleted.")
    if going:
        click.echo(f"{'Would free' if dry_run else 'Freed'} {in_words(freed)}.", err=True)


@artifacts.command()
@as_json
def verify(as_json: bool) -> None:
    """Read all that is kept again and compare every file with its hash; exit 1 when one differs."""
    store = Store(settings())
    found = [(kind, digest, store.find_damage(digest)) for kind, digest in store.digests()]
    if as_json:
        show_json([{"kind": kind, "digest": digest, "damaged": damaged} for kind, digest, damaged in found])
    else:
        rows = [(kind, digest, f"damaged: {', '.join(damaged)}" if damaged else "whole") for kind, digest, damaged in found]
        show_rows(("kind", "digest", "is"), rows, "Nothing is kept yet. A night that trains keeps its adapter.")
    if damaged_ones := [digest[:_SHORT] for _, digest, damaged in found if damaged]:
        raise ArtifactError(
            f"{len(damaged_ones)} of {len(found)} are not what was kept: {', '.join(damaged_ones)}. What is damaged is never fetched.",
            code="artifact_damaged",
        )


def _show(items: list[Item], empty: str) -> None:
    rows = [
        (item.kind, item.name[:_SHORT], in_words(item.bytes), ", ".join(item.referrers), "stays" if item.keep else "goes", item.why)
        for item in items
    ]
    show_rows(("kind", "name", "size", "of", "rule", "because"), rows, empty)


def _rooms(engine: Engine) -> list[dict[str, Any]]:
    ours = settings()
    with reading(engine) as session:
        hashes = {dataset.id: dataset.hash for dataset in session.exec(select(Dataset))}
        versions = [version for version in registry.list_versions(session) if version.number > 0]
    rooms = [(version, keeper.measure_room(ours, version, hashes.get(version.dataset_id or ""))) for version in versions]
    return [
        {
            "version": f"{version.persona} {version.name}",
            "adapter": room.adapter,
            "served": room.served,
            "dataset": room.dataset,
            "peak": room.peak,
        }
        for version, room in rooms
    ]


def _as_dict(item: Item) -> dict[str, Any]:
    return {
        "kind": item.kind,
        "name": item.name,
        "digest": item.digest,
        "bytes": item.bytes,
        "referrers": item.referrers,
        "keep": item.keep,
        "why": item.why,
    }
