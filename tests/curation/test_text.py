"""Text made whole and normalised."""

from hypothesis import given, settings
from hypothesis import strategies as st

from service.curation.text import make_whole, normalise

_ANY = st.text(st.characters())


def test_half_a_pair_becomes_the_replacement_character():
    """Each lone surrogate becomes one U+FFFD, wherever it stands; what is around it stays."""
    assert make_whole("a\ud800b") == "a\ufffdb"
    assert make_whole("\ud83d") == "\ufffd"
    assert make_whole("\udc00\ud800") == "\ufffd\ufffd"


def test_two_matching_halves_become_their_character():
    """A pair that arrived in two halves is the character it means, not damage."""
    assert make_whole("\ud83d\ude00") == "😀"


@settings(deadline=None)
@given(_ANY)
def test_whole_text_can_always_be_written(text):
    """Whatever comes in, what comes out is UTF-8; text that was whole already is not touched."""
    whole = make_whole(text)

    assert whole == whole.encode().decode()
    assert whole == make_whole(whole)


def test_what_people_call_the_same_is_the_same():
    """Case, width, ligatures, composed accents and white space of any kind make no difference."""
    for other in ("HELLO  Café", "hello\n\tcafe\u0301", "\u3000ｈｅｌｌｏ café\u2028", "Hello\u00a0café "):
        assert normalise(other) == "hello café"
    assert normalise("Straße") == normalise("STRASSE")
    # The small letter has a composed form, the capital has none: folding alone leaves their marks in different orders.
    assert normalise("j\u0323\u030c") == normalise("J\u0323\u030c")


def test_different_words_stay_different():
    """Punctuation and word order still tell two texts apart."""
    assert len({normalise(text) for text in ("You are.", "You are?", "Are you?")}) == 3


@settings(deadline=None)
@given(_ANY)
def test_normalising_twice_changes_nothing(text):
    """A key made from a normalised text is the key of the text."""
    assert normalise(text) == normalise(normalise(text))
