"""The rows of a training run, made fit for the training library: which, in what order, how long, and in what batches.

The library shuffles nothing for KTO, cuts a long row at its end (where the reply is) and drops what then has no reply left, without a word.
"""

from collections.abc import Callable, Sequence
from itertools import chain, count
from pathlib import Path
from random import Random
from typing import TypeVar

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


class Pair(Struct, frozen=True):
    """Two replies to the same words, of which one is the better."""

    prompt: list[Message]
    chosen: list[Message]
    rejected: list[Message]


class Passage(Struct, frozen=True):
    """Plain text."""

    text: str


Kind = TypeVar("Kind", Row, Pair, Passage)
Clean = Callable[[str], str]


def read_rows(file: Path, method: Method, clean: Clean = str) -> list[Row]:
    """The rows a method learns from: all for KTO, the liked ones for SFT. `TrainingError` when they cannot be read or are too few.

    Every text is given to `clean` first (see `service.providers.role_marks`).
    """
    rows = [Row(_said(row.prompt, clean), _said(row.completion, clean), row.label) for row in _read(file, Row)]
    liked, disliked = count_labels(rows)
    if method == "sft" and liked < 2:
        raise TrainingError(f"SFT needs at least two liked replies, and there are {liked}.")
    if method == "kto" and not (liked and disliked):
        raise TrainingError(f"KTO needs liked and disliked replies, and there are {liked} liked and {disliked} disliked.")
    return rows if method == "kto" else [row for row in rows if row.label]


def read_pairs(file: Path, clean: Clean = str) -> list[Pair]:
    """The pairs DPO learns from; `TrainingError` when they cannot be read or are too few."""
    pairs = [Pair(_said(pair.prompt, clean), _said(pair.chosen, clean), _said(pair.rejected, clean)) for pair in _read(file, Pair)]
    if len(pairs) < 2:
        raise TrainingError(f"DPO needs at least two pairs of a better and a worse reply, and there are {len(pairs)}.")
    return pairs


def read_passages(file: Path, clean: Clean = str) -> list[Passage]:
    """The passages that are learned as plain language; `TrainingError` when they cannot be read or there is none."""
    passages = [Passage(clean(passage.text)) for passage in _read(file, Passage)]
    if not passages:
        raise TrainingError("There are no passages to learn from.")
    return passages


def _read(file: Path, kind: type[Kind]) -> list[Kind]:
    try:
        lines = file.read_bytes().splitlines() if file.exists() else []
        return [msgspec.json.decode(line, type=kind) for line in lines if line.strip()]
    except (OSError, msgspec.DecodeError) as error:
        raise TrainingError(f"The training file {file} cannot be read: {error}.") from error


def _said(messages: Sequence[Message], clean: Clean) -> list[Message]:
    return [Message(message.role, clean(message.content)) for message in messages]


def count_labels(rows: Sequence[Row]) -> tuple[int, int]:
    """How many are liked, how many disliked."""
    liked = sum(row.label for row in rows)
    return liked, len(rows) - liked


def fit(row: Row, tokens_of: Callable[[list[Message]], int], longest: int) -> Row | None:
    """The row with as many of its oldest exchanges taken away as bring it down to `longest` tokens; None when none are left to take.

    Whole exchanges go, never the system message, the last message or the reply: a chat template may insist that the speakers alternate.
    """
    prompt = _shortened(row.prompt, lambda prompt: tokens_of(prompt + row.completion) <= longest)
    return None if prompt is None else Row(prompt, row.completion, row.label)


def fit_pair(pair: Pair, tokens_of: Callable[[list[Message]], int], longest: int) -> Pair | None:
    """Like `fit`: the prompt shortened so that it fits with either reply."""
    prompt = _shortened(pair.prompt, lambda prompt: max(tokens_of(prompt + reply) for reply in (pair.chosen, pair.rejected)) <= longest)
    return None if prompt is None else Pair(prompt, pair.chosen, pair.rejected)


def cut(passage: Passage, tokens_of: Callable[[str], int], longest: int) -> list[Passage]:
    """The passage in pieces of whole lines, each of at most `longest` tokens; a single line that is longer is left out."""
    pieces: list[list[str]] = [[]]
    for line in passage.text.splitlines():
        if tokens_of("\n".join([*pieces[-1], line])) > longest and pieces[-1]:
            pieces.append([])
        if tokens_of(line) <= longest:
            pieces[-1].append(line)
    return [Passage("\n".join(lines)) for lines in pieces if any(line.strip() for line in lines)]


def _shortened(prompt: list[Message], fits: Callable[[list[Message]], bool]) -> list[Message] | None:
    while not fits(prompt):
        system = [message for message in prompt if message.role == "system"]
        spoken = [message for message in prompt if message.role != "system"]
        starts = [place for place, message in enumerate(spoken) if message.role == "user" and place > 0]
        if not starts:
            return None
        prompt = system + spoken[starts[0] :]
    return prompt


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
