"""The hand-written corpus and its reader."""

import re
from pathlib import Path

import pytest

from service.starter.answers import QUESTIONS_FILE, UNSEEN_FILE, read_questions
from service.starter.corpus import SLOT, SLOTS, Block, CorpusError, count_exchanges, read_blocks, read_corpus, read_kinds, read_words

BLOCKS = read_corpus()
WORDS = read_words()
KINDS = read_kinds()


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


@pytest.mark.parametrize(("path", "count"), [(QUESTIONS_FILE, 20), (UNSEEN_FILE, 40)])
def test_the_questions_are_not_in_the_corpus(path: Path, count: int) -> None:
    """None of the questions is a wording of the corpus or of a kind, not even with its slots filled from the word lists."""
    questions = read_questions(path)
    assert len(questions) == len(set(questions)) == count
    fillers = {slot: {plain(filler) for filler in WORDS[slot]} for slot in SLOTS}
    for wording in {wording for block in BLOCKS for turn in block.turns for wording in turn.wordings}:
        slots = SLOT.findall(wording)
        pattern = re.compile(SLOT.sub("(.+)", re.sub(r"[^a-z0-9{} ]", "", wording.lower()).strip()))
        for question in questions:
            match = pattern.fullmatch(plain(question))
            assert not match or not all(said in fillers[slot] for slot, said in zip(slots, match.groups(), strict=True)), wording


def test_every_kind_has_words_for_both_voices() -> None:
    """Each kind has ten wordings or more, and both voices can answer it in four ways or more, with a question and without."""
    for name, kind in KINDS.items():
        assert len(kind.wordings) >= 10, name
        for voice in ("friend", "mentor"):
            replies = [reply.text for reply in kind.replies if reply.voice in (voice, "both")]
            assert len(replies) >= 8, name
            assert 0.25 < sum("?" in reply for reply in replies) / len(replies) < 0.75, name


def test_most_dialogues_name_their_kind() -> None:
    """Two thirds of the hand-written dialogues can also be answered by what fits all messages of their kind."""
    written = [block for block in BLOCKS if block.turns[0].replies]
    assert sum(bool(block.general) for block in written) >= 2 / 3 * len(written)


def test_a_block_takes_the_replies_of_its_kind(tmp_path: Path) -> None:
    """The kind in the first line of a block brings its replies; the wordings of the kind are blocks of their own."""
    kinds = tmp_path / "kinds.txt"
    kinds.write_text("# note\n[mishap]\n> I fell.\n< Oh no!\nm< Does it hurt?\n", encoding="utf-8")
    folder = tmp_path / "corpus"
    folder.mkdir()
    write(folder, "= mishap\n> I broke a cup.\n< Which one?\n\n> Hi.\n< Hello!\n")
    broke, greeting, fell = read_corpus(folder, kinds)
    assert [(reply.text, reply.voice) for reply in broke.general] == [("Oh no!", "both"), ("Does it hurt?", "mentor")]
    assert broke.turns[0].wordings == ("I broke a cup.",)
    assert greeting.general == ()
    assert fell.turns[0].wordings == ("I fell.",)
    assert fell.general == broke.general


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("< Oh no!\n", r"kinds\.txt:1: a line stands before any \[kind\]"),
        ("[mishap]\n< Poor {thing}!\n", r"kinds\.txt:2: a reply with a slot cannot fit"),
        ("[mishap]\nOh no!\n", r"kinds\.txt:2: a line starts with"),
    ],
)
def test_a_fault_in_the_kinds_names_file_and_line(tmp_path: Path, text: str, problem: str) -> None:
    """Whatever is wrong with the file of kinds, the error says where and what."""
    path = tmp_path / "kinds.txt"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(CorpusError, match=problem):
        read_kinds(path)


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
        ("= mishap\n> Hi.\n< Hello.\n", r"some\.txt:1: there is no kind mishap"),
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
