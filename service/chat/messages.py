"""What comes in: the message checked, and the messages that the model will see put together within the memory's budget."""

from collections.abc import Sequence

from service.errors import Invalid
from service.providers.base import Turn

LONGEST_MESSAGE = 8_000
"""Characters one message may have."""

_CHARACTERS_PER_TOKEN = 3.5
"""A cautious guess for English text under byte-level BPE; the budget is a bound, not a bill."""


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
    return int(len(text) / _CHARACTERS_PER_TOKEN) + 4


def trim_history(history: Sequence[Turn], budget: int) -> list[Turn]:
    """Keep the newest whole exchanges (a user's turn with all that answers it) that fit into `budget` tokens, never half of one."""
    kept: list[Turn] = []
    spent = 0
    for exchange in reversed(_exchanges(history)):
        spent += sum(count_tokens(turn.content) for turn in exchange)
        if spent > budget:
            break
        kept = exchange + kept
    return kept


def assemble(prompt: str, history: Sequence[Turn], message: str) -> list[Turn]:
    """The messages for the provider: system prompt, trimmed history, the new message."""
    return [Turn("system", prompt), *history, Turn("user", message)]


def _exchanges(history: Sequence[Turn]) -> list[list[Turn]]:
    groups: list[list[Turn]] = []
    for turn in history:
        if turn.role == "user" or not groups:
            groups.append([turn])
        else:
            groups[-1].append(turn)
    return groups
