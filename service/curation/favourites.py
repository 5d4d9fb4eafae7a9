"""What replies say again and again: how they begin, and their favourite words. A persona that learns from them says it more often still."""

from collections import Counter
from collections.abc import Iterator, Sequence
from math import ceil, log, sqrt

import msgspec

from service.curation.words import STOP_WORDS, words_of

_LEAST = 5
_MOST_ROWS = 12
_OPENING_WORDS = 3
_OPENING_SHARE = 0.05
_WHOLE = 0.8
_WORD_SHARE = 0.15
_ENOUGH_OTHERS = 40
_ENOUGH_LIKED = 40
_UNLIKELY = 3.3  # standard errors: a chance of one in 2,000 for each word
_TWICE = 2.0


class Opening(msgspec.Struct, frozen=True, kw_only=True):
    """Words that replies begin with, and the share of replies that do, from 0 to 1."""

    words: str
    replies: int
    share: float


class FavouriteWord(msgspec.Struct, frozen=True, kw_only=True):
    """A word, in how many replies it stands, their share, and its share of the others, if there were enough to compare with."""

    word: str
    replies: int
    share: float
    others: float | None


class Favourites(msgspec.Struct, frozen=True, kw_only=True):
    """What `replies` replies say most, each list by share."""

    replies: int
    openings: tuple[Opening, ...]
    words: tuple[FavouriteWord, ...]


def find_favourites(replies: Sequence[str], others: Sequence[str] = ()) -> Favourites:
    """Find the openings and words that stand in too many of the replies; `others` are replies to compare with: disliked ones, or seeds.

    An opening is one to three words that at least one reply in twenty begins with; a shorter one is left out where a longer one is most
    of it. With 40 others or more, a word is a favourite when it stands in more than twice the share of the replies than of the others, and
    chance is an unlikely reason: the logarithm of the odds ratio is 3.3 standard errors above 0 (Woolf 1955; Haldane 1956). With fewer,
    when it is no stop word and stands in 15 of 100 replies. Nothing that fewer than five replies say is listed.
    """
    texts = [_words(reply) for reply in replies]
    counts = _texts_with(texts)
    other_counts = _texts_with([_words(other) for other in others])
    compared = len(others) >= _ENOUGH_OTHERS
    found = []
    for word, count in counts.items():
        share = count / len(replies)
        usual = other_counts[word] / len(others) if compared else None
        if count < _LEAST or not any(map(str.isalpha, word)):
            continue
        if usual is None:
            favourite = word not in STOP_WORDS and share >= _WORD_SHARE
        else:
            unlikely = _standard_errors(count, len(replies), other_counts[word], len(others)) > _UNLIKELY
            favourite = share > _TWICE * usual and unlikely
        if favourite:
            rounded = None if usual is None else round(usual, 4)
            found.append(FavouriteWord(word=word, replies=count, share=round(share, 4), others=rounded))
    found.sort(key=lambda each: (-each.replies, each.word))
    return Favourites(replies=len(replies), openings=tuple(_openings(texts)), words=tuple(found[:_MOST_ROWS]))


def say_too_often(replies: Sequence[str], share: float) -> list[bool]:
    """Say of each reply whether it goes, so that none but the commonest words of a language stands in more than `share` of those that stay.

    The oldest go first, as they stand first. With fewer than 40 replies there is nothing to tell a habit from chance, and never are fewer
    than 40 left. A share of 0 or 1 is no bound.
    """
    goes = [False] * len(replies)
    if not 0 < share < 1:
        return goes
    texts = [set(_words(reply)) for reply in replies]
    habits = sorted(
        ((word, count) for word, count in _texts_with([list(text) for text in texts]).items() if word not in STOP_WORDS),
        key=lambda each: (-each[1], each[0]),
    )
    for word, count in habits:
        if count <= share * _ENOUGH_LIKED:
            break
        said = [place for place, text in enumerate(texts) if word in text and not goes[place]]
        left = len(goes) - sum(goes)
        # Of `left` replies `k` may go until the rest of those that say it is its share of the rest: (said - k) <= share * (left - k).
        excess = ceil((len(said) - share * left) / (1 - share))
        for place in said[: max(0, min(excess, left - _ENOUGH_LIKED))]:
            goes[place] = True
    return goes


def as_markdown(favourites: Favourites) -> str:
    """Two tables for the datasheet, or a sentence where nothing stands out."""
    lines: list[str] = []
    if favourites.openings:
        lines += ["Many liked replies begin alike:", "", "| they begin with | replies | share |", "|---|---:|---:|"]
        lines += [f"| {each.words} | {each.replies:,} | {each.share:.1%} |" for each in favourites.openings]
    if favourites.words:
        lines += [""] if lines else []
        lines += ["Favourite words:", "", "| word | replies | share | of the others |", "|---|---:|---:|---:|"]
        for word in favourites.words:
            others = "" if word.others is None else f"{word.others:.1%}"
            lines.append(f"| {word.word} | {word.replies:,} | {word.share:.1%} | {others} |")
    return "\n".join(lines) or "No opening and no word stands out in the liked replies."


def _words(text: str) -> list[str]:
    """Words alone, and none of the characters that stand for words where a text has none: a table could not show them all."""
    return [word for word in words_of(text) if word[0].isalnum()]


def _texts_with(texts: Sequence[Sequence[str]]) -> Counter[str]:
    """In how many of the texts each word stands."""
    return Counter(word for words in texts for word in dict.fromkeys(words))


def _openings(texts: Sequence[Sequence[str]]) -> Iterator[Opening]:
    counts = Counter(tuple(words[:length]) for words in texts for length in range(1, min(_OPENING_WORDS, len(words)) + 1))
    least = max(_LEAST, _OPENING_SHARE * len(texts))
    often = {words: count for words, count in counts.items() if count >= least}
    longer = Counter[tuple[str, ...]]()
    for words, count in often.items():
        longer[words[:-1]] = max(longer[words[:-1]], count)
    telling = [words for words, count in often.items() if longer[words] < _WHOLE * count]
    for words in sorted(telling, key=lambda each: (-often[each], each))[:_MOST_ROWS]:
        yield Opening(words=" ".join(words), replies=often[words], share=round(often[words] / len(texts), 4))


def _standard_errors(count: int, total: int, other: int, other_total: int) -> float:
    """How many standard errors the logarithm of the odds ratio lies above 0; half a text is added to each cell, so that none is empty."""
    cells = (count + 0.5, total - count + 0.5, other + 0.5, other_total - other + 0.5)
    ratio = log(cells[0]) - log(cells[1]) - log(cells[2]) + log(cells[3])
    return ratio / sqrt(sum(1 / cell for cell in cells))
