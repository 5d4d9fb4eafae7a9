"""The words of a text, as both databases index them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.db.words import words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I am tired.", ["i", "am", "tired"]),
        ("It's 5 o'clock, isn't it", ["it", "s", "5", "o", "clock", "isn", "t", "it"]),
        ("naïve ÜBER Straße ﬁne", ["naive", "uber", "strasse", "fine"]),
        ("e\u0301te\u0301", ["ete"]),
        ("snake_case and-dashes", ["snake", "case", "and", "dashes"]),
        ("İstanbul", ["istanbul"]),
        ("КОШКА й", ["кошка", "и"]),
        ("كِتَاب", ["كتاب"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("한국어 친구", ["한국어", "친구"]),
        ("我喜欢猫", ["我喜", "喜欢", "欢猫"]),
        ("猫", ["猫"]),
        ("がき", ["がき"]),
        ("I ♥ 猫咪 cats", ["i", "猫咪", "cats"]),
        ("A猫B", ["a", "猫", "b"]),
        ("x" * 100, ["x" * 40]),
        ('😂👍🏽 … " * - :', []),
        ("", []),
    ],
)
def test_words_are_cut_where_people_see_them(text: str, expected: list[str]) -> None:
    """Small letters without accents, bigrams where a script has no spaces, and nothing where there is neither letter nor digit."""
    assert words(text) == expected


@given(st.text())
def test_no_word_is_empty_or_holds_what_a_query_could_read(text: str) -> None:
    """Of ASCII there are only small letters and digits in it, no blank space, and no word is long."""
    for word in words(text):
        assert 0 < len(word) <= 40
        assert all(mark.isdigit() or mark.islower() for mark in word if mark.isascii())
        assert not any(mark.isspace() or mark == "\x00" for mark in word)


@given(st.text())
def test_the_words_of_words_are_the_same(text: str) -> None:
    """What was cut once is not cut differently a second time, except for bigrams, which stand apart from then on."""
    found = [word for word in words(text) if word.isascii()]
    assert words(" ".join(found)) == found
