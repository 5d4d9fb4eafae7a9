"""The rows of a training run, made fit for the training library: which, in what order, how long, and in what batches.

The library shuffles nothing for KTO, cuts a long row at its end (where the reply is) and drops what then has no reply left, without a word.
"""

from collections.abc import Callable, Sequence
from itertools import chain, count
from pathlib import Path
from random import Random

import msgspec
from msgspec import Struct

from service.errors import TrainingError
from service.training.base import Method

_LEANING = 1.1  # liked rows together weigh this much more than disliked ones: within [1, 1.33], where KTO works


class Message(Struct, frozen=True):
    """One chat message; other keys of a message are left aside."""

    role: str
    content: str


class Row(Struct, frozen=True):
    """A rated reply: what came before it, the reply, and whether it was liked."""

    prompt: list[Message]
    completion: list[Message]
    label: bool


def read_rows(file: Path, method: Method, clean: Callable[[str], str] = str) -> list[Row]:
    """The rows a method learns from: all for KTO, the liked ones for SFT. `TrainingError` when they cannot be read or are too few.

    Every text is given to `clean` first (see `service.providers.role_marks`).
    """
    try:
        rows = [_cleaned(msgspec.json.decode(line, type=Row), clean) for line in file.read_bytes().splitlines() if line.strip()]
    except (OSError, msgspec.DecodeError) as error:
        raise TrainingError(f"The training file {file} cannot be read: {error}.") from error
    liked, disliked = count_labels(rows)
    if method == "sft" and liked < 2:
        raise TrainingError(f"SFT needs at least two liked replies, and there are {liked}.")
    if method == "kto" and not (liked and disliked):
        raise TrainingError(f"KTO needs liked and disliked replies, and there are {liked} liked and {disliked} disliked.")
    return rows if method == "kto" else [row for row in rows if row.label]


def _cleaned(row: Row, clean: Callable[[str], str]) -> Row:
    prompt, completion = ([Message(each.role, clean(each.content)) for each in part] for part in (row.prompt, row.completion))
    return Row(prompt, completion, row.label)


def count_labels(rows: Sequence[Row]) -> tuple[int, int]:
    """How many are liked, how many disliked."""
    liked = sum(row.label for row in rows)
    return liked, len(rows) - liked


def fit(row: Row, tokens_of: Callable[[list[Message]], int], longest: int) -> Row | None:
    """The row with as many of its oldest exchanges taken away as bring it down to `longest` tokens; None when none are left to take.

    Whole exchanges go, never the system message, the last message or the reply: a chat template may insist that the speakers alternate.
    """
    while tokens_of(row.prompt + row.completion) > longest:
        system = [message for message in row.prompt if message.role == "system"]
        spoken = [message for message in row.prompt if message.role != "system"]
        starts = [place for place, message in enumerate(spoken) if message.role == "user" and place > 0]
        if not starts:
            return None
        row = Row(system + spoken[starts[0] :], row.completion, row.label)
    return row


def interleave(rows: Sequence[Row], seed: int) -> list[Row]:
    """Shuffled by `seed`, with liked and disliked rows spread evenly: KTO takes its batches in the order of the rows."""
    order = Random(seed)
    placed: list[tuple[float, Row]] = []
    for label in (True, False):
        same = [row for row in rows if row.label is label]
        order.shuffle(same)
        placed += [((place + 0.5) / len(same), row) for place, row in enumerate(same)]
    return [row for _, row in sorted(placed, key=lambda pair: pair[0])]


def batch_size(rows: int, wanted: int) -> int:
    """The size nearest to `wanted`, rather smaller, that leaves no last batch of one: KTO compares each reply with its neighbours."""
    sizes = chain(range(min(wanted, rows), 1, -1), count(wanted + 1))
    return next(size for size in sizes if rows % size != 1)


def label_weights(liked: int, disliked: int) -> tuple[float, float]:
    """The weights of a liked and of a disliked row that make up for there being more of one; the scarcer label gets the larger weight."""
    if liked <= disliked:
        return _LEANING * disliked / liked, 1.0
    return 1.0, liked / disliked / _LEANING
