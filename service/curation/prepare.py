"""Preparing: what is new among the replies and corrections is worked out once, on every core, and kept for later nights."""

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import Engine, delete, insert, select
from sqlmodel import col

from service.curation.extraction import Spoken, extract
from service.curation.features import FEATURES, RECIPE
from service.curation.openings import read_openings
from service.curation.pool import Features, Identifiers
from service.curation.verdicts import identifiers
from service.db.engine import reading, transaction
from service.db.tables import Exchange, Prepared, Rating

_AT_ONCE = 2_000
WORTH_MORE_PROCESSES = 30_000
"""New rows; for fewer it takes longer to start processes than they save."""

Report = Callable[[int, int], None]
"""Told how many of how many are done."""


def prepare(
    engine: Engine,
    unit: Identifiers,
    exchange: Identifiers,
    sensitive: Callable[[str], bool],
    report: Report = lambda done, total: None,
    worth_more_processes: int = WORTH_MORE_PROCESSES,
) -> tuple[Features, npt.NDArray[np.float64]]:
    """Return the features of each unit, and how unlikely the base finds it (nats per token, NaN where not known).

    A unit is a reply (its id is the exchange's) or a correction (the rating's). What was prepared before is read, the rest worked out
    and kept; from `worth_more_processes` new ones on by a process per core, for which `sensitive` must be a function that can be pickled.
    Safe to break off anywhere: what is kept is whole, and is not worked out again.
    """
    features, surprise, missing = _read(engine, unit)
    if len(missing):
        with _processes(len(missing) >= worth_more_processes) as processes:
            _work_out(engine, unit[missing], exchange[missing], partial(_work_out_all, sensitive=sensitive), processes, report)
        features, surprise, missing = _read(engine, unit)
    return features, surprise


def _read(engine: Engine, unit: Identifiers) -> tuple[Features, npt.NDArray[np.float64], npt.NDArray[np.intp]]:
    """The features that are kept, in the order of `unit`, and the places of those that are not."""
    with reading(engine) as session:
        query = select(col(Prepared.id), col(Prepared.features), col(Prepared.surprise)).where(col(Prepared.recipe) == RECIPE)
        found = session.execute(query.execution_options(yield_per=_AT_ONCE))
        names, packed, surprises = [], bytearray(), []
        for name, record, surprise in found:
            names.append(name)
            packed += record
            surprises.append(np.nan if surprise is None else surprise)
    kept = identifiers(names)
    order = np.argsort(kept, kind="stable")
    kept = kept[order]
    place = np.searchsorted(kept, unit)
    there = np.zeros(len(unit), np.bool_)
    if len(kept):
        place = np.minimum(place, len(kept) - 1)
        there = kept[place] == unit
    features = np.zeros(len(unit), FEATURES)
    surprise_of = np.full(len(unit), np.nan)
    source = order[place[there]] if len(kept) else np.empty(0, np.intp)
    features[there] = np.frombuffer(packed, FEATURES)[source]
    surprise_of[there] = np.array(surprises, np.float64)[source]
    return features, surprise_of, np.flatnonzero(~there)


_Row = tuple[str, str, bytes]
_Given = list[tuple[str, str, Spoken]]
_Work = Callable[[_Given], list[_Row]]


def _work_out(engine: Engine, unit: Identifiers, exchange: Identifiers, work: _Work, processes: Any, report: Report) -> None:
    """Work out and keep, batch by batch."""
    total, done = len(unit), 0
    named = [(name.decode(), of.decode()) for name, of in zip(unit.tolist(), exchange.tolist(), strict=True)]
    spoken = (_read_spoken(engine, named[start : start + _AT_ONCE]) for start in range(0, total, _AT_ONCE))
    for rows in _in_order(processes, work, spoken):
        _keep(engine, rows)
        done += len(rows)
        report(done, total)


def _work_out_all(batch: _Given, sensitive: Callable[[str], bool]) -> list[_Row]:
    return [(name, exchange, extract(spoken, sensitive)) for name, exchange, spoken in batch]


def _processes(several: bool) -> Any:
    if not several:
        return nullcontext(None)
    # Not forked: this process has threads.
    return ProcessPoolExecutor(os.cpu_count() or 1, mp_context=multiprocessing.get_context("spawn"))


def _in_order(processes: Any, work: _Work, batches: Iterator[_Given]) -> Iterator[list[_Row]]:
    """The results in the order of the batches; a few are under way at once, so that texts are never all in memory."""
    if processes is None:
        yield from map(work, batches)
        return
    under_way = []
    for batch in batches:
        under_way.append(processes.submit(work, batch))
        if len(under_way) > 2 * (os.cpu_count() or 1):
            yield under_way.pop(0).result()
    for waiting in under_way:
        yield waiting.result()


def _read_spoken(engine: Engine, batch: Sequence[tuple[str, str]]) -> _Given:
    """The texts of a batch of units, each beside its exchange's id."""
    with reading(engine) as session:
        exchanges = {
            row[0]: row
            for row in session.execute(
                select(
                    col(Exchange.id), col(Exchange.context), col(Exchange.message), col(Exchange.reply), col(Exchange.conversation_id)
                ).where(col(Exchange.id).in_({of for _, of in batch}))
            )
        }
        corrected = {name for name, of in batch if name != of}
        query = select(col(Rating.id), col(Rating.correction)).where(col(Rating.id).in_(corrected))
        corrections = {name: text or "" for name, text in session.execute(query)}
        openings = read_openings(session, {row[4] for row in exchanges.values()})
    given: _Given = []
    for name, of in batch:
        _, context, message, reply, conversation = exchanges[of]
        said = reply if name == of else corrections[name]
        given.append((name, of, Spoken([(turn["role"], turn["content"]) for turn in context], message, said, openings[conversation])))
    return given


def _keep(engine: Engine, rows: Sequence[_Row]) -> None:
    names = [name for name, _, _ in rows]
    with transaction(engine) as session:
        session.execute(delete(Prepared).where(col(Prepared.id).in_(names)))
        session.execute(
            insert(Prepared), [{"id": name, "exchange_id": of, "recipe": RECIPE, "features": record} for name, of, record in rows]
        )
