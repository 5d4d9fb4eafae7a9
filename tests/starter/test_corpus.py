"""The hand-written corpus and its reader."""

import re
from pathlib import Path

import pytest

from service.starter.answers import read_questions
from service.starter.corpus import SLOT, SLOTS, Block, CorpusError, count_exchanges, read_blocks, read_corpus, read_words

BLOCKS = read_corpus()
WORDS = read_words()


def write(folder: Path, text: str) -> Path:
    path = folder / "some.txt"
    path.write_text(text, encoding="utf-8")
    return path


def plain(text: str) -> str:
    return re.sub(r"[^a-z0-9 ]", "", text.lower()).strip()


def test_there_are_enough_hand_written_exchanges() -> None:
    """At least 1,500 replies stand under a person's message, in at least 500 dialogues."""
    assert count_exchanges(BLOCKS) >= 1500
    assert len(BLOCKS) >= 500


def test_both_voices_have_words_of_their_own() -> None:
    """Friend and Mentor each have hundreds of replies that the other would not give."""
    voices = [reply.voice for block in BLOCKS for turn in block.turns for reply in turn.replies]
    assert min(voices.count("friend"), voices.count("mentor"), voices.count("both")) >= 400


def test_some_dialogues_go_on() -> None:
    """At least a hundred dialogues have several turns, so that the model sees a message answered after another."""
    assert sum(len(block.turns) > 1 for block in BLOCKS) >= 100


def test_about_half_of_the_replies_ask() -> None:
    """Ratings must find both kinds: between a third and two thirds of the replies ask something back."""
    replies = [reply.text for block in BLOCKS for turn in block.turns for reply in turn.replies]
    assert 1 / 3 < sum("?" in reply for reply in replies) / len(replies) < 2 / 3


def test_a_filler_can_always_be_copied() -> None:
    """No reply names a slot that none of the messages before it has."""
    for block in BLOCKS:
        said: set[str] = set()
        for turn in block.turns:
            said |= {slot for wording in turn.wordings for slot in SLOT.findall(wording)}
            for reply in turn.replies:
                assert said.issuperset(SLOT.findall(reply.text)), f"{block.source}: {reply.text}"


def test_word_lists_are_long_enough() -> None:
    """Copying is learned from many fillers: every slot has at least the number that was asked for."""
    nouns = {"person": 60, "thing": 150, "topic": 350, "food": 80, "animal": 50, "place": 80, "name": 40}
    least = nouns | {"activity": 150, "feeling": 50, "time": 20}
    assert {slot: len(WORDS[slot]) for slot in SLOTS if len(WORDS[slot]) < least[slot]} == {}
    assert all(len(set(fillers)) == len(fillers) for fillers in WORDS.values())


def test_the_questions_are_not_in_the_corpus() -> None:
    """None of the twenty questions is a wording of the corpus, not even with its slots filled from the word lists."""
    questions = read_questions()
    assert len(questions) == len(set(questions)) == 20
    fillers = {slot: {plain(filler) for filler in WORDS[slot]} for slot in SLOTS}
    for wording in {wording for block in BLOCKS for turn in block.turns for wording in turn.wordings}:
        slots = SLOT.findall(wording)
        pattern = re.compile(SLOT.sub("(.+)", re.sub(r"[^a-z0-9{} ]", "", wording.lower()).strip()))
        for question in questions:
            match = pattern.fullmatch(plain(question))
            assert not match or not all(said in fillers[slot] for slot, said in zip(slots, match.groups(), strict=True)), wording


def test_a_block_is_read_with_its_place(tmp_path: Path) -> None:
    """Wordings, replies, voices and turns come out as written, and the block knows its line."""
    path = write(tmp_path, "# note\n@topic a\n\n> Hi.\n> Hey.\n< Hello!\nf< Yo, you!\n> Bye.\nm< Goodbye.\n")
    block: Block = read_blocks(path)[0]
    assert block.source == "some.txt:4"
    assert block.turns[0].wordings == ("Hi.", "Hey.")
    assert [(reply.text, reply.voice) for reply in block.turns[0].replies] == [("Hello!", "both"), ("Yo, you!", "friend")]
    assert [(reply.text, reply.voice) for reply in block.turns[1].replies] == [("Goodbye.", "mentor")]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("> Hi.\n<Hello.\n", r"some\.txt:2: a line starts with"),
        ("< Hello.\n", r"some\.txt:1: a reply stands before"),
        ("> Hi.\n< Hello.\n\n> Bye.\n", r"some\.txt:4: the block ends without a reply"),
        ("> I like {colour}.\n< Good.\n", r"some\.txt:1: there is no slot \{colour\}"),
        ("> Hi.\n\n", r"some\.txt:1: the block ends without a reply"),
        ("> Hi.\n< Hello\n", r"some\.txt:2: a reply ends with"),
        ("> Caf\u00e9?\n< Yes.\n", r"some\.txt:1: only plain ASCII"),
    ],
)
def test_a_fault_names_file_and_line(tmp_path: Path, text: str, problem: str) -> None:
    """Whatever is wrong with a corpus file, the error says where and what."""
    path = write(tmp_path, text)
    with pytest.raises(CorpusError, match=problem):
        read_blocks(path)


def test_a_fault_in_the_word_lists_names_file_and_line(tmp_path: Path) -> None:
    """A filler outside a section and a missing slot are both reported."""
    (tmp_path / "words.txt").write_text("my brother\n", encoding="utf-8")
    with pytest.raises(CorpusError, match=r"words\.txt:1: a filler stands before"):
        read_words(tmp_path)
    (tmp_path / "words.txt").write_text("[person]\nmy brother\n", encoding="utf-8")
    with pytest.raises(CorpusError, match="no fillers for: activity"):
        read_words(tmp_path)
