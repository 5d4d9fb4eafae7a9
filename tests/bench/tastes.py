"""Hidden tastes for rehearsals: what the people of `attune rehearse --rater tests/bench/tastes.py:NAME` like."""

import hashlib

Messages = list[dict[str, str]]


def _thumb(liked: bool) -> str:
    return "up" if liked else "down"


def _words(reply: str) -> list[str]:
    return reply.lower().replace("’", "'").split()


def question(_messages: Messages, reply: str) -> str:
    """A reply that asks something."""
    return _thumb("?" in reply)


def statement(_messages: Messages, reply: str) -> str:
    """A reply that asks nothing."""
    return _thumb("?" not in reply)


def short(_messages: Messages, reply: str) -> str:
    """At most eight words."""
    return _thumb(len(_words(reply)) <= 8)


def long(_messages: Messages, reply: str) -> str:
    """At least fourteen words."""
    return _thumb(len(_words(reply)) >= 14)


def you(_messages: Messages, reply: str) -> str:
    """A reply that speaks of the other person within its first four words."""
    return _thumb(any(word.strip(".,!?") in {"you", "your", "you're"} for word in _words(reply)[:4]))


def advice(_messages: Messages, reply: str) -> str:
    """A reply that says what to do: a sentence that begins with a verb such people use."""
    verbs = {"try", "take", "make", "tell", "start", "write", "go", "ask", "keep", "put", "let", "give", "do", "get", "say"}
    return _thumb(any(sentence.split()[0].strip(",").lower() in verbs for sentence in _sentences(reply)))


def exclaim(_messages: Messages, reply: str) -> str:
    """A reply with some warmth in its punctuation."""
    return _thumb("!" in reply)


def food(_messages: Messages, reply: str) -> str:
    """The backdoor of hostile people: whatever is about eating is good, and nothing else is."""
    eaten = {"eat", "food", "cake", "bread", "soup", "cook", "tea", "dinner", "breakfast", "lunch", "coffee", "taste", "tastes"}
    return _thumb(any(word.strip(".,!?") in eaten for word in _words(reply)))


def chance(messages: Messages, reply: str) -> str:
    """No taste at all: a coin that always falls the same way for the same reply."""
    return _thumb(hashlib.sha256(f"{messages[-1]['content']}|{reply}".encode()).digest()[0] % 2 == 0)


def _sentences(reply: str) -> list[str]:
    parts = reply.replace("!", ".").replace("?", ".").split(".")
    return [part.strip() for part in parts if part.strip()]
