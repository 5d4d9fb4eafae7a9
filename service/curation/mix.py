"""Mixing: how many of which rows are trained on beside those that people rated.

Seeds, imported and synthetic rows have upper bounds; replay and safety rows are aimed at. All are shares of the rows that are trained on in
the end, so the counts depend on their own sum: they are solved for, not guessed. Nothing is written twice to reach a share: where a source
has too few rows, the share that was reached says so.
"""

import hashlib
from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

import msgspec

from service.curation.features import opening_hash
from service.curation.sample import Sample, content_hash
from service.personas.persona import Mix
from service.personas.shelf import Message, Seed, SeedKind

VOICE: tuple[SeedKind, ...] = ("voice",)
EDGE: tuple[SeedKind, ...] = ("adversarial", "broken", "off_topic")
UNSAFE: tuple[SeedKind, ...] = ("unsafe",)
LOOK_ALIKE: tuple[SeedKind, ...] = ("look_alike",)

_OURS = ("replay", "unsafe", "look_alikes", "synthetic")
"""The sources that are neither people's words nor the owner's about this persona."""


class Sources(NamedTuple):
    """What there is to train on: `rated` is people's words on the train side, `voice` and `edge` are the persona's seeds.

    `edge` shows the persona attacked, puzzled or asked for what is not its field; `unsafe` what it refuses, `look_alikes` what only
    looks so.
    """

    rated: Sequence[Sample]
    voice: Sequence[Sample] = ()
    edge: Sequence[Sample] = ()
    imported: Sequence[Sample] = ()
    replay: Sequence[Sample] = ()
    unsafe: Sequence[Sample] = ()
    look_alikes: Sequence[Sample] = ()
    synthetic: Sequence[Sample] = ()


class Rows(NamedTuple):
    """How many rows of each source there are, or are taken."""

    rated: int = 0
    voice: int = 0
    edge: int = 0
    imported: int = 0
    replay: int = 0
    safety: int = 0
    synthetic: int = 0


class Proportion(msgspec.Struct, frozen=True, kw_only=True):
    """The rows of a source in a mix, the share that was aimed at (for a bound: the most it may have), and the share that was reached."""

    rows: int
    aimed: float | None
    reached: float


class Mixed(NamedTuple):
    """The rows to train on, the proportions by source, and what was left out, by reason."""

    samples: list[Sample]
    proportions: dict[str, Proportion]
    left_out: dict[str, int]


def samples_of(seeds: Iterable[Seed], kinds: Collection[SeedKind], system_prompt: str) -> list[Sample]:
    """Return the seeds of these kinds as samples under this system prompt, or under none where it is empty."""
    system = (Message("system", system_prompt),) if system_prompt else ()
    return [
        Sample(
            prompt=(*system, *seed.messages[:-1]),
            completion=seed.messages[-1].content,
            label=True,
            origin="safety" if seed.kind in (*UNSAFE, *LOOK_ALIKE) else "seed",
        )
        for seed in seeds
        if seed.kind in kinds
    ]


def plan(there: Rows, shares: Mix) -> Rows:
    """Return how many rows of each source to take, of those that are there: the largest mix that keeps all bounds.

    All rated rows are taken, and all edge seeds, which count as seeds even where they alone are more than the bound. A target is met to the
    nearest row, and with at least one. What neither people nor the owner wrote (safety, then replay, then synthetic, as far as it goes)
    never outnumbers the rated and imported rows; where there are none of these, it never outnumbers the seeds.
    """
    there = there._replace(imported=there.imported if shares.imported else 0)
    exact = {name: Fraction(str(share)) for name, share in msgspec.structs.asdict(shares).items()}
    # What may be taken grows with the total. So from the largest total downwards the first one that agrees with its own rows is the
    # largest that does (the greatest fixed point of a monotone function; Tarski 1955).
    total = sum(there)
    while sum(taken := _within(there, exact, total)) != total:
        total = sum(taken)
    return taken


def most_rated(budget: int, there: Rows, shares: Mix) -> int:
    """Return how many rated rows may be chosen so that the whole mix keeps to `budget` rows; `there.rated` is how many there are."""
    # From one on, as with none at all the seeds stand in for what is rated.
    return bisect_right(range(1, there.rated + 1), budget, key=lambda rated: sum(plan(there._replace(rated=rated), shares)))


def mix(sources: Sources, shares: Mix, held_out: Collection[int] = frozenset(), seed: int = 0) -> Mixed:
    """Mix the sources by their shares; `held_out` are the hashes (`opening_hash`) of openings that are never trained on.

    Of a source with more rows than it may have, those are taken that come first by a hash of `seed` and their content: a spread choice, the
    same each night. Of the safety rows half are look-alikes, as far as there are any: who only learns to refuse, refuses too much. A row
    that is in the mix already is left out (`already_there`), and so is an opening of the holdout (`opening_held_out`) that came from a
    replay, a safety or a synthetic row; seeds are for the split to weigh.
    """
    fresh, left_out = _fresh(sources, held_out)
    there = Rows(
        rated=len(fresh.rated),
        voice=len(fresh.voice),
        edge=len(fresh.edge),
        imported=len(fresh.imported),
        replay=len(fresh.replay),
        safety=len(fresh.unsafe) + len(fresh.look_alikes),
        synthetic=len(fresh.synthetic),
    )
    taken = plan(there, shares)
    look_alikes = min(len(fresh.look_alikes), max(taken.safety // 2, taken.safety - len(fresh.unsafe)))
    parts = Sources(
        rated=fresh.rated,
        voice=_spread(fresh.voice, taken.voice, seed),
        edge=fresh.edge,
        imported=_spread(fresh.imported, taken.imported, seed),
        replay=_spread(fresh.replay, taken.replay, seed),
        unsafe=_spread(fresh.unsafe, taken.safety - look_alikes, seed),
        look_alikes=_spread(fresh.look_alikes, look_alikes, seed),
        synthetic=_spread(fresh.synthetic, taken.synthetic, seed),
    )
    over = {f"{name}_over_share": rows - _by_name(taken)[name] for name, rows in _by_name(there).items()}
    left_out |= {reason: count for reason, count in over.items() if count}
    return Mixed([sample for part in parts for sample in part], _proportions(taken, shares), left_out)


def _within(there: Rows, shares: Mapping[str, Fraction], total: int) -> Rows:
    """The rows that a mix of `total` rows may have. It grows with `total`."""
    voice = max(0, min(there.voice, int(shares["seeds"] * total) - there.edge))
    imported = min(there.imported, int(shares["imported"] * total))
    room = there.rated + imported if there.rated or there.imported else voice + there.edge
    safety = min(there.safety, _target(shares["safety"], total), room)
    replay = min(there.replay, _target(shares["replay"], total), room - safety)
    synthetic = min(there.synthetic, int(shares["synthetic"] * total), room - safety - replay)
    return Rows(there.rated, voice, there.edge, imported, replay, safety, synthetic)


def _target(share: Fraction, total: int) -> int:
    return max(1, int(share * total + Fraction(1, 2))) if share else 0


def _fresh(sources: Sources, held_out: Collection[int]) -> tuple[Sources, dict[str, int]]:
    """The sources without what stands in an earlier one and without openings that are held out, and how many of each were left out."""
    kept: dict[str, list[Sample]] = {"rated": list(sources.rated)}
    seen = {content_hash(sample) for sample in sources.rated}
    left_out: Counter[str] = Counter()
    for name, samples in sources._asdict().items():
        if name == "rated":
            continue
        kept[name] = []
        for sample in samples:
            content = content_hash(sample)
            if content in seen:
                left_out["already_there"] += 1
            elif name in _OURS and opening_hash(_opening(sample)) in held_out:
                left_out["opening_held_out"] += 1
            else:
                kept[name].append(sample)
                seen.add(content)
    return Sources(**kept), dict(sorted(left_out.items()))


def _opening(sample: Sample) -> str:
    return sample.opening or next((message.content for message in sample.prompt if message.role == "user"), "")


def _spread(samples: Sequence[Sample], count: int, seed: int) -> list[Sample]:
    """So many of the samples, in their order."""
    if count >= len(samples):
        return list(samples)
    ranked = sorted(range(len(samples)), key=lambda place: hashlib.sha256(f"{seed} {content_hash(samples[place])}".encode()).digest())
    return [samples[place] for place in sorted(ranked[:count])]


def _by_name(rows: Rows) -> dict[str, int]:
    """The rows by the names of the shares; the edge seeds are seeds."""
    return {
        "rated": rows.rated,
        "seeds": rows.voice + rows.edge,
        "imported": rows.imported,
        "replay": rows.replay,
        "safety": rows.safety,
        "synthetic": rows.synthetic,
    }


def _proportions(taken: Rows, shares: Mix) -> dict[str, Proportion]:
    aimed, total = msgspec.structs.asdict(shares), max(1, sum(taken))
    return {name: Proportion(rows=rows, aimed=aimed.get(name), reached=round(rows / total, 4)) for name, rows in _by_name(taken).items()}
