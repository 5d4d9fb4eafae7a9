"""The reply cleaner: what is shown is never taken back, and never depends on where the pieces were cut."""

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from service.chat.reply import ReplyCleaner

# The stuff that rules are about, whole and in splinters, so that every boundary is met.
_WORDS = "Friend:|User:|You: |Human:|<think>|</think>|<thi|nk>|</|Fri|end|Us|er|:|\n|\r\n| |a|word |You|are|\x00|<|>|Person|\t|é|\u2028"
_splinters = st.lists(st.sampled_from(_WORDS.split("|")), max_size=14)
_rules = st.fixed_dictionaries({"strip_speaker": st.booleans(), "stop_at_other_speakers": st.booleans()})


def _clean(pieces: list[str], speaker: str = "Friend", **rules: bool) -> tuple[list[str], bool]:
    cleaner = ReplyCleaner(speaker, **rules)
    shown = [cleaner.feed(piece) for piece in pieces]
    return [*shown, cleaner.finish()], cleaner.stopped


def _by_the_book(raw: str, strip_speaker: bool, stop_at_other_speakers: bool) -> str:
    """What the module promises, written down once more without any streaming."""
    text = re.sub(r"<think>.*?(</think>|\Z)", "", raw.replace("\x00", ""), flags=re.DOTALL).lstrip()
    if strip_speaker:
        text = text.removeprefix("Friend:").lstrip()
    if stop_at_other_speakers:
        text = re.split(r"(?:\A|\n)(?:User|Human|You|Assistant|System|Person):", text, maxsplit=1)[0]
    return text.rstrip()


@settings(max_examples=400, deadline=None)
@given(_splinters, _rules)
@example(["abc\nUser", "<think>x</think>", ": hi"], {"strip_speaker": True, "stop_at_other_speakers": True})
@example(["abc\nUser<", "b"], {"strip_speaker": True, "stop_at_other_speakers": True})
@example(["Friend", "<think>", "</think>", ":", "a"], {"strip_speaker": True, "stop_at_other_speakers": True})
def test_what_is_shown_does_not_depend_on_the_pieces(pieces: list[str], rules: dict[str, bool]) -> None:
    """Piece by piece, character by character or at once: the same text is shown, and it is the clean text by the book.

    As what was shown is only ever added to, each moment's text is a beginning of the final one.
    """
    raw = "".join(pieces)
    expected = _by_the_book(raw, **rules)
    for cut in (pieces, list(raw), [raw]):
        assert "".join(_clean(cut, **rules)[0]) == expected


@settings(deadline=None)
@given(st.text(max_size=200), st.lists(st.integers(0, 200), max_size=8))
def test_any_text_is_shown_the_same_whatever_the_cuts(raw: str, cuts: list[int]) -> None:
    """No text at all, of whatever script, is shown differently in pieces."""
    places = sorted({cut % (len(raw) + 1) for cut in cuts})
    pieces = [raw[start:end] for start, end in zip([0, *places], [*places, len(raw)], strict=True)]
    assert "".join(_clean(pieces)[0]) == _by_the_book(raw, strip_speaker=True, stop_at_other_speakers=True)


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("Hello.", "Hello."),
        ("  \n Hello. \n\n", "Hello."),
        ("Friend: Hello.", "Hello."),
        ("\nFriend:Hello.", "Hello."),
        ("Friendly people help.", "Friendly people help."),
        ("I am your Friend: always.", "I am your Friend: always."),
        ("Hello.\nUser: And you?\nFriend: Fine.", "Hello."),
        ("Hello.\n\nYou: So what?", "Hello."),
        ("Hello.\r\nHuman: So what?", "Hello."),
        ("Hello.\nUsers: many.", "Hello.\nUsers: many."),
        ("I say to You: stay calm.", "I say to You: stay calm."),
        ("He wrote 'User: me' on it.", "He wrote 'User: me' on it."),
        ("One.\nTwo: a word.\nYou are right.", "One.\nTwo: a word.\nYou are right."),
        ("<think>Hm. User: hm</think>Hello.", "Hello."),
        ("<think>Hm.</think>\n\nFriend: Hello.", "Hello."),
        ("Hello <think>hm</think>there.", "Hello there."),
        ("Hello.<think>never ends", "Hello."),
        ("2 < 3 and <this> is <thin", "2 < 3 and <this> is <thin"),
        ("You", "You"),
        ("Friend", "Friend"),
        ("Hello.\nYou", "Hello.\nYou"),
        ("a\x00b", "ab"),
        ("User: And you?", ""),
        ("Friend: User: And you?", ""),
        ("<think>only", ""),
        (" \n", ""),
        ("", ""),
    ],
)
def test_what_is_cut_and_what_is_not(raw: str, clean: str) -> None:
    """Blank ends, the speaker's prefix, thoughts and other speakers' lines go; the same words inside a sentence stay."""
    assert "".join(_clean(list(raw))[0]) == clean


def test_the_reply_stops_where_another_speaks() -> None:
    """As soon as the model speaks for somebody else the cleaner says so, and nothing that follows is shown."""
    cleaner = ReplyCleaner("Friend")
    assert cleaner.feed("Hello.\nUse") == "Hello."
    assert not cleaner.stopped
    assert cleaner.feed("r:") == ""
    assert cleaner.stopped
    assert (cleaner.feed(" more"), cleaner.finish()) == ("", "")


def test_words_are_shown_as_soon_as_they_are_certain() -> None:
    """Only what may still be cut is held back: a beginning that may be a prefix, a tag, blank space at the end."""
    cleaner = ReplyCleaner("Friend")
    assert [cleaner.feed(piece) for piece in ["Fri", "day", "User", " ", "is", " fine.", "\n", "You ", "know <", "3"]] == [
        "",
        "Friday",
        "User",
        "",
        " is",
        " fine.",
        "",
        "\nYou",
        " know",
        " <3",
    ]
    assert cleaner.finish() == ""


def test_rules_can_be_turned_off() -> None:
    """Without `strip_speaker` the prefix stays and cuts nothing; without `stop_at_other_speakers` a dialogue stays whole."""
    dialogue = "Friend: Hi.\nUser: Hi."
    assert "".join(_clean([dialogue], strip_speaker=False)[0]) == "Friend: Hi."
    assert "".join(_clean([dialogue], stop_at_other_speakers=False)[0]) == "Hi.\nUser: Hi."
    assert "".join(_clean([dialogue], strip_speaker=False, stop_at_other_speakers=False)[0]) == dialogue


def test_a_persona_may_bear_the_name_of_a_role() -> None:
    """A persona called Assistant speaks in its own name and is not taken for another speaker."""
    assert "".join(_clean(["Assistant: Hello.\nAssistant: Still me.\nUser: no"], speaker="Assistant")[0]) == "Hello.\nAssistant: Still me."


def test_a_very_long_reply_comes_through_whole() -> None:
    """Each piece is looked at once: 200,000 of them are cleaned in a second, not in the hour that looking back each time would take."""
    shown, stopped = _clean(["word "] * 200_000)
    assert ("".join(shown), stopped) == (("word " * 200_000).rstrip(), False)
