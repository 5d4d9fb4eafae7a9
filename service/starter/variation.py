"""Varies how the person types a message, so that the model listens to what is said and not to how."""

import random
import re

CONTRACTIONS = (
    ("I am", "I'm"), ("I have", "I've"), ("I will", "I'll"), ("do not", "don't"), ("does not", "doesn't"), ("did not", "didn't"),
    ("cannot", "can't"), ("is not", "isn't"), ("are not", "aren't"), ("was not", "wasn't"), ("will not", "won't"), ("it is", "it's"),
    ("It is", "It's"), ("what is", "what's"), ("What is", "What's"), ("you are", "you're"), ("You are", "You're"), ("that is", "that's"),
    ("have not", "haven't"), ("would not", "wouldn't"), ("should not", "shouldn't"), ("could not", "couldn't"), ("We are", "We're"),
)  # fmt: skip
SAME = (
    ("scared", "afraid", "frightened", "terrified"), ("mom", "mum", "mother"), ("dad", "father"), ("film", "movie"), ("kids", "children"),
    ("big", "large", "huge"), ("small", "little", "tiny"), ("happy", "glad"), ("sad", "unhappy"), ("angry", "mad", "furious"),
    ("tired", "exhausted", "worn out"), ("really", "very", "so"), ("nice", "lovely"), ("bad", "awful", "terrible", "horrible"),
    ("good", "great"), ("boss", "manager"), ("start", "begin"), ("stop", "quit"), ("buy", "get"), ("bought", "got"), ("phone", "mobile"),
    ("shouted", "yelled", "screamed"), ("shout", "yell", "scream"), ("talk", "speak", "chat"), ("argued", "fought"), ("sick", "ill"),
    ("house", "home"), ("flat", "apartment"), ("holiday", "vacation"), ("present", "gift"), ("fix", "repair", "mend"),
    ("hate", "can't stand"),
    ("love", "adore"), ("friend", "buddy", "mate"), ("neighbour", "neighbor"), ("favourite", "favorite"), ("clever", "smart"),
    ("stupid", "dumb", "silly"), ("weird", "strange", "odd"), ("fast", "quick"), ("want to", "wanna", "would like to"), ("job", "work"),
    ("learn", "study"), ("finish", "complete"), ("finished", "completed"), ("forgot", "did not remember"), ("maybe", "perhaps"),
    ("money", "cash"), ("test", "exam"), ("hard", "difficult", "tough"), ("easy", "simple"),
    ("died", "passed away"), ("everybody", "everyone"),
    ("nobody", "no one"), ("somebody", "someone"), ("anybody", "anyone"), ("worried", "anxious"), ("nervous", "jittery"),
    ("need", "must have"),
    ("tell me", "explain"), ("help", "support"), ("garden", "yard"), ("trip", "journey"), ("broke", "smashed"), ("lost", "misplaced"),
)  # fmt: skip
GROUPS = {word: group for group in SAME for word in group}
SYNONYM = re.compile(r"\b(" + "|".join(sorted(GROUPS, key=len, reverse=True)) + r")\b")
OPENERS = ("hey, ", "well, ", "so, ", "ok, ", "hi, ", "oh, ", "you know, ", "um, ", "ugh, ", "honestly, ", "guess what, ")
TAILS = (
    " today", " this morning", " again", " right now", " these days", " this week", " last night", " all the time", " at the moment",
    " yesterday", " on Monday", " for the second time", " for years", " in the rain", " at home", " on my way home", " with my sister",
    " and it was my fault", " and nobody cares", " and I do not know what to do", ", to be honest", ", you know", " lol", " and I laughed",
)  # fmt: skip


def reword(wording: str, chance: random.Random) -> str:
    """The wording in other words; its slots stay, for a filler must be copied as it was said."""
    if chance.random() < 0.35:
        wording = exchange_synonyms(wording, chance)
    return drop_word(wording, chance) if chance.random() < 0.08 else wording


def vary(message: str, chance: random.Random) -> str:
    """The message as somebody else would type it."""
    if chance.random() < 0.3:
        message = contract(message)
    if chance.random() < 0.12:
        message = add_tail(message, chance)
    if chance.random() < 0.07:
        message = add_opener(message, chance)
    if chance.random() < 0.3:
        message = message.rstrip(".!?") or message
    return message.lower() if chance.random() < 0.2 else message


def contract(message: str) -> str:
    """I'm for I am, and so on."""
    for long, short in CONTRACTIONS:
        message = re.sub(rf"\b{long}\b", short, message)
    return message


def exchange_synonyms(message: str, chance: random.Random) -> str:
    """Other words for the same thing."""
    return SYNONYM.sub(lambda found: chance.choice(GROUPS[found.group(1)]), message)


def add_tail(message: str, chance: random.Random) -> str:
    """A few more words at the end of a statement, which change nothing for the answer."""
    if message.endswith("?") or len(message.split()) < 4:
        return message
    end = message[-1] if message[-1] in ".!" else ""
    return message.rstrip(".!") + chance.choice(TAILS) + end


def add_opener(message: str, chance: random.Random) -> str:
    """A word before the message."""
    opener = chance.choice(OPENERS)
    first_word = message.split(" ", 1)[0].split("'", maxsplit=1)[0]
    keeps_capital = first_word == "I" or message[:2].isupper()
    text = opener + (message if keeps_capital else message[0].lower() + message[1:])
    return text[0].upper() + text[1:]


def drop_word(message: str, chance: random.Random) -> str:
    """The message with one word lost, as fast typists do."""
    words = message.split()
    loose = [place for place, word in enumerate(words) if "{" not in word]
    if len(words) < 5 or not loose:
        return message
    words.pop(chance.choice(loose))
    return " ".join(words)


def put_before(other: str, message: str, chance: random.Random) -> str:
    """Both in one message, when the other is not a question that would want an answer of its own."""
    if other.endswith("?") or len(other.split()) < 3:
        return message
    link = chance.choice((". ", ". ", " and ", " but ", ", "))
    first_word = message.split(" ", 1)[0].split("'", maxsplit=1)[0]
    if link != ". " and first_word != "I":
        message = message[0].lower() + message[1:]
    return other.rstrip(".!") + link + message
