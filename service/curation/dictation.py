"""Messages that dictate their reply: what is said to order tells nothing of how a persona should talk, and is a way to poison it."""

import re
import unicodedata
from collections.abc import Iterator

from service.curation.dictation_words import QUOTE, TONGUES, Tongue
from service.curation.text import make_whole, normalise

_SHORTEST_ECHO = 4
_WORD = re.compile(r"\w+")

# Where a clause may begin that is an order: not after a subject ('I said exactly', 'people say only').
_CLAUSE = r"(?:^[\s\"“„«]{0,4}|[.!?;:,()\[\]{}<>*…¡¿–—]\s*|\s-\s*|\b(?:and|then|und|et|y|e|en)\s+)"
_OPEN = rf"(?::\s*\S|{QUOTE})"


def dictates(message: str) -> bool:
    """Whether the message orders what its reply is to say: 'say exactly', 'repeat after me', 'answer only with', 'write: ...'.

    In English, German, French, Spanish, Portuguese, Italian and Dutch. What a message asks for (a poem, a translation, an answer in one
    sentence, the same again) is no dictation.
    """
    folded = _fold(make_whole(message))
    spoken = set(_WORD.findall(folded))
    return any(not words.isdisjoint(spoken) and order.search(folded) is not None for words, order in _ORDERS)


def echoes(message: str, reply: str) -> bool:
    """Whether the reply, of at least four words, stands in the message word for word; case and punctuation play no part."""
    if not reply or len(reply) > 2 * len(message):
        return False
    said = _WORD.findall(normalise(make_whole(reply)))
    return len(said) >= _SHORTEST_ECHO and f" {' '.join(said)} " in f" {' '.join(_WORD.findall(normalise(make_whole(message))))} "


def _fold(text: str) -> str:
    """As `normalise`, but lines stay lines, and quotation marks are as people type them."""
    return unicodedata.normalize("NFKC", text).casefold().replace("’", "'").replace("`", "'")


def _patterns(tongue: Tongue) -> Iterator[str]:
    """What an order looks like. Every repetition has a bound, so that no message takes long, whatever it is."""
    start = rf"{_CLAUSE}(?:(?:{tongue.softened})[\s,]+){{0,4}}"
    say = rf"(?:{tongue.say}|{tongue.repeat})(?:\s+(?:{tongue.filler})\b){{0,3}}"
    any_verb = rf"(?:{tongue.say}|{tongue.answer}|{tongue.repeat})(?:\s+(?:{tongue.filler})\b){{0,3}}"
    answer = rf"(?:{tongue.answer})(?:\s+(?:{tongue.filler})\b){{0,3}}"
    repeat = rf"(?:{tongue.repeat})(?:\s+(?:{tongue.filler})\b){{0,3}}"
    only = rf"(?:{tongue.only})\b"
    exactly = rf"(?:{tongue.exactly})\b"
    content = rf"(?:{tongue.content})"
    mine = rf"(?:{tongue.mine})\b"
    translated = rf"(?!{QUOTE}[^\"“”„«»‹›]{{1,80}}[\"“”«»‹›']\s+(?:{tongue.into})\s+\w)"
    yield rf"{start}{any_verb},?\s+{exactly}(?!,?\s+(?:{tongue.unless}))"
    yield rf"{start}{say}\s+{mine}"
    yield rf"{start}{say}\s+{tongue.after_me}"
    yield rf"{start}(?:(?:{only})\s+)?{say}\s*(?:\s{only}\s*)?{translated}{_OPEN}"
    yield rf"{start}{say}\s+(?:{only}\s+)?{content}[^.!?\n]{{0,30}}?(?:{_OPEN}|\b{exactly})"
    yield rf"{start}{say}\s+{only}\s+(?:{content}|{tongue.short})"
    yield rf"{start}{only}\s+{any_verb}\s+(?:(?:{tongue.using})\s+)?(?:{_OPEN}|{content}|{tongue.short})"
    yield rf"{start}{answer}\s+{only}\s+(?:(?:{tongue.using})\b|{_OPEN}|{content}|{tongue.short})"
    yield rf"{start}(?:{only}\s+)?{answer}\s+(?:{tongue.using})(?:\s+(?:{only}|{exactly}|{content})|\s*{_OPEN})"
    yield rf"{start}{answer}\s+{QUOTE}"
    yield rf"{start}{repeat}\s+{content}"
    yield rf"{start}{any_verb}\s[^.!?\n]{{1,200}}?\s(?:{tongue.nothing_else})\b"
    yield rf"{start}{tongue.begin}"
    yield from tongue.further


def _verbs(tongue: Tongue) -> frozenset[str]:
    """Words of which every order has at least one: what holds none of them need not be searched."""
    words = set(tongue.others.split())
    for verb in "|".join([tongue.say, tongue.answer, tongue.repeat]).split("|"):
        first = verb.split()[0].split("'")[0]
        words |= {first.replace("e?", ""), first.replace("?", "")}
    return frozenset(words)


_ORDERS = tuple(
    (_verbs(tongue), re.compile("|".join(f"(?:{pattern})" for pattern in _patterns(tongue)), re.MULTILINE)) for tongue in TONGUES
)
