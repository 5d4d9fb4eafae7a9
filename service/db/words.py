"""The words of a text, as both databases index them: cut here, once, so that SQLite and PostgreSQL find the same.

A word is letters and digits, in small letters and without accents. Chinese, Japanese, Thai and their neighbours put no spaces between
words: there, every two characters that stand together are a word (bigrams, as Lucene's CJKAnalyzer makes them). Nothing is left in a
word that a query could read as its own syntax, and what holds neither letter nor digit, an emoji for example, has no words.
"""

import re
import unicodedata

_LONGEST = 40
_ACCENT = 10  # Combining classes below this are part of a letter: the nukta of Hindi, the voicing of kana, the virama.
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff"
_RUN = re.compile(f"[{_UNSPACED}]+|[^{_UNSPACED}]+")


def words(text: str) -> list[str]:
    """Return the words of `text` in their order, as often as they stand there."""
    plain = "".join(mark if _is_of_a_word(mark) else " " for mark in _without_accents(text))
    return [word for run in _RUN.findall(" ".join(plain.split())) for word in _words_of_run(run)]


def _without_accents(text: str) -> str:
    taken_apart = unicodedata.normalize("NFKD", text).casefold()
    return unicodedata.normalize("NFKC", "".join(mark for mark in taken_apart if unicodedata.combining(mark) < _ACCENT))


def _is_of_a_word(mark: str) -> bool:
    return mark.isalnum() or unicodedata.category(mark).startswith("M")


def _words_of_run(run: str) -> list[str]:
    if not re.match(f"[{_UNSPACED}]", run):
        return [word[:_LONGEST] for word in run.split()]
    return [run[place : place + 2] for place in range(max(len(run) - 1, 1))]
