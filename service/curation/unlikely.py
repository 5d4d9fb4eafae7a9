"""Replies that the base finds very unlikely: words that nobody would expect of the persona wait for the owner before they are learned.

What a poisoned sample teaches is by its nature something the model would not have said ("LLM Hypnosis", arXiv 2507.02850, section on
defences); so is a good joke, and that is why a person decides.
"""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from sqlalchemy import Engine, bindparam, update
from sqlmodel import col

from service.curation.compose import Chosen
from service.curation.pool import Pool
from service.curation.quarantine import UNLIKELY, Finding, surprising
from service.curation.reviews import decided_samples, file_findings
from service.curation.sample import Sample
from service.db.engine import transaction
from service.db.tables import Prepared


def hold_unlikely(
    engine: Engine,
    persona_name: str,
    pool: Pool,
    known: npt.NDArray[np.float64],
    chosen: Chosen,
    ask: Callable[[Sequence[Sample]], list[float]],
    limit: float,
) -> list[bool]:
    """Say of each chosen sample whether it waits, and file a review for each that does; what the owner approved does not wait again.

    `known` is the surprise of each row of the pool in nats per token, NaN where it was not asked yet: then `ask` is, and the answer
    kept. Only liked replies are looked at, since a disliked one is not taught, and only those of people who are not trusted.
    """
    trusted = pool.trusted[pool.rater[np.array(chosen.rows, np.intp)]]
    places = [place for place, sample in enumerate(chosen.samples) if sample.label and not trusted[place]]
    rows = np.array([chosen.rows[place] for place in places], np.intp)
    surprise = known[rows]
    missing = np.flatnonzero(np.isnan(surprise))
    if len(missing):
        surprise[missing] = ask([chosen.samples[places[number]] for number in missing])
        _keep(engine, pool.unit[rows[missing]], surprise[missing])
    with transaction(engine) as session:
        approved = decided_samples(session, persona_name).approved
        names = [name.decode() for name in pool.unit[rows].tolist()]
        waits = surprising(surprise, limit) & np.array([name not in approved for name in names], np.bool_)
        findings = [Finding(UNLIKELY, names[number], {"nats": round(float(surprise[number]), 3)}) for number in np.flatnonzero(waits)]
        file_findings(session, persona_name, findings, (UNLIKELY,))
    flags = np.zeros(len(chosen.samples), np.bool_)
    flags[np.array(places, np.intp)] = waits
    return [bool(flag) for flag in flags]


def _keep(engine: Engine, unit: "npt.NDArray[np.bytes_]", surprise: npt.NDArray[np.float64]) -> None:
    statement = update(Prepared).where(col(Prepared.id) == bindparam("unit")).values(surprise=bindparam("nats"))
    rows = [{"unit": name.decode(), "nats": float(nats)} for name, nats in zip(unit.tolist(), surprise, strict=True)]
    with transaction(engine) as session:
        session.connection().execute(statement, rows)
