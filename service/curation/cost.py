"""What training on a dataset would take: tokens by side and form, and dollars where a vendor trains and its price is known."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import msgspec

from service.curation.dataset import rows_of
from service.curation.rows import FILES, Form, Side
from service.providers.base import Turn
from service.providers.prices import training_price

_CHARACTERS_PER_TOKEN = 4
"""OpenAI's rule of thumb for English."""


class Counter(Protocol):
    """Counts as the base does, such as `service.curation.tokenizer.counter_of` gives it."""

    def count(self, text: str) -> int:
        """The tokens of a text."""
        ...

    def turn(self, turn: Turn) -> int:
        """The tokens of a message, with what the chat template puts around it."""
        ...


class Counted(msgspec.Struct, frozen=True):
    """The tokens of one side and form; a pair counts with its prompt twice, once for each reply. `longest` is the longest row."""

    side: Side
    form: Form
    rows: int
    tokens: int
    longest: int


class TokenCount(msgspec.Struct, frozen=True):
    """Every side and form that has rows; `exact` is whether the base's own tokenizer counted, otherwise it is four characters a token."""

    exact: bool
    parts: list[Counted]

    def tokens(self, side: Side, form: Form = "unpaired") -> int:
        """The tokens of one side and form."""
        return sum(part.tokens for part in self.parts if (part.side, part.form) == (side, form))


class Cost(msgspec.Struct, frozen=True):
    """`tokens` that training passes over in all epochs; `dollars` where that is paid and the price known; `said` is it in a sentence."""

    tokens: int
    dollars: float | None
    said: str


def count_tokens(path: Path, counter: Counter | None) -> TokenCount:
    """Count the rows of a frozen dataset, with the marks that the base's chat template puts around its messages."""
    parts = []
    for side, form in FILES:
        sizes = [_size(row, form, counter) for row in rows_of(path, side, form)]
        if sizes:
            parts.append(Counted(side, form, len(sizes), sum(sizes), max(sizes)))
    return TokenCount(counter is not None, parts)


def estimate(tokens: int, epochs: int, trainer: str, base: str) -> Cost:
    """What it costs to train `epochs` times on `tokens`: nothing but time on this machine, dollars at a vendor."""
    passed = tokens * epochs
    over = f"{tokens:,} tokens {_times(epochs)}, {passed:,} in all"
    if trainer == "local":
        return Cost(passed, None, f"Training on this machine passes over {over}; it costs time, no dollars.")
    price = training_price(base)
    if price is None:
        return Cost(passed, None, f"Training {base} passes over {over}; what that costs is not known here.")
    dollars = round(passed / 1_000_000 * price, 2)
    return Cost(passed, dollars, f"Training {base} passes over {over}: about ${dollars:,.2f} at ${price:g} a million.")


def _size(row: dict[str, Any], form: Form, counter: Counter | None) -> int:
    if form == "passage":
        return counter.count(row["text"]) if counter else _guess(row["text"])
    return sum(counter.turn(turn) if counter else _guess(turn.content) for turn in _turns(row, form))


def _turns(row: dict[str, Any], form: Form) -> Iterator[Turn]:
    chats = ("completion",) if form == "unpaired" else ("chosen", "rejected")
    for reply in chats:
        for message in (*row["prompt"], *row[reply]):
            yield Turn(message["role"], message["content"])


def _guess(text: str) -> int:
    return -(-len(text) // _CHARACTERS_PER_TOKEN)


def _times(epochs: int) -> str:
    return "once" if epochs == 1 else f"{epochs} times"
