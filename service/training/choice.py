"""Which methods a run trains with, in which order and how long: from what the dataset holds, the size of the base, and what was set."""

from collections.abc import Collection, Mapping
from math import ceil

import msgspec
from msgspec import Struct

from service.personas.persona import Tuning
from service.training.base import METHODS, Method, Parameters, Schedule

_STARTER_SIZE = 5_000_000  # parameters of the model on which the learning rates were found
_FEWEST_STEPS = 60  # fewer optimizer steps than this leave hardly a trace, whatever the learning rate
_MOST_EPOCHS = 12
_BATCH = 8
_BETA = 0.1
_EPOCHS: Mapping[Method, int] = {"chunks": 2, "sft": 3, "kto": 2, "dpo": 2}
_TASTE: tuple[Method, ...] = ("kto", "dpo")


class Holds(Struct, frozen=True, kw_only=True):
    """How many rows to train on a dataset holds: replies liked and disliked, pairs, passages."""

    liked: int
    disliked: int
    pairs: int = 0
    passages: int = 0


def choose_methods(holds: Holds, minimum: int, asked: str = "auto", offered: Collection[Method] = METHODS) -> tuple[list[Method], str]:
    """The methods in their order, of those that the trainer offers, and why, in a sentence.

    - Passages come first, whatever follows: they are how somebody speaks, and replies are then built on it (language modelling before
      instruction, as in Radford et al. 2018).
    - KTO when both thumbs were given often enough (`minimum` of each): it takes single replies as people rate them (Ethayarajh 2024).
    - DPO when there are that many pairs and not both thumbs: a pair is a firm word, but it only says which of two is better, so SFT on the
      liked replies goes before it (Rafailov et al. 2023, section 4).
    - SFT otherwise.
    """
    first: list[Method] = ["chunks"] if holds.passages and "chunks" in offered else []
    passages = f"The {holds.passages} passages come first. " if first else ""
    if asked != "auto":
        chosen = msgspec.convert(asked, Method)
        return [
            *first,
            *(["sft"] if chosen == "dpo" and holds.liked >= 2 else []),
            chosen,
        ], f"{passages}{chosen.upper()}, as the persona says."
    if "kto" not in offered:
        return _without_kto(holds, minimum)
    if min(holds.liked, holds.disliked) >= minimum:
        return [*first, "kto"], (
            f"{passages}KTO, because there are {holds.liked} liked and {holds.disliked} disliked replies, at least {minimum} of each."
        )
    scarce = f"{holds.liked} liked" if holds.liked < holds.disliked else f"{holds.disliked} disliked"
    if holds.pairs >= max(minimum, 2) and holds.liked >= 2:
        return [*first, "sft", "dpo"], (
            f"{passages}SFT on liked replies and then DPO, because there are {holds.pairs} pairs of replies, and KTO needs "
            f"{minimum} of each label where there are only {scarce}."
        )
    if holds.liked >= 2 or not first:
        return [*first, "sft"], (
            f"{passages}SFT on liked and corrected replies, because KTO needs {minimum} of each label and there are only {scarce}."
        )
    return first, "The passages alone, because there are no replies to learn from."


def _without_kto(holds: Holds, minimum: int) -> tuple[list[Method], str]:
    """What is left where the trainer learns from replies to imitate and from pairs only."""
    if holds.pairs >= max(minimum, 10) and holds.liked >= 10:
        return ["sft", "dpo"], f"SFT on liked replies and then DPO on {holds.pairs} pairs, because this trainer knows no KTO."
    return ["sft"], "SFT on liked and corrected replies, because this trainer knows no KTO and there are too few pairs for DPO."


def make_schedules(methods: list[Method], weights: int, holds: Holds, tuning: Tuning = Tuning()) -> dict[Method, Schedule]:
    """A schedule for each method, on a base of so many weights; what `tuning` sets is as it says."""
    return {method: _schedule(method, weights, _rows_of(method, holds), tuning) for method in methods}


def make_parameters(tuning: Tuning = Tuning(), max_length: int = 1024) -> Parameters:
    """The parameters of a run: `tuning` where it says something, our own elsewhere."""
    said = {name: getattr(tuning, name) for name in ("batch", "rank", "alpha", "dropout")}
    given = {name: value for name, value in said.items() if value is not None}
    return Parameters(
        max_length=max_length, quantization=tuning.quantization, gradient_checkpointing=tuning.gradient_checkpointing, **given
    )


def _schedule(method: Method, weights: int, rows: int, tuning: Tuning) -> Schedule:
    """The rule for the learning rate: what was found on the starter (5 million weights), falling with the square root of the size for KTO
    and DPO and with its cube root for SFT and passages, so that 7 billion weights get about 5e-5 and 2e-4: what is customary for LoRA.
    """
    growth = max(weights, _STARTER_SIZE) / _STARTER_SIZE
    rate = 2e-3 / growth**0.5 if method in _TASTE else 2e-3 / growth ** (1 / 3)
    epochs = _EPOCHS[method]
    if rows:
        epochs = min(_MOST_EPOCHS, max(epochs, ceil(_FEWEST_STEPS * _BATCH / rows)))
    return Schedule(learning_rate=tuning.learning_rate or float(f"{rate:.2g}"), epochs=tuning.epochs or epochs, beta=tuning.beta or _BETA)


def _rows_of(method: Method, holds: Holds) -> int:
    return {"chunks": holds.passages, "sft": holds.liked, "kto": holds.liked + holds.disliked, "dpo": holds.pairs}[method]
