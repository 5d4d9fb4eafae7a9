"""Reads the hand-written dialogues, the replies by kind and the slot words; every fault names its file and line."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

CORPUS_FOLDER = Path(__file__).parent / "corpus"
KINDS_FILE = Path(__file__).parent / "kinds.txt"
WORDS_FILE = "words.txt"
TOPIC_SOURCES = ("person", "thing", "animal", "place", "food", "activity")
"""Slots whose fillers can also stand where the corpus says {topic}."""

SLOTS = frozenset({"person", "thing", "topic", "activity", "food", "animal", "place", "feeling", "time", "name"})
SLOT = re.compile(r"\{(\w+)\}")
LINE = re.compile(r"(>|<|f<|m<) (\S.*)")
KIND = re.compile(r"= (\w+)")

Voice = Literal["friend", "mentor", "both"]
Words = dict[str, list[str]]
Kinds = dict[str, "Turn"]
VOICES: dict[str, Voice] = {"<": "both", "f<": "friend", "m<": "mentor"}


class CorpusError(ValueError):
    """A line that does not follow the format of the corpus."""

    def __init__(self, path: Path, line: int, problem: str) -> None:
        super().__init__(f"{path.name}:{line}: {problem}")


@dataclass(frozen=True)
class Reply:
    """One answer, and the voice that may give it."""

    text: str
    voice: Voice


@dataclass(frozen=True)
class Turn:
    """Wordings of one message, and the replies that all fit any of them."""

    wordings: tuple[str, ...]
    replies: tuple[Reply, ...]


@dataclass(frozen=True)
class Block:
    """A short dialogue of one or more turns, with the place where it was written."""

    turns: tuple[Turn, ...]
    source: str
    general: tuple[Reply, ...] = ()
    """Replies that fit every message of the block's kind, and so its first turn."""

    @property
    def slots(self) -> frozenset[str]:
        """Names of the slots that stand anywhere in this block."""
        texts = [text for turn in self.turns for text in (*turn.wordings, *(reply.text for reply in turn.replies))]
        return frozenset(slot for text in texts for slot in SLOT.findall(text))


def read_corpus(folder: Path = CORPUS_FOLDER, kinds_file: Path = KINDS_FILE) -> list[Block]:
    """Every block of every corpus file, in the order of file names; then a block for every wording of a kind."""
    kinds = read_kinds(kinds_file)
    blocks: list[Block] = []
    for path in sorted(folder.glob("*.txt")):
        if path.name != WORDS_FILE:
            blocks.extend(read_blocks(path, kinds))
    for name, kind in kinds.items():
        blocks.extend(Block((Turn((wording,), ()),), f"{kinds_file.name}:[{name}]", kind.replies) for wording in kind.wordings)
    return blocks


def read_kinds(path: Path = KINDS_FILE) -> Kinds:
    """The kinds of messages by name: typical wordings, and the replies that fit every message of the kind."""
    kinds: Kinds = {}
    name: str | None = None
    for number, raw in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        if line.startswith("["):
            name = line.strip("[]")
            kinds[name] = Turn((), ())
            continue
        if name is None:
            raise CorpusError(path, number, "a line stands before any [kind]")
        mark, text = split_line(path, number, line)
        wordings, replies = kinds[name].wordings, kinds[name].replies
        if mark == ">":
            kinds[name] = Turn((*wordings, text), replies)
        elif SLOT.search(text):
            raise CorpusError(path, number, f"a reply with a slot cannot fit every message of a kind: {text}")
        else:
            kinds[name] = Turn(wordings, (*replies, Reply(text, VOICES[mark])))
    return kinds


def read_blocks(path: Path, kinds: Kinds | None = None) -> list[Block]:
    """The blocks of one file: runs of lines between blank lines; `kinds` are those that a block may name."""
    blocks: list[Block] = []
    lines: list[tuple[int, str]] = []
    for number, raw in enumerate([*path.read_text(encoding="utf-8").splitlines(), ""], 1):
        line = raw.strip()
        if line.startswith(("#", "@")):
            continue
        if line:
            lines.append((number, line))
        elif lines:
            blocks.append(parse_block(path, lines, kinds or {}))
            lines = []
    return blocks


def parse_block(path: Path, lines: list[tuple[int, str]], kinds: Kinds) -> Block:
    """One block from its numbered lines; the first may name its kind."""
    turns: list[Turn] = []
    wordings: list[str] = []
    replies: list[Reply] = []
    kind = KIND.fullmatch(lines[0][1])
    if kind and kind.group(1) not in kinds:
        raise CorpusError(path, lines[0][0], f"there is no kind {kind.group(1)}")
    for number, line in lines[1 if kind else 0 :]:
        mark, text = split_line(path, number, line)
        if mark == ">":
            if replies:
                turns.append(Turn(tuple(wordings), tuple(replies)))
                wordings, replies = [], []
            wordings.append(text)
        elif not wordings:
            raise CorpusError(path, number, "a reply stands before any message of the person")
        else:
            replies.append(Reply(text, VOICES[mark]))
    if not replies:
        raise CorpusError(path, lines[-1][0], "the block ends without a reply")
    turns.append(Turn(tuple(wordings), tuple(replies)))
    return Block(tuple(turns), f"{path.name}:{lines[0][0]}", kinds[kind.group(1)].replies if kind else ())


def split_line(path: Path, number: int, line: str) -> tuple[str, str]:
    """The mark of a line and its text, both checked."""
    match = LINE.fullmatch(line)
    if match is None:
        raise CorpusError(path, number, f"a line starts with '> ', '< ', 'f< ' or 'm< ', this one is: {line}")
    mark, text = match.groups()
    for slot in SLOT.findall(text):
        if slot not in SLOTS:
            raise CorpusError(path, number, f"there is no slot {{{slot}}}")
    if not text.isascii():
        raise CorpusError(path, number, f"only plain ASCII is known here: {text}")
    if mark != ">" and text[-1] not in ".?!":
        raise CorpusError(path, number, f"a reply ends with a full stop, a question mark or an exclamation mark: {text}")
    return mark, text


def read_words(folder: Path = CORPUS_FOLDER) -> Words:
    """Fillers by slot; {topic} takes in the fillers of the other nouns."""
    path = folder / WORDS_FILE
    words: Words = {}
    section: list[str] | None = None
    for number, raw in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        if line.startswith("["):
            section = words.setdefault(line.strip("[]"), [])
        elif section is None:
            raise CorpusError(path, number, "a filler stands before any [slot]")
        else:
            section.extend(filler for part in line.split(",") if (filler := part.strip()) and filler not in section)
    missing = SLOTS - words.keys()
    if missing:
        raise CorpusError(path, 1, f"no fillers for: {', '.join(sorted(missing))}")
    extra = [filler for slot in TOPIC_SOURCES for filler in words[slot]]
    words["topic"] = list(dict.fromkeys([*words["topic"], *extra]))
    return words


def count_exchanges(blocks: list[Block]) -> int:
    """Hand-written replies: each stands under a message of the person."""
    return sum(len(turn.replies) for block in blocks for turn in block.turns)
