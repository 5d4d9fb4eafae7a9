"""Gathering: what people said, as far as it may be heard, becomes a pool of what could be learned."""

from collections import Counter
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from sqlalchemy import Engine

from service.curation.pool import Flags, Pool, Words
from service.curation.prepare import prepare
from service.curation.quarantine import PEOPLE_KINDS, QUARANTINED, held_back
from service.curation.reviews import decided_people, file_findings
from service.curation.verdicts import majority, quarantined, read_words
from service.db.engine import reading, transaction
from service.personas.persona import Trust

Drops = Counter[str]
"""How many rows were left out, by reason."""

Report = Callable[[str, int, int], None]
"""Told the stage, and how many of how many are done in it."""


def gather(
    engine: Engine, persona_name: str, trust: Trust, sensitive: Callable[[str], bool], drops: Drops, report: Report
) -> tuple[Pool, npt.NDArray[np.float64], int]:
    """Return the pool, how unlikely the base finds each row (NaN where not known), and how many rows were worked out anew.

    Whose ratings wait for the owner is filed as reviews. An exchange on which people are divided is left out (`undecided`).
    """
    with reading(engine) as session:
        words = read_words(session, persona_name, lambda done: report("reading ratings", done, done))
        gone = quarantined(session, words)
        decided = decided_people(session)
    words = words.take(~count(drops, QUARANTINED, gone))
    held = held_back(words, trust, decided)
    drops.update(held.counts)
    with transaction(engine) as session:
        file_findings(session, persona_name, held.findings, PEOPLE_KINDS)
    words = words.take(~held.rows)
    verdict = majority(words)
    drops["undecided"] += len(np.unique(words.exchange)) - int(np.count_nonzero(~verdict.corrected))
    unit = np.where(verdict.corrected, words.rating[verdict.row], words.exchange[verdict.row])
    made = 0

    def progress(done: int, total: int) -> None:
        nonlocal made
        made = done
        report("working out what is new", done, total)

    features, surprise = prepare(engine, unit, words.exchange[verdict.row], sensitive, progress)
    return _pool(words, verdict.row, unit, verdict.corrected, features), surprise, made


def count(drops: Drops, reason: str, rows: Flags) -> Flags:
    """Count these rows under the reason, and return them."""
    drops[reason] += int(np.count_nonzero(rows))
    return rows


def _pool(
    words: Words, row: "npt.NDArray[np.intp]", unit: "npt.NDArray[np.bytes_]", corrected: Flags, features: "npt.NDArray[np.void]"
) -> Pool:
    return Pool(
        unit=unit,
        exchange=words.exchange[row],
        rating=words.rating[row],
        conversation=words.conversation[row],
        rater=words.rater[row],
        talker=words.talker[row],
        liked=words.liked[row] | corrected,
        corrected=corrected,
        at=words.at[row],
        people=words.people,
        trusted=words.trusted,
        features=features,
    )
