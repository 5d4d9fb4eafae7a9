"""The datasets that were frozen: which there are, the one that is meant, and where each of its rows came from."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from service.db.tables import Dataset, Rating, Sample
from service.errors import Invalid, NotFound

LATEST = "latest"


def dataset_folder(artifacts: Path, name: str = "") -> Path:
    """Where datasets lie, or the one of that hash."""
    return artifacts / "datasets" / name


def list_datasets(session: Session, persona: str | None = None) -> list[Dataset]:
    """All datasets, or those of one persona, newest first. Nights that found nothing new share a hash."""
    query = select(Dataset).order_by(col(Dataset.id).desc())
    return list(session.scalars(query.where(col(Dataset.persona) == persona) if persona else query))


def find_dataset(session: Session, named: str, persona: str | None = None) -> Dataset:
    """The dataset whose id or hash begins so, or the `latest`; of several with one hash the newest.

    Raises `NotFound` when there is none, and `Invalid` when the beginning fits datasets of different content.
    """
    known = list_datasets(session, persona)
    of_whom = f" of {persona}" if persona else ""
    if not known:
        raise NotFound(f"There is no dataset{of_whom} yet. A night makes one: attune nightly {persona or 'PERSONA'} --wait")
    if named == LATEST:
        return known[0]
    found = [dataset for dataset in known if named and (dataset.id.startswith(named) or dataset.hash.startswith(named))]
    if not found:
        raise NotFound(f"There is no dataset '{named}'{of_whom}. See: attune dataset list")
    hashes = {dataset.hash for dataset in found}
    if len(hashes) > 1:
        raise Invalid(f"'{named}' fits {len(found)} datasets. Give more of the id or hash, such as {found[0].hash[:16]}.")
    return found[0]


def dataset_before(session: Session, dataset: Dataset) -> Dataset | None:
    """The newest dataset of the persona before this one with another content."""
    older = (other for other in list_datasets(session, dataset.persona) if other.id < dataset.id and other.hash != dataset.hash)
    return next(older, None)


def lineage_of(session: Session, dataset: Dataset) -> Sequence[dict[str, Any]]:
    """For each row of the dataset, in its order: side, form, origin, and the exchange, rating and person, or the import, it came from."""
    query = (
        select(Sample, col(Rating.rating))
        .outerjoin(Rating, col(Rating.id) == col(Sample.rating_id))
        .where(col(Sample.dataset_id) == dataset.id)
        .order_by(col(Sample.id))
    )
    return [
        {
            "split": row.split,
            "form": row.form,
            "origin": row.origin,
            "exchange": row.exchange_id,
            "other": row.other_id,
            "rating": row.rating_id,
            "thumb": thumb.value if thumb else None,
            "person": row.person_id,
            "import": row.import_id,
            "hash": row.hash,
        }
        for row, thumb in session.execute(query)
    ]
