"""The rows that say where each sample of a dataset came from, and which exchanges were ever held out."""

from collections import Counter

import msgspec
from sqlalchemy import select
from sqlmodel import Session, col

from service.curation.sample import Sample, Split, content_hash, pair_hash, passage_hash
from service.db import tables


class Contributors(msgspec.Struct, frozen=True):
    """How many people the words trained on came from, and the largest share of those words that is one person's."""

    people: int
    largest_share: float


def lineage_rows(dataset_id: str, train: Split, holdout: Split) -> list[tables.Sample]:
    """Return one row per sample, pair and passage, not yet in any session: train first, each side in its order."""
    rows: list[tables.Sample] = []
    for side, split in (("train", train), ("holdout", holdout)):
        rows += [_of_sample(dataset_id, side, sample) for sample in split.samples]
        rows += [
            tables.Sample(
                dataset_id=dataset_id,
                split=side,
                form="pair",
                origin=pair.origin,
                exchange_id=pair.exchange_id,
                other_id=pair.other_id,
                rating_id=pair.rating_id,
                person_id=pair.person_id,
                hash=pair_hash(pair),
            )
            for pair in split.pairs
        ]
        rows += [
            tables.Sample(
                dataset_id=dataset_id,
                split=side,
                form="passage",
                origin="imported",
                import_id=passage.import_id,
                hash=passage_hash(passage),
            )
            for passage in split.passages
        ]
    return rows


def held_out(session: Session, persona_name: str) -> frozenset[str]:
    """Return the ids of the exchanges that may never be trained on.

    They are those that any dataset of the persona held out, as a sample or on either side of a pair, and all others of their
    conversations: what is said later has the held-out words before it, also when their rating was withdrawn since.
    """
    found: set[str] = set()
    for column in (tables.Sample.exchange_id, tables.Sample.other_id):
        query = (
            select(col(tables.Exchange.conversation_id))
            .join(tables.Sample, col(column) == col(tables.Exchange.id))
            .join(tables.Dataset, col(tables.Dataset.id) == col(tables.Sample.dataset_id))
            .where(col(tables.Dataset.persona) == persona_name, col(tables.Sample.split) == "holdout")
        )
        found.update(session.scalars(select(col(tables.Exchange.id)).where(col(tables.Exchange.conversation_id).in_(query))))
    return frozenset(found)


def count_contributors(train: Split) -> Contributors:
    """Whose words are trained on. Samples of nobody (seeds, the base's own answers) are not part of it."""
    words = Counter(sample.person_id for sample in train.samples if sample.person_id is not None)
    return Contributors(len(words), max(words.values()) / words.total() if words else 0.0)


def _of_sample(dataset_id: str, side: str, sample: Sample) -> tables.Sample:
    return tables.Sample(
        dataset_id=dataset_id,
        split=side,
        form="unpaired",
        origin=sample.origin,
        exchange_id=sample.exchange_id,
        rating_id=sample.rating_id,
        person_id=sample.person_id,
        import_id=sample.import_id,
        hash=content_hash(sample),
    )
