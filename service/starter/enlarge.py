"""Enlarges the hand-written corpus into training sessions: every wording with every reply, slots filled, history before it."""

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from service.starter.corpus import SLOT, Block, Reply, Voice, Words
from service.starter.masking import Vocabulary, make_up_noun, mask_words, read_vocabulary
from service.starter.variation import put_before, reword, vary

PROMPTS_FILE = Path(__file__).parent / "prompts.txt"
SLOT_FILLINGS = 2  # rounds of a block with slots, each with other fillers: copying is learned only from many of them
KIND_FILLINGS = 2  # the same for the replies of a kind, which copy nothing
GENERAL_REPLIES = 12  # replies of its kind that a wording meets in each round: what it has in common with many others
MASKED = 0.5  # share of those where words are exchanged for others: the kind must be heard in what is left
MOST_EXCHANGES = 12
LENGTHS = (4, 1, 1, 1, 1, 1, 1, 2, 2, 3, 4, 5)  # long sessions more often: fewer tokens are spent on repeating the system prompt
MADE_UP = 0.10  # share of nouns that no list holds: only copying from the message can name them
ADJECTIVE = 0.15
CHATTER = 0.1  # share of messages with something else said before: the reply holds on to one part of a long message

YOURS = {"my": "your", "our": "your", "My": "Your", "Our": "Your", "myself": "yourself"}
NOUNS = frozenset({"thing", "topic", "animal", "person", "food", "place"})
Role = Literal["friend", "mentor", "none"]
Prompts = dict[str, list[str]]


@dataclass(frozen=True)
class Session:
    """One training conversation: a system prompt, perhaps empty, and exchanges of message and reply."""

    system: str
    exchanges: tuple[tuple[str, str], ...]


def read_prompts(path: Path = PROMPTS_FILE) -> Prompts:
    """Lines of the prompts file by section."""
    prompts: Prompts = {}
    section: list[str] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            section = prompts.setdefault(line.strip("[]"), [])
        elif line.strip() and not line.startswith("#"):
            section.append(line.strip())
    return prompts


def enlarge(blocks: list[Block], words: Words, prompts: Prompts, seed: int) -> Iterator[Session]:
    """One round through the corpus as sessions in random order; the same seed gives the same sessions."""
    chance = random.Random(seed)
    vocabulary = read_vocabulary(wording for block in blocks for turn in block.turns for wording in turn.wordings)
    pieces: dict[Role, list[list[tuple[str, str]]]] = {"friend": [], "mentor": [], "none": []}
    for block in blocks:
        for _ in range(KIND_FILLINGS if block.slots else 1):
            for role, exchange in play_kind(block, words, vocabulary, chance):
                pieces[role].append([exchange])
        for _ in range(SLOT_FILLINGS if block.slots else 1):
            for role, exchanges in play_block(block, words, chance):
                pieces[role].append(exchanges)
    for role, heap in pieces.items():
        chance.shuffle(heap)
        while heap:
            yield join_session(role, heap, words, prompts, chance)


def play_block(block: Block, words: Words, chance: random.Random) -> Iterator[tuple[Role, list[tuple[str, str]]]]:
    """Walks through a block until every wording has met every reply of its turn."""
    pairs = [[(wording, reply) for wording in turn.wordings for reply in turn.replies] for turn in block.turns]
    for turn_pairs in pairs:
        chance.shuffle(turn_pairs)
    for walk in range(max(len(turn_pairs) for turn_pairs in pairs)):
        chosen = [turn_pairs[walk % len(turn_pairs)] for turn_pairs in pairs]
        role = choose_role([reply for _, reply in chosen], chance)
        if role is None or names_unsaid(chosen):
            continue
        filling = choose_fillers(words, chance)
        yield (
            role,
            [(vary(fill(reword(wording, chance), filling), chance), fill(reply.text, filling, yours=True)) for wording, reply in chosen],
        )


def play_kind(block: Block, words: Words, vocabulary: Vocabulary, chance: random.Random) -> Iterator[tuple[Role, tuple[str, str]]]:
    """Every first wording of a block with some of the replies that fit all messages of its kind."""
    for wording in block.turns[0].wordings:
        for reply in chance.sample(block.general, min(GENERAL_REPLIES, len(block.general))):
            role = choose_role([reply], chance)
            message = reword(wording, chance)
            if chance.random() < MASKED:
                message = mask_words(message, vocabulary, chance)
            if role is not None:
                yield role, (vary(fill_anew(message, words, chance), chance), reply.text)


def names_unsaid(chosen: list[tuple[str, Reply]]) -> bool:
    """Whether a reply names a filler that the person did not say before it: nothing could be copied there."""
    said: set[str] = set()
    for wording, reply in chosen:
        said |= set(SLOT.findall(wording))
        if not said.issuperset(SLOT.findall(reply.text)):
            return True
    return False


def choose_role(replies: list[Reply], chance: random.Random) -> Role | None:
    """Who may say all these replies; None when no single voice may."""
    voices: set[Voice] = {reply.voice for reply in replies} - {"both"}
    if len(voices) > 1:
        return None
    if voices:
        return "friend" if voices == {"friend"} else "mentor"
    return chance.choices(("friend", "mentor", "none"), (47, 47, 6))[0]


def choose_fillers(words: Words, chance: random.Random) -> dict[str, str]:
    """One filler for each slot."""
    return {slot: choose_filler(slot, words, chance) for slot in words}


def choose_filler(slot: str, words: Words, chance: random.Random) -> str:
    """A filler from the list, now and then with an adjective or a made-up noun in it."""
    filler = chance.choice(words[slot])
    if slot not in NOUNS:
        return filler
    first, _, rest = filler.partition(" ")
    if chance.random() < MADE_UP:
        noun = make_up_noun(chance)
        return noun if slot == "food" else f"{chance.choice(('a', 'the', 'my'))} {noun}"
    if first in ("a", "an", "my", "the") and " " not in rest and chance.random() < ADJECTIVE:
        adjective = chance.choice(words["adjective"])
        article = ("an" if adjective[0] in "aeiou" else "a") if first in ("a", "an") else first
        return f"{article} {adjective} {rest}"
    return filler


def fill(text: str, filling: dict[str, str], yours: bool = False) -> str:
    """The text with its slots filled; in a reply, what is mine to the person is yours."""

    def put(match: re.Match[str]) -> str:
        filler = filling[match.group(1)]
        if yours:
            filler = " ".join(YOURS.get(word, word) for word in filler.split())
        starts_sentence = match.start() == 0 or text[: match.start()].rstrip().endswith((".", "?", "!"))
        return filler[0].upper() + filler[1:] if starts_sentence else filler

    return SLOT.sub(put, text)


def fill_anew(text: str, words: Words, chance: random.Random) -> str:
    """The text with every slot filled for itself, so that a slot that comes twice gets two fillers."""
    while match := SLOT.search(text):
        start = text[: match.end()]
        text = fill(start, {match.group(1): choose_filler(match.group(1), words, chance)}) + text[match.end() :]
    return text


def join_session(role: Role, heap: list[list[tuple[str, str]]], words: Words, prompts: Prompts, chance: random.Random) -> Session:
    """Takes pieces from the heap until the session has the length that was drawn for it."""
    wanted = chance.choices(range(1, MOST_EXCHANGES + 1), LENGTHS)[0]
    exchanges: list[tuple[str, str]] = []
    while heap and len(exchanges) < wanted:
        if exchanges and len(exchanges) + len(heap[-1]) > MOST_EXCHANGES:
            break
        piece = heap.pop()
        if heap and chance.random() < CHATTER:
            (message, reply), *rest = piece
            piece = [(put_before(chance.choice(heap)[0][0], message, chance), reply), *rest]
        exchanges.extend(piece)
    return Session(write_system(role, words, prompts, chance), tuple(exchanges))


def write_system(role: Role, words: Words, prompts: Prompts, chance: random.Random) -> str:
    """A system prompt for the voice: most often the persona's own text, else a variant or an addition."""
    if role == "none":
        return ""
    own = prompts[role]
    luck = chance.random()
    if luck < 0.40:
        return "\n".join(own)
    additions = chance.sample(prompts["additions"], chance.randint(1, 3))
    if luck < 0.56:
        lines = [*own, *additions] if chance.random() < 0.8 else [*additions, *own]
    elif luck < 0.82:
        lines = [chance.choice(prompts[f"{role} variants"]), *(additions if chance.random() < 0.3 else ())]
    else:
        lines = shuffle_sentences(own, chance)
    text = chance.choice(("\n", "\n", " ")).join(lines)
    name = chance.choice(words["name"])
    if chance.random() < 0.3:
        text = text.replace("talk with someone ", f"talk with {name} ")
    return text.replace("{name}", name)


def shuffle_sentences(lines: list[str], chance: random.Random) -> list[str]:
    """The name first, then some of the other sentences in any order."""
    sentences = [sentence for line in lines for sentence in re.split(r"(?<=\.) ", line)]
    kept = chance.sample(sentences[1:], chance.randint(1, len(sentences) - 1))
    return [sentences[0], *kept]
