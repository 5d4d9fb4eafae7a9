"""From the corpus to training sessions."""

import random
from itertools import islice
from pathlib import Path

from service.starter.corpus import Block, Reply, Turn, read_corpus, read_words
from service.starter.enlarge import MOST_EXCHANGES, Session, enlarge, fill, fill_anew, play_block, play_kind, read_prompts
from service.starter.masking import make_up_noun, mask_words, read_vocabulary
from service.starter.variation import reword, vary

WORDS = read_words()
PROMPTS = read_prompts()
PERSONAS = Path(__file__).parents[2] / "persona_prompts"


def block_of(*turns: tuple[tuple[str, ...], tuple[Reply, ...]]) -> Block:
    return Block(tuple(Turn(wordings, replies) for wordings, replies in turns), "test:1")


def some_sessions(seed: int) -> list[Session]:
    return list(islice(enlarge(read_corpus()[:150], WORDS, PROMPTS, seed), 400))


def test_the_same_seed_gives_the_same_sessions() -> None:
    """A rebuild sees the same training text; another seed sees another."""
    assert some_sessions(1) == some_sessions(1)
    assert some_sessions(1) != some_sessions(2)


def test_every_wording_meets_every_reply() -> None:
    """No hand-written combination is left out."""
    block = block_of((("Hi.", "Hey.", "Hello."), (Reply("One.", "both"), Reply("Two.", "friend"))))
    pairs = {(message.lower().rstrip("."), reply) for _, walk in play_block(block, WORDS, random.Random(3)) for message, reply in walk}
    wanted = {(message, reply) for message in ("hi", "hey", "hello") for reply in ("One.", "Two.")}
    assert {(message.split(", ")[-1], reply) for message, reply in pairs} == wanted


def test_a_filler_is_copied_and_mine_becomes_yours() -> None:
    """What the person calls "my car", the voice calls "your car"; at the start of a sentence it has a capital."""
    filling = {"thing": "my car", "person": "our teacher"}
    assert fill("I lost {thing}.", filling) == "I lost my car."
    assert fill("{thing} is gone.", filling) == "My car is gone."
    assert fill("Oh no. {thing} is gone?", filling, yours=True) == "Oh no. Your car is gone?"
    assert fill("Ask {person}.", filling, yours=True) == "Ask your teacher."


def test_a_reply_never_names_what_was_not_said() -> None:
    """A reply with a slot is left out under a wording that lacks it."""
    block = block_of((("I lost {thing}.", "Something is lost."), (Reply("Where is {thing}?", "both"),)))
    walks = [walk for _ in range(20) for _, walk in play_block(block, WORDS, random.Random(5))]
    assert walks
    assert not any("omething" in message for walk in walks for message, _ in walk)


def test_voices_stay_under_their_own_prompt() -> None:
    """What only Friend says never stands under a Mentor prompt, and the other way round."""
    block = block_of((("Hi.",), (Reply("I am Friend.", "friend"), Reply("I am Mentor.", "mentor"), Reply("Hello.", "both"))))
    sessions = list(enlarge([block] * 200, WORDS, PROMPTS, 1))
    for session in sessions:
        replies = {reply for _, reply in session.exchanges}
        assert not ({"I am Friend.", "I am Mentor."} <= replies)
        if "I am Friend." in replies:
            assert "friend" in session.system.lower()
            assert "Mentor" not in session.system
        if "I am Mentor." in replies:
            assert "Friend" not in session.system
        if not session.system:
            assert replies == {"Hello."}


def test_sessions_have_one_to_twelve_exchanges() -> None:
    """Lengths vary between one exchange and twelve, and all of them occur."""
    lengths = {len(session.exchanges) for session in some_sessions(1)}
    assert lengths == set(range(1, MOST_EXCHANGES + 1))


def test_the_shipped_prompts_are_the_ones_trained_on() -> None:
    """The prompts file holds the bodies of the shipped personas word for word, with the user named as there."""
    for voice in ("friend", "mentor"):
        _, settings, body = (PERSONAS / f"{voice}.md").read_text(encoding="utf-8").split("---", 2)
        user = settings.split("{user: ")[1].split("}")[0]
        assert "\n".join(PROMPTS[voice]) == body.replace("{{ user }}", user).strip()


def test_system_prompts_vary() -> None:
    """About half of the sessions carry the exact prompt, a few none at all, the rest other texts."""
    sessions = list(enlarge(read_corpus()[:300], WORDS, PROMPTS, 1))
    own = {"\n".join(PROMPTS[voice]) for voice in ("friend", "mentor")}
    exact = sum(any(text in session.system for text in own) for session in sessions) / len(sessions)
    none = sum(not session.system for session in sessions) / len(sessions)
    assert 0.35 < exact < 0.65
    assert 0 < none < 0.1
    assert len({session.system for session in sessions}) > 100


def test_only_the_person_types_carelessly() -> None:
    """Replies keep their capital and end mark however the message was typed."""
    for session in some_sessions(4):
        for _, reply in session.exchanges:
            assert reply[0] == reply[0].upper()
            assert reply[-1] in ".?!"
    assert len({vary("I am tired of the rain.", random.Random(seed)) for seed in range(60)}) >= 5


def test_other_words_leave_the_slots() -> None:
    """A message is put in other words before its slots are filled, so what is copied is what was said."""
    reworded = {reword("I am scared of {thing} and {person}.", random.Random(seed)) for seed in range(80)}
    assert len(reworded) >= 4
    assert all("{thing}" in text and "{person}" in text for text in reworded)


def test_made_up_nouns_are_many() -> None:
    """Made-up nouns hardly ever come twice, so that they can only be copied."""
    chance = random.Random(1)
    assert len({make_up_noun(chance) for _ in range(1000)}) > 700


def test_a_wording_meets_replies_of_its_kind() -> None:
    """Under each wording stand replies of the block's kind, said by a voice that may say them; half of the messages keep their words."""
    general = (Reply("Oh no!", "both"), Reply("Poor you!", "friend"), Reply("What can you save?", "mentor"))
    block = Block((Turn(("I dropped the teapot.",), ()),), "test:1", general)
    vocabulary = read_vocabulary(wording for block in read_corpus() for turn in block.turns for wording in turn.wordings)
    seen = [one for seed in range(60) for one in play_kind(block, WORDS, vocabulary, random.Random(seed))]
    assert {reply for _, (_, reply) in seen} == {reply.text for reply in general}
    assert all(role == {"Poor you!": "friend", "What can you save?": "mentor"}.get(reply, role) for role, (_, reply) in seen)
    assert 0.5 < sum("teapot" in message for _, (message, _) in seen) / len(seen) < 1


def test_a_slot_that_comes_twice_gets_two_fillers() -> None:
    """A message about two things names two, where nothing has to be copied."""
    texts = {fill_anew("{food} or {food}?", WORDS, random.Random(seed)) for seed in range(30)}
    assert sum(text[:-1].split(" or ")[0].lower() != text[:-1].split(" or ")[1].lower() for text in texts) > 20


def test_masking_leaves_frequent_words_and_slots() -> None:
    """What carries the kind of a message stays; the other words are exchanged now and then."""
    vocabulary = read_vocabulary([wording for block in read_corpus() for turn in block.turns for wording in turn.wordings])
    masked = {mask_words("I finally lost the ugly teapot of {person}", vocabulary, random.Random(seed)) for seed in range(60)}
    assert all(text.startswith("I finally lost the ") and text.endswith(" of {person}") for text in masked)
    assert len({text.split()[-3] for text in masked}) > 10
