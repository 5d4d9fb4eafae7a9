"""Choosing: when there is more to learn from than the budget allows, what covers the topics best."""

from service.curation.gather import Drops
from service.curation.kcenter import choose
from service.curation.pool import Pool
from service.curation.sift import Rows
from service.curation.topics import Topics, find_topics

OVER_BUDGET = "over_budget"


def topics_of(pool: Pool, rows: Rows) -> Topics:
    """The topics of what was said to these rows."""
    return find_topics(pool.features["vector"][rows])


def choose_rows(pool: Pool, rows: Rows, topics: Topics, budget: int, drops: Drops) -> Rows:
    """Return `budget` of the rows, ascending, spread over their topics; all of them when there are no more."""
    if len(rows) <= budget:
        return rows
    chosen = rows[choose(pool.features["vector"][rows], topics.of_row, pool.liked[rows], budget)]
    drops[OVER_BUDGET] += len(rows) - len(chosen)
    return chosen
