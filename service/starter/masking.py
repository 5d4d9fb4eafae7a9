"""Exchanges words of a message for others that nobody expects, so that the model hears what kind of message it is."""

import random
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

FREQUENT = 300  # so many of the most frequent words are never exchanged: they carry the kind of a message ("finally", "should", "how")
EXCHANGED = 0.35  # share of the other words
MADE_UP_WORD = 0.4  # share of the exchanged words that exist nowhere
ONSETS = "b|br|c|ch|d|f|fl|g|gr|h|j|k|l|m|n|p|pl|qu|r|s|sh|st|t|tr|v|w|z"
SYLLABLES = [onset + vowel for onset in ONSETS.split("|") for vowel in "aeiou"]
CLOSERS = ("", "n", "r", "s", "t", "l", "m", "ck", "ng", "x", "sh", "p")
WORD = re.compile(r"(?<![{'\w])[A-Za-z]+(?:'[a-z]+)?(?![}\w])")


@dataclass(frozen=True)
class Vocabulary:
    """The words of all messages, in lower case: the frequent ones, and the others in order of the alphabet."""

    frequent: frozenset[str]
    others: tuple[str, ...]


def read_vocabulary(wordings: Iterable[str]) -> Vocabulary:
    """Counts the words of the wordings; equally frequent ones are taken in order of the alphabet."""
    counts = Counter(word.lower() for wording in wordings for word in WORD.findall(wording))
    ranked = sorted(counts, key=lambda word: (-counts[word], word))
    return Vocabulary(frozenset(ranked[:FREQUENT]), tuple(sorted(ranked[FREQUENT:])))


def mask_words(message: str, vocabulary: Vocabulary, chance: random.Random) -> str:
    """The message with some of its less frequent words exchanged; slots stay."""

    def exchange(match: re.Match[str]) -> str:
        word = match.group()
        if word.lower() in vocabulary.frequent or chance.random() >= EXCHANGED:
            return word
        other = make_up_noun(chance) if not vocabulary.others or chance.random() < MADE_UP_WORD else chance.choice(vocabulary.others)
        return other.capitalize() if word[0].isupper() else other

    return WORD.sub(exchange, message)


def make_up_noun(chance: random.Random) -> str:
    """A word that nobody has seen before, so that it can only be copied."""
    return "".join(chance.choice(SYLLABLES) for _ in range(chance.choice((1, 2, 2, 3)))) + chance.choice(CLOSERS)
