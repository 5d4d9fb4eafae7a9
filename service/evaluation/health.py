"""How replies read as text: words, loops, openings, variety. Nothing here knows what a reply means."""

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import msgspec

_LOOP = 3


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """How the replies read as text. Shares are from 0 to 1; `distinct_2` is distinct bigrams per bigram (Li et al. 2016)."""

    replies: int
    opening: str
    opening_share: float
    distinct_2: float
    mean_words: float
    loops: float
    empty: float


def health(replies: Sequence[str]) -> Health:
    """Measure the replies as text, without asking what they mean. An opening is the first two words."""
    texts = [words_of(reply) for reply in replies]
    bigrams = [pair for words in texts for pair in pairwise(words)]
    openings = Counter(" ".join(words[:2]) for words in texts if words)
    opening, count = openings.most_common(1)[0] if openings else ("", 0)
    total = max(1, len(replies))
    return Health(
        replies=len(replies),
        opening=opening,
        opening_share=count / total,
        distinct_2=len(set(bigrams)) / max(1, len(bigrams)),
        mean_words=sum(map(len, texts)) / total,
        loops=sum(map(loops, replies)) / total,
        empty=sum(not words for words in texts) / total,
    )


def words_of(text: str) -> list[str]:
    """The words of a text in small letters, without punctuation."""
    return re.findall(r"\w+(?:'\w+)*", plain(text))


def loops(text: str) -> bool:
    """Whether some three words in a row stand three or more times in the text."""
    words = words_of(text)
    trigrams = Counter(zip(words, words[1:], words[2:], strict=False))
    return max(trigrams.values(), default=0) >= _LOOP


def plain(text: str) -> str:
    """Small letters, straight apostrophes and single spaces: people and models write these either way."""
    return " ".join(text.replace("’", "'").lower().split())
