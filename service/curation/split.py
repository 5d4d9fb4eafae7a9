"""Splitting samples into those that are trained on and those that a candidate is judged by."""

import hashlib
from collections.abc import Collection, Sequence

from service.curation.sample import Sample, content_hash
from service.curation.text import make_whole, normalise


def split_samples(
    samples: Sequence[Sample], holdout_share: float = 0.2, held_out: Collection[str] = frozenset()
) -> tuple[list[Sample], list[Sample]]:
    """Return train and holdout, each in the order of `samples`; `held_out` are the exchanges that an earlier night held out.

    Samples lie in one group when they share a conversation or its normalised opening message, directly or through others, so a
    prompt asked in six conversations is never on both sides. Each opening is drawn into the holdout by its own hash, with the chance
    `holdout_share`, and a group is held out if any of its openings is drawn. So a group keeps its side from night to night, and when a
    new conversation joins two groups, rows may move from train to holdout (each night trains from the base: they are then
    not trained on) but never back. Seeds are trained on, and so is a group with a seed's opening in it.

    What could still move a held-out row into train, and what `held_out` prevents: a bridge between two groups that is withdrawn, a
    smaller `holdout_share`, a seed written later for an opening of the group, a bridge to a seed's group. In the last two cases the seed
    is trained on and the rest of the group stays held out: then, and only then, an opening is on both sides.

    The share is a chance per opening, not a quota of rows: of 40 openings 8 are held out on average, and between 4 and 13 in 95 of 100
    cases; few openings, or one that most people begin with, can make either side empty.
    """
    openings = [_opening(sample) for sample in samples]
    groups = _Groups()
    for sample, opening in zip(samples, openings, strict=True):
        groups.join(("opening", opening), ("conversation", sample.conversation_id or ""))
    found = [groups.find(("opening", opening)) for opening in openings]
    seeded = {group for group, sample in zip(found, samples, strict=True) if sample.origin == "seed"}
    drawn = {group for group, opening in zip(found, openings, strict=True) if _draw(opening) < holdout_share}
    kept = {group for group, sample in zip(found, samples, strict=True) if sample.exchange_id in held_out}
    out = kept | (drawn - seeded)
    train: list[Sample] = []
    holdout: list[Sample] = []
    for group, sample in zip(found, samples, strict=True):
        (holdout if group in out and sample.origin != "seed" else train).append(sample)
    return train, holdout


_Node = tuple[str, str]


class _Groups:
    """Disjoint sets: union-find with path halving (Tarjan and van Leeuwen 1984, "Worst-case analysis of set union algorithms")."""

    def __init__(self) -> None:
        self._parents: dict[_Node, _Node] = {}

    def find(self, node: _Node) -> _Node:
        parents = self._parents
        parents.setdefault(node, node)
        while parents[node] != node:
            parents[node] = parents[parents[node]]
            node = parents[node]
        return node

    def join(self, one: _Node, other: _Node) -> None:
        # An empty name joins nothing: samples without a conversation are not of one conversation.
        if other[1]:
            self._parents[self.find(other)] = self.find(one)


def _opening(sample: Sample) -> str:
    """What a sample is grouped by: the normalised opening, or for a conversation that no user opened, something that is its alone."""
    written = sample.opening or next((message.content for message in sample.prompt if message.role == "user"), "")
    return normalise(make_whole(written)) or sample.conversation_id or content_hash(sample)


def _draw(opening: str) -> float:
    """A number in [0, 1) that depends on the opening alone."""
    return int.from_bytes(hashlib.sha256(f"holdout {opening}".encode()).digest()[:6]) / 2**48
