"""Dropping what is there twice, and what contradicts itself."""

import numpy as np
import numpy.typing as npt

from service.curation.pool import Flags


def settle(same: npt.NDArray[np.uint64], liked: Flags) -> tuple[Flags, dict[str, int]]:
    """Which rows stay, and how many were dropped by reason; rows with the same `features.same` say the same to the same.

    Of each such group the first row with the label of the majority stays: who repeats what another one wrote takes nobody's place, and
    what stays is the same from night to night. The reasons: `duplicate` (an earlier one with this label stays), `contradiction` (the
    other label has the majority, or neither has it and all go).
    """
    _, group = np.unique(same, return_inverse=True)
    ups = np.bincount(group, weights=liked)[group]
    downs = np.bincount(group, weights=~liked)[group]
    wins = np.where(liked, ups > downs, downs > ups)
    winners = np.flatnonzero(wins)
    keep = np.zeros(len(same), dtype=np.bool_)
    keep[winners[np.unique(group[winners], return_index=True)[1]]] = True
    drops = {"duplicate": np.count_nonzero(wins & ~keep), "contradiction": np.count_nonzero(~wins)}
    return keep, {reason: int(count) for reason, count in drops.items() if count}
