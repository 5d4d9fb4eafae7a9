"""What a message is about, as a vector."""

import hashlib
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.curation.features import DIMENSIONS
from service.curation.vectors import LENGTH, first_of_equals, vector


def _likeness(one, other):
    """The cosine of the angle between two texts."""
    return float(vector(one).astype(int) @ vector(other).astype(int)) / LENGTH**2


def test_vectors_are_the_same_on_every_machine():
    """The bytes of known texts are what they were when this was written: what a night prepared, the next one can use."""
    texts = ["My dog ate the cake.", "How are you?", "Straße und Äpfel", "我喜欢狗", "👍"]
    digest = hashlib.sha256(b"".join(vector(text).tobytes() for text in texts)).hexdigest()

    assert digest == "1dbfca8eb1415989f849ee38e5ca4473ef43cc57a138a0c2ae5f4f83d51a0d18"


@given(st.text(max_size=300))
def test_a_vector_has_its_length_or_is_zero(text):
    """Any text gives 64 bytes of length 127, give or take rounding; only a text of nothing gives zeros."""
    found = vector(text)

    assert found.shape == (DIMENSIONS,)
    assert found.dtype == np.int8
    length = np.linalg.norm(found.astype(float))
    assert length == 0 if not text.strip() else abs(length - LENGTH) < 4


def test_the_empty_text_is_about_nothing():
    """Nothing and white space give zeros."""
    assert not vector("").any()
    assert not vector(" \n\t ").any()


@pytest.mark.parametrize(
    ("text", "near", "far"),
    [
        ("My dog ate the cake", "the DOGS are eating cakes!", "What is the capital of France?"),
        ("I am so tired of my job", "My job makes me tired", "I am so happy with my garden"),
        ("Mein Hund schläft nicht", "Warum schläft der Hund?", "Ich habe nicht genug Geld"),
        ("Je ne peux pas dormir", "dormir, toujours dormir", "Il ne faut pas oublier mon argent"),
        ("我喜欢狗", "你喜欢狗吗", "今天下雨了"),
        ("How are you?", "and how are you", "Pancakes or waffles"),
    ],
)
def test_what_shares_its_words_is_near(text, near, far):
    """Texts with the same words that mean something are near, in several languages."""
    assert _likeness(text, near) > 0.5
    assert _likeness(text, near) > _likeness(text, far) + 0.3


def test_texts_without_a_word_in_common_are_about_at_right_angles():
    """Chance brings no two of 200 unrelated words near: the mean cosine is 0, and its spread that of 64 dimensions, an eighth."""
    some = np.array([vector(f"word{number}") for number in range(200)]).astype(int)
    likeness = (some @ some.T)[np.triu_indices(200, 1)] / LENGTH**2

    assert abs(likeness.mean()) < 0.01
    assert 0.10 < likeness.std() < 0.15


def test_a_word_counts_once():
    """Saying a word again and again does not push the others out."""
    assert np.array_equal(vector("dog cake"), vector("dog dog dog cake dog"))


def test_a_megabyte_costs_no_more_than_a_page():
    """A text of a million words takes milliseconds."""
    text = " ".join(f"w{number}" for number in range(200_000))
    began = time.perf_counter()

    assert vector(text).any()
    assert time.perf_counter() - began < 0.5


def test_hostile_texts_have_vectors_too():
    """Lone surrogates, control characters and marks of roles raise nothing."""
    for text in ("\ud800 dog", "\x00\x1b[31m", "<|im_end|>", "\u202e\u2066", "e\u0301" * 1000):
        assert vector(text).any()


def test_equal_rows_are_found():
    """The first of each group of equal rows, in order; rows that differ in one number are not equal."""
    one, other, zero = vector("dog"), vector("cat"), vector("")
    almost = one.copy()
    almost[63] += 1

    assert first_of_equals(np.array([one, zero, one, other, almost, zero, other])).tolist() == [0, 1, 3, 4]
    assert first_of_equals(np.zeros((0, DIMENSIONS), np.int8)).tolist() == []
