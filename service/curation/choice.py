"""Choosing: when there is more to learn from than the budget allows, what covers the topics best."""

from service.curation.gather import Drops
from service.curation.kcenter import choose
from service.curation.pool import Pool
from service.curation.sift import Rows
from service.curation.topics import find_topics

OVER_BUDGET = "over_budget"


def choose_rows(pool: Pool, rows: Rows, budget: int, drops: Drops) -> Rows:
    """Return `budget` of the rows, ascending, spread over the topics people talk about; all of them when there are no more."""
    if len(rows) <= budget:
        return rows
    vectors = pool.features["vector"][rows]
    chosen = rows[choose(vectors, find_topics(vectors).of_row, pool.liked[rows], budget)]
    drops[OVER_BUDGET] += len(rows) - len(chosen)
    return chosen
