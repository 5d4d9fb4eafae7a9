"""Rows made fit for the training library."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import TrainingError
from service.training.rows import (
    Message,
    Pair,
    Passage,
    Row,
    batch_size,
    cut,
    fit,
    fit_pair,
    interleave,
    label_weights,
    read_pairs,
    read_passages,
    read_rows,
)


def _words(messages: list[Message]) -> int:
    return sum(len(message.content.split()) for message in messages)


def _row(*contents: str, label: bool = True) -> Row:
    """A system message, then user and assistant in turn; the last one is the completion."""
    roles = ["system", *["user", "assistant"] * len(contents)]
    messages = [Message(role, content) for role, content in zip(roles, contents, strict=False)]
    return Row(messages[:-1], messages[-1:], label)


def test_a_long_conversation_loses_its_oldest_exchanges():
    """The system message, the last message and the reply stay; what goes are whole exchanges, so that the speakers still alternate."""
    row = fit(_row("be kind", "one two", "three four", "five six", "seven eight", "nine", "ten"), _words, 8)

    assert row is not None
    assert [message.content for message in row.prompt] == ["be kind", "five six", "seven eight", "nine"]
    assert [Message("assistant", "ten")] == row.completion


def test_a_row_that_no_trimming_brings_down_is_left_out():
    """A single message longer than the model can read is not cut in the middle."""
    assert fit(_row("be kind", "one two three four five", "six"), _words, 5) is None


def test_a_row_that_fits_is_left_as_it_is():
    """Nothing is trimmed without need."""
    row = _row("be kind", "one", "two")

    assert row == fit(row, _words, 4)


@given(st.integers(2, 500), st.integers(2, 64))
def test_no_batch_is_a_batch_of_one(rows, wanted):
    """KTO compares each reply with its neighbours in the batch; a row alone in its batch would have none."""
    size = batch_size(rows, wanted)

    assert 1 < size <= wanted + 6
    assert rows % size != 1


@given(st.integers(1, 5000), st.integers(1, 5000))
def test_the_weights_keep_kto_in_balance(liked, disliked):
    """Whatever the ratio of thumbs, the liked rows together weigh 1 to 1.33 times as much as the disliked ones; only one weight moves."""
    desirable, undesirable = label_weights(liked, disliked)

    assert 1 <= liked * desirable / (disliked * undesirable) <= 1.33
    assert 1.0 in (desirable, undesirable)


@given(st.integers(2, 60), st.integers(2, 60), st.integers(0, 3))
def test_liked_and_disliked_rows_are_spread_evenly(liked, disliked, seed):
    """Any half of the order holds about half of each label, and the same seed gives the same order."""
    rows = [_row(f"{number}", "x", label=number < liked) for number in range(liked + disliked)]

    order = interleave(rows, seed)

    assert order == interleave(rows, seed)
    assert sorted(row.prompt[0].content for row in rows) == sorted(row.prompt[0].content for row in order)
    half = sum(row.label for row in order[: len(order) // 2])
    assert abs(half - liked / 2) <= 1.5


def test_sft_learns_from_liked_rows_only(dataset):
    """The disliked half is not read for SFT, and other keys of a row do no harm."""
    assert all(row.label for row in read_rows(dataset / "train.jsonl", "sft"))
    assert len(read_rows(dataset / "train.jsonl", "kto")) == 24


def test_a_pair_is_shortened_for_its_longer_reply():
    """Both replies must fit after what came before, and what came before is the same for both."""
    row = _row("be kind", "one two", "three four", "five", "six")
    pair = Pair(row.prompt, [Message("assistant", "six")], [Message("assistant", "six seven eight")])

    fitted = fit_pair(pair, _words, 6)

    assert fitted is not None
    assert [message.content for message in fitted.prompt] == ["be kind", "five"]
    assert fit_pair(pair, _words, 5) is None


@given(st.lists(st.lists(st.sampled_from(["oh", "ann", "no"]), min_size=1, max_size=6).map(" ".join), min_size=1, max_size=12))
def test_a_passage_is_cut_between_its_lines(lines):
    """Every line that fits is in one piece, in order; no piece is longer than may be, and only lines that can never fit are left out."""
    pieces = cut(Passage("\n".join(lines)), lambda text: len(text.split()), 4)

    assert [line for piece in pieces for line in piece.text.splitlines()] == [line for line in lines if len(line.split()) <= 4]
    assert all(len(piece.text.split()) <= 4 for piece in pieces)


def test_what_is_too_little_to_learn_from_is_said(tmp_path):
    """DPO wants two pairs, language modelling a passage; a file that is not there is an empty one."""
    with pytest.raises(TrainingError, match="there are 0"):
        read_pairs(tmp_path / "pairs.jsonl")
    with pytest.raises(TrainingError, match="no passages"):
        read_passages(tmp_path / "passages.jsonl")


@pytest.mark.parametrize(
    ("labels", "method", "sentence"),
    [
        ([False, False], "sft", "SFT needs at least two liked replies, and there are 0."),
        ([True, True], "kto", "KTO needs liked and disliked replies, and there are 2 liked and 0 disliked."),
    ],
)
def test_too_few_rows_are_refused_in_words(tmp_path, labels, method, sentence):
    """A method that would learn nothing is not begun."""
    file = tmp_path / "rows.jsonl"
    file.write_text("\n".join(json.dumps({"prompt": [], "completion": [], "label": label}) for label in labels), encoding="utf-8")

    with pytest.raises(TrainingError) as raised:
        read_rows(file, method)

    assert sentence == raised.value.message


def test_a_file_that_is_no_rows_is_refused_in_words(tmp_path):
    """The sentence names the file."""
    file = tmp_path / "rows.jsonl"
    file.write_text("not rows", encoding="utf-8")

    with pytest.raises(TrainingError, match=r"The training file .*rows\.jsonl cannot be read"):
        read_rows(file, "sft")


def test_every_text_is_cleaned_as_it_is_read(tmp_path):
    """System, user and earlier replies in the prompt, and the reply; roles and label stay as they are."""
    turns = [{"role": role, "content": f"{role} <|x|>"} for role in ("system", "user", "assistant", "user")]
    file = tmp_path / "train.jsonl"
    file.write_text(2 * f"{json.dumps({'prompt': turns, 'completion': [{'role': 'assistant', 'content': '<|x|>'}], 'label': True})}\n")

    (row, _) = read_rows(file, "sft", clean=lambda text: text.replace("<|", "< |"))

    assert row == Row([Message(turn["role"], f"{turn['role']} < |x|>") for turn in turns], [Message("assistant", "< |x|>")], True)
