"""What comes in: bounds of a message, and a history within its budget."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.chat.messages import LONGEST_MESSAGE, assemble, check_message, count_tokens, trim_history, whole_exchanges
from service.errors import Invalid
from service.providers.base import Turn

_turns = st.lists(st.builds(Turn, st.sampled_from(["user", "assistant"]), st.text(max_size=60)), max_size=14)


@pytest.mark.parametrize("text", ["a", " a ", "\u00e9" * LONGEST_MESSAGE, "x" * LONGEST_MESSAGE, "line\nline\r\n\ttab", "\U0001f600"])
def test_a_message_within_its_bounds_passes_unchanged(text: str) -> None:
    """Up to 8,000 characters, whatever their size in bytes, pass as they were written, blank space and all."""
    assert check_message(text) == text


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("", "message_empty", "The message is empty. Write something."),
        (" \n\t\u00a0\u2003", "message_empty", "The message is empty. Write something."),
        ("x" * (LONGEST_MESSAGE + 1), "message_too_long", "The message has 8001 characters; the limit is 8000."),
        ("my \x00 secret", "message_invalid", "The message holds a NUL character. Remove it."),
    ],
)
def test_a_message_out_of_its_bounds_is_refused(text: str, code: str, words: str) -> None:
    """Empty, over-long and unkeepable messages are refused with a code, the field and the limit, and without the words."""
    with pytest.raises(Invalid) as raised:
        check_message(text, param="messages")
    assert (raised.value.code, raised.value.message, raised.value.param, raised.value.status) == (code, words, "messages", 400)


@given(_turns, st.integers(0, 200))
def test_history_keeps_the_newest_whole_exchanges_within_the_budget(history: list[Turn], budget: int) -> None:
    """What is kept is an end of the history, begins with a user's turn (or is all of it), fits, and one exchange more would not."""
    kept = trim_history(history, budget)
    left_out = history[: len(history) - len(kept)]
    assert left_out + kept == history
    assert sum(count_tokens(turn.content) for turn in kept) <= budget
    assert not left_out or not kept or kept[0].role == "user"
    if left_out:
        begin = max((number for number, turn in enumerate(left_out) if turn.role == "user"), default=0)
        assert sum(count_tokens(turn.content) for turn in history[begin:]) > budget


def test_a_history_that_fits_is_kept_whole() -> None:
    """Nothing is lost while there is room, and a single exchange that is too big is not cut in half."""
    history = [Turn("user", "Hi"), Turn("assistant", "Hello."), Turn("user", "So?"), Turn("assistant", "Well.")]
    cost = sum(count_tokens(turn.content) for turn in history)
    assert trim_history(history, cost) == history
    assert trim_history(history, cost - 1) == history[2:]
    assert trim_history([Turn("user", "short"), Turn("assistant", "x" * 400)], 100) == []


@given(_turns)
def test_whole_exchanges_begin_with_a_users_turn(history: list[Turn]) -> None:
    """The groups are the history, none is empty, and all but what came before the first user's turn begin with one, and hold no other."""
    groups = whole_exchanges(history)
    assert [turn for group in groups for turn in group] == history
    assert all(turn.role != "user" for group in groups for turn in group[1:])
    assert all(group[0].role == "user" for group in groups[1:])


def test_a_history_is_counted_no_further_than_it_is_kept() -> None:
    """However much an app sends, only what may be kept, and the first turn too many, costs a count."""
    counted: list[Turn] = []

    def cost(turn: Turn) -> int:
        counted.append(turn)
        return 10

    history = [Turn(role, f"{number}") for number in range(1000) for role in ("user", "assistant")]
    assert trim_history(history, 45, cost) == history[-4:]
    assert len(counted) == 5


def test_the_model_sees_prompt_history_and_message() -> None:
    """The system prompt comes first, the new message last, the history between them in its order."""
    history = [Turn("user", "Hi"), Turn("assistant", "Hello.")]
    assert assemble("Be kind.", history, "So?") == [Turn("system", "Be kind."), *history, Turn("user", "So?")]
