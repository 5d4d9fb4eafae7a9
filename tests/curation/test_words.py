"""The words of a text, and their stems."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.curation.words import STOP_WORDS, stem, words_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("My dog's ball, and MY bone!", ["my", "dog's", "ball", "and", "my", "bone"]),
        ("I don’t know.", ["i", "don't", "know"]),
        ("Tschüß, Straße: 3 Äpfel", ["tschüss", "strasse", "3", "äpfel"]),
        ("我喜欢狗", ["我喜", "喜欢", "欢狗"]),
        ("GPTの狗", ["gpt", "の狗"]),
        ("", []),
        (" \n\t", []),
        ("?!", ["?", "!"]),
        ("👍", ["👍"]),
        ("nice 👍", ["nice"]),
    ],
)
def test_words_are_told_apart(text, words):
    """Case, punctuation and the form of an apostrophe play no part; every script has words, and what has none has characters."""
    assert words == words_of(text)


@pytest.mark.parametrize(
    "family",
    [
        ("dog", "dogs", "dog's", "dogs'"),
        ("walk", "walks", "walked", "walking"),
        ("bake", "bakes", "baked", "baking"),
        ("run", "runs", "running"),
        ("stop", "stopped", "stopping"),
        ("call", "calls", "called", "calling"),
        ("miss", "missed", "missing"),
        ("box", "boxes"),
    ],
)
def test_forms_of_a_word_have_one_stem(family):
    """Plural, possessive and the common endings of verbs go."""
    assert len({stem(word) for word in family}) == 1


@pytest.mark.parametrize(
    "pair", [("king", "k"), ("red", "r"), ("bus", "bu"), ("thing", "th"), ("sing", "s"), ("need", "ne"), ("dress", "dr")]
)
def test_a_stem_is_not_cut_to_nothing(pair):
    """What only looks like an ending stays."""
    word, too_short = pair
    assert stem(word) != too_short
    assert len(stem(word)) >= 3


def test_different_words_keep_different_stems():
    """Words of everyday life that look alike are still told apart."""
    words = [
        "dog",
        "door",
        "doctor",
        "cat",
        "car",
        "care",
        "card",
        "cake",
        "bread",
        "bride",
        "work",
        "word",
        "world",
        "love",
        "live",
        "hope",
        "hop",
    ]

    # "care" and "car", and "hope" and "hop", meet: that is the price of bake and baking being one.
    assert len({stem(word) for word in words}) >= len(words) - 2


def test_stop_words_are_written_as_words_are_read():
    """Each stop word is one word of a text, so that it can be met at all."""
    assert [] == sorted(word for word in STOP_WORDS if words_of(word) != [word])
    assert {"the", "don't", "und", "für", "qu'est", "está"} <= STOP_WORDS
    assert not STOP_WORDS & {"die", "war", "hat", "son", "man", "dog", "love", "sad"}


@given(st.text())
def test_any_text_has_words_unless_it_is_white_space(text):
    """Whatever is written, nothing is raised, and only a text of nothing has none."""
    assert bool(words_of(text)) == bool(text.split())
    assert all(stem(word) for word in words_of(text))
