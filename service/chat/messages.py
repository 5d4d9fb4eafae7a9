"""What comes in: the message checked, and the history cut to a budget."""

from collections.abc import Callable, Sequence

from service.errors import Invalid
from service.providers.base import Turn
from service.providers.tokens import ESTIMATE

LONGEST_MESSAGE = 8_000
"""Characters one message may have."""


def check_message(text: str, param: str = "message") -> str:
    """Return the message; raise `Invalid` when it is empty, over-long or holds what no database can keep."""
    if not text.strip():
        raise Invalid("The message is empty. Write something.", code="message_empty", param=param)
    if len(text) > LONGEST_MESSAGE:
        raise Invalid(f"The message has {len(text)} characters; the limit is {LONGEST_MESSAGE}.", code="message_too_long", param=param)
    if "\x00" in text:
        raise Invalid("The message holds a NUL character. Remove it.", code="message_invalid", param=param)
    return text


def count_tokens(text: str) -> int:
    """Estimate how many tokens a text costs."""
    return ESTIMATE.count(text)


def trim_history(history: Sequence[Turn], budget: int, cost: Callable[[Turn], int] = ESTIMATE.turn) -> list[Turn]:
    """Keep the newest whole exchanges (a user's turn with all that answers it) that fit into `budget` tokens, never half of one."""
    kept: list[Turn] = []
    spent = 0
    for exchange in reversed(whole_exchanges(history)):
        for turn in exchange:
            spent += cost(turn)
            if spent > budget:  # Not counted further: an app's history may be as long as it likes.
                return kept
        kept = exchange + kept
    return kept


def assemble(system: str, history: Sequence[Turn], message: str) -> list[Turn]:
    """The messages for the provider: the system text, the trimmed history, the new message."""
    return [Turn("system", system), *history, Turn("user", message)]


def whole_exchanges(history: Sequence[Turn]) -> list[list[Turn]]:
    """The history in groups: a user's turn with all that answers it. What comes before the first user's turn is a group too."""
    groups: list[list[Turn]] = []
    for turn in history:
        if turn.role == "user" or not groups:
            groups.append([turn])
        else:
            groups[-1].append(turn)
    return groups
