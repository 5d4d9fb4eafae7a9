"""Dropping what is there twice, what contradicts itself, and what says nothing."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from service.curation.pool import Flags
from service.curation.sample import Sample
from service.curation.text import make_whole, normalise


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


def drop_duplicates(samples: Sequence[Sample]) -> tuple[list[Sample], dict[str, int]]:
    """Return the samples that stay, in their order, and how many were dropped by reason.

    Two samples are the same when prompt and completion are equal once normalised. The reasons: `duplicate` (an earlier one with this
    label stays), `contradiction` (the other label has the majority, or neither has it and all go), `empty` (nothing was said).
    """
    drops: Counter[str] = Counter()
    alike: defaultdict[bytes, list[int]] = defaultdict(list)
    for position, sample in enumerate(samples):
        if normalise(sample.completion):
            alike[_key(sample)].append(position)
        else:
            drops["empty"] += 1
    stay: list[int] = []
    for positions in alike.values():
        liked = [position for position in positions if samples[position].label]
        disliked = [position for position in positions if not samples[position].label]
        if len(liked) == len(disliked):
            drops["contradiction"] += len(positions)
            continue
        winners, losers = (liked, disliked) if len(liked) > len(disliked) else (disliked, liked)
        stay.append(winners[0])
        drops["duplicate"] += len(winners) - 1
        drops["contradiction"] += len(losers)
    return [samples[position] for position in sorted(stay)], {reason: count for reason, count in drops.items() if count}


def _key(sample: Sample) -> bytes:
    digest = hashlib.sha256()
    for role, text in [*((message.role, message.content) for message in sample.prompt), ("completion", sample.completion)]:
        content = normalise(make_whole(text)).encode()
        # The length goes before the text: no text can look like the end of one message and the beginning of the next.
        digest.update(f"{role} {len(content)} ".encode() + content)
    return digest.digest()
