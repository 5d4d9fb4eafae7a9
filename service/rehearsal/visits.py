"""Who says what, and whether they rate: the visits of simulated people, drawn from a seed. Everything here is pure."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import NamedTuple, TypeVar

from service.errors import Invalid

MESSAGES = Path(__file__).with_name("messages.txt")
"""What people say in a rehearsal, one message a line, unless the owner names a file."""

T = TypeVar("T")

_UNSEEN = 3  # of so many messages one is kept for the measurement
_FEWEST_MESSAGES = 12
_LENGTHS = (1, 1, 1, 2, 2, 3)  # messages of one conversation: most people say one thing and go


class Turn(NamedTuple):
    """One message of a visit. `is_rated`: the person would rate the reply if they had an opinion; `slips`: and press the wrong thumb."""

    message: str
    is_rated: bool
    slips: bool


class Visit(NamedTuple):
    """One conversation of one person, by number."""

    person: int
    turns: list[Turn]


class Habits(NamedTuple):
    """How people are: how many, the share of replies they rate, and the share of ratings that say the opposite of what they mean."""

    people: int = 40
    rated: float = 0.6
    noise: float = 0.05


def read_messages(path: Path, seed: int) -> tuple[list[str], list[str]]:
    """The messages that people say, and those of the measurement, which nobody says; raise `Invalid` when they are too few."""
    try:
        lines = [line.strip() for line in path.read_text("utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"The messages in {path} cannot be read: {error}") from error
    messages = list(dict.fromkeys(line for line in lines if line and not line.startswith("#")))
    if len(messages) < _FEWEST_MESSAGES:
        raise Invalid(f"There are {len(messages)} messages in {path}; a rehearsal needs {_FEWEST_MESSAGES}, one a line.")
    Random(f"messages {seed}").shuffle(messages)
    cut = len(messages) // _UNSEEN
    return messages[cut:], messages[:cut]


def draw_visits(messages: Sequence[str], exchanges: int, habits: Habits, seed: str) -> list[Visit]:
    """Visits with so many exchanges in all. Everybody comes about equally often, in an order that is drawn anew each round."""
    random = Random(seed)
    said = _rounds(messages, random)
    people = _rounds(range(habits.people), random)
    visits: list[Visit] = []
    left = exchanges
    while left:
        length = min(random.choice(_LENGTHS), left)
        turns = [Turn(next(said), random.random() < habits.rated, random.random() < habits.noise) for _ in range(length)]
        visits.append(Visit(next(people), turns))
        left -= length
    return visits


def hostile_people(people: int, share: float, seed: int) -> set[int]:
    """Which people, by number, are hostile."""
    return set(Random(f"hostile {seed}").sample(range(people), round(share * people)))


def thumb_of(opinion: str | None, turn: Turn) -> str | None:
    """The thumb that is pressed, if any."""
    if opinion is None or not turn.is_rated:
        return None
    return {"up": "down", "down": "up"}[opinion] if turn.slips else opinion


def _rounds(items: Sequence[T], random: Random) -> Iterator[T]:
    while True:
        yield from random.sample(list(items), len(items))
