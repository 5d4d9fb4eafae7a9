"""Who likes next to nothing of what others like at the same time: numbers, and pure."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from service.curation.pool import Codes, Flags, Words

_FEWEST_WORDS = 8
_LIKES_OF_OTHERS = 0.2
_AROUND = 25  # words on either side that say what people like at the time; a new version changes it
_FEWEST_AROUND = 10


class Likes(NamedTuple):
    """For each person: how many words count, the likes among them, and how many likes they would be of people like all others."""

    words: npt.NDArray[np.int64]
    given: npt.NDArray[np.int64]
    usual: npt.NDArray[np.float64]

    def contrary(self, odds: float) -> Flags:
        """Whom chance would make like less than a fifth of the usual with at most these odds, of people with 8 words or more.

        The odds are the bound of Hoeffding (1963, theorem 1) on the tail of a sum of unlike coins, so they are rather lower. 0 is nobody.
        """
        share, fair = (each / np.maximum(self.words, 1) for each in (self.given, self.usual))
        with np.errstate(divide="ignore", invalid="ignore"):
            apart = np.where(share > 0, share * np.log(share / fair), 0) + (1 - share) * np.log((1 - share) / (1 - fair))
            chance = np.exp(-self.words * apart)
        found = (self.words >= _FEWEST_WORDS) & (share < _LIKES_OF_OTHERS * fair) & (chance <= odds)
        return found & (odds > 0)


def compare_likes(words: Words, left: Flags, raters: int) -> Likes:
    """Count over the words that are `left`; nothing counts where fewer than so many people rate."""
    rows = np.flatnonzero(left)
    rows = rows[np.argsort(words.at[rows], kind="stable")]
    rater, liked = words.rater[rows], words.liked[rows]
    usual = _liked_around(rater, liked)
    known = np.isfinite(usual) & (len(np.unique(rater)) >= raters)
    rater, size = rater[known], len(words.people)
    return Likes(
        words=np.bincount(rater, minlength=size),
        given=np.bincount(rater, weights=liked[known], minlength=size).astype(np.int64),
        usual=np.bincount(rater, weights=usual[known], minlength=size).astype(np.float64),
    )


def _liked_around(rater: Codes, liked: Flags) -> npt.NDArray[np.float64]:
    """For each word, in the order of time, the share of likes among the words around it that others gave; NaN where those are too few."""
    count = len(rater)
    place = np.arange(count)
    start, end = np.maximum(place - _AROUND, 0), np.minimum(place + _AROUND + 1, count)
    order = np.lexsort((place, rater))
    first, last = (
        np.searchsorted((rater.astype(np.int64) * (count + 1) + place)[order], rater * np.int64(count + 1) + at) for at in (start, end)
    )
    all_likes, own_likes = (np.concatenate([[0], np.cumsum(row)]) for row in (liked, liked[order]))
    others = end - start - (last - first)
    likes = all_likes[end] - all_likes[start] - (own_likes[last] - own_likes[first])
    shares: npt.NDArray[np.float64] = np.where(others >= _FEWEST_AROUND, likes / np.maximum(others, 1), np.nan)
    return shares
