"""The rows that say where each sample of a dataset came from, and which exchanges were ever held out."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlmodel import Session, col

from service.curation.sample import Sample, content_hash
from service.db import tables


def sample_rows(dataset_id: str, train: Sequence[Sample], holdout: Sequence[Sample]) -> list[tables.Sample]:
    """Return one row per sample, not yet in any session: train first, each split in its order."""
    return [
        tables.Sample(
            dataset_id=dataset_id,
            exchange_id=sample.exchange_id,
            rating_id=sample.rating_id,
            split=split,
            origin=sample.origin,
            hash=content_hash(sample),
        )
        for split, samples in (("train", train), ("holdout", holdout))
        for sample in samples
    ]


def held_out(session: Session, persona_name: str) -> frozenset[str]:
    """Return the ids of the exchanges that any dataset of the persona held out: what `split_samples` must not give to train."""
    query = (
        select(col(tables.Sample.exchange_id))
        .join(tables.Dataset, col(tables.Dataset.id) == col(tables.Sample.dataset_id))
        .where(col(tables.Dataset.persona) == persona_name, col(tables.Sample.split) == "holdout")
        .distinct()
    )
    return frozenset(exchange for exchange in session.scalars(query) if exchange is not None)
