"""The rows of a dataset in the form that OpenAI's fine-tuning takes, and which are not sent."""

import json
from pathlib import Path

import pytest

from service.errors import TrainingError
from service.training.openai_rows import WireRow, check_rows, check_sizes, read_wire_rows


def turn(role: str, content: str) -> dict[str, str]:
    """One message."""
    return {"role": role, "content": content}


def write(folder: Path, name: str, rows: list[dict[str, object]]) -> Path:
    """A dataset with this one file."""
    (folder / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return folder


def test_only_the_rated_reply_of_a_chat_is_learned(tmp_path):
    """Replies before it have weight 0: a person may have disliked them. A disliked row is not sent at all."""
    prompt = [turn("system", "You are Friend."), turn("user", "Hi"), turn("assistant", "What?"), turn("user", "I said hi")]
    row = {"prompt": prompt, "completion": [turn("assistant", "Hello!")], "label": True}
    rows = read_wire_rows("sft", write(tmp_path, "train", [row, row, row | {"label": False}]))

    assert len(rows) == 2
    assert [message.get("weight") for message in json.loads(rows[0].line)["messages"]] == [None, None, 0, None, None]
    assert rows[0].text == "You are Friend.\nHi\nWhat?\nI said hi\nHello!"


def test_a_pair_is_an_input_with_two_outputs(tmp_path):
    """The prompt, the better reply and the worse one; all three are looked at by moderation."""
    pair = {"prompt": [turn("user", "Hi")], "chosen": [turn("assistant", "Hello!")], "rejected": [turn("assistant", "No.")]}
    (first, _) = read_wire_rows("dpo", write(tmp_path, "pairs", [pair, pair]))

    assert json.loads(first.line) == {
        "input": {"messages": [turn("user", "Hi")]},
        "preferred_output": [turn("assistant", "Hello!")],
        "non_preferred_output": [turn("assistant", "No.")],
    }
    assert first.text == "Hi\nHello!\nNo."


@pytest.mark.parametrize(
    ("prompt", "rejected", "sentence"),
    [
        ([turn("user", "Hi")], [turn("assistant", " ")], "^2 of 4 chats do not end with a reply or have an empty message"),
        ([turn("user", "")], [turn("assistant", "No.")], "^4 of 4 chats do not end"),
        ([turn("user", "Hi")], [turn("user", "No.")], "^2 of 4 chats do not end"),
        ([turn("tool", "7")], [turn("assistant", "No.")], "^4 of 4 chats have a message of the role 'tool'"),
    ],
)
def test_chats_that_a_host_refuses_are_counted(tmp_path, prompt, rejected, sentence):
    """How many, what is wrong with them and what to set; not what they say."""
    pair = {"prompt": prompt, "chosen": [turn("assistant", "Hello!")], "rejected": rejected}
    with pytest.raises(TrainingError, match=sentence + ".*Set learning.trainer to local"):
        read_wire_rows("dpo", write(tmp_path, "pairs", [pair, pair]))


def test_limits_of_a_file_are_kept():
    """Ten rows at least, 65,000 tokens of a row and 512 MB of a file at most; each sentence has the figure and the setting."""
    short, long = WireRow(b"{}", "word"), WireRow(b"{}", "word" * 65_001)
    check_rows([short] * 10, "sft")
    with pytest.raises(TrainingError, match="SFT needs at least 10 rows here, and there are 9"):
        check_rows([short] * 9, "sft")
    with pytest.raises(TrainingError, match=r"2 of 12 rows are longer than 65000 tokens, the longest about 65001\. Lower"):
        check_rows([*[short] * 10, long, long], "dpo")
    with pytest.raises(TrainingError, match=r"The rows are 600 MB; 512 MB are taken\. Lower"):
        check_sizes([WireRow(b"x" * 1024**2, "word")] * 600)


def test_a_holdout_that_is_not_there_is_no_holdout(tmp_path):
    """A job takes none; what is there is read like what is trained on."""
    assert read_wire_rows("sft", tmp_path, holdout=True) == []
    assert read_wire_rows("dpo", tmp_path, holdout=True) == []
    row = {"prompt": [turn("user", "Hi")], "completion": [turn("assistant", "Hello!")], "label": True}
    assert len(read_wire_rows("sft", write(tmp_path, "holdout", [row, row]), holdout=True)) == 2
