"""The replies as text."""

from service.evaluation.health import health, loops, plain, words_of


def test_words_have_no_punctuation() -> None:
    """Words are small, keep their apostrophe, and punctuation alone is none."""

    assert words_of("Don’t go, 'Ben'!") == ["don't", "go", "ben"]
    assert words_of("... ?!") == []


def test_plain_evens_out_spellings() -> None:
    """Curly apostrophes, capitals and runs of blanks make no difference."""

    assert plain(" I’M\n  here ") == "i'm here"


def test_a_loop_is_three_words_three_times() -> None:
    """A trigram that stands twice is no loop, three times is one, also across punctuation and case."""

    assert not loops("I see you. I see you.")
    assert loops("I see you. I SEE you, i see you!")


def test_health_of_replies() -> None:
    """Openings, distinct bigrams, words, loops and empty replies are shares of all replies."""
    measured = health(["I am here.", "I am glad.", "go go go go go", ""])

    assert (measured.replies, measured.opening, measured.opening_share) == (4, "i am", 0.5)
    assert measured.distinct_2 == 4 / 8
    assert measured.mean_words == 11 / 4
    assert (measured.loops, measured.empty) == (0.25, 0.25)


def test_health_of_nothing() -> None:
    """No replies give zeros, not an error."""
    measured = health([])

    assert (measured.replies, measured.opening, measured.distinct_2, measured.empty) == (0, "", 0.0, 0.0)
