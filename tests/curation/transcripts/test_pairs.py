"""Each reply of the persona with what was said to it."""

import pytest

from service.curation.transcripts.cast import read_cast
from service.curation.transcripts.pairs import pairs, unanswered

_TALK = "BEN: One.\nCY: Two.\nANNA: Three.\nANNA: Four.\nBEN: Five.\nANNA: Six.\n"


@pytest.fixture
def make(read):
    """The messages of every pair, `u` the user's and `a` the persona's."""

    def make(text: str, cast: str = "ANNA=assistant", **named) -> list[list[str]]:
        script = read(text)
        found = pairs(script, read_cast([cast], script), **named)
        return [[f"{message.role[0]} {message.content}" for message in one.messages] for one in found]

    return make


def test_a_pair_is_the_speech_before_and_the_reply(make):
    """Without context; the persona's speeches in a row are one reply, and who speaks alone has no name."""
    assert make(_TALK, context=0) == [["u Two.", "a Three.\n\nFour."], ["u Five.", "a Six."]]


def test_context_is_so_many_speeches_before_that(make):
    """Messages alternate and begin with the user's; where several of the user's side speak in one, each has its name."""
    assert make(_TALK, context=1) == [["u BEN: One.\n\nCY: Two.", "a Three.\n\nFour."], ["u Five.", "a Six."]]
    assert make(_TALK, context=3) == [
        ["u BEN: One.\n\nCY: Two.", "a Three.\n\nFour."],
        ["u Two.", "a Three.\n\nFour.", "u Five.", "a Six."],
    ]


def test_a_scene_is_a_conversation(make):
    """Nothing is context across a scene's border, and nothing answers what was said before it."""
    assert make(_TALK.replace("BEN: Five", "\n***\n\nBEN: Five")) == [
        ["u BEN: One.\n\nCY: Two.", "a Three.\n\nFour."],
        ["u Five.", "a Six."],
    ]
    assert make("BEN: One.\n\n***\n\nANNA: Two.\nBEN: Three.\nANNA: Four.\n") == [["u Three.", "a Four."]]


def test_who_is_left_out_ends_what_can_be_context(make):
    """A reply to them is no pair, and what was said before them answers nothing after."""
    text = "BEN: One.\nANNA: Two.\nCY: Three.\nANNA: Four.\nBEN: Five.\nANNA: Six.\n"
    assert make(text, "ANNA=assistant,BEN=user") == [["u One.", "a Two."], ["u Five.", "a Six."]]
    assert make(text, "ANNA=assistant,BEN=user", context=9)[1] == ["a Four.", "u Five.", "a Six."][1:]


def test_directions_are_as_asked(make):
    """Kept, stripped or actions in every message; between the speeches they are no part's."""
    text = "BEN: (waves) One.\n\n(It rains.)\n\nANNA: (smiling) Two.\nBEN: (nods)\nANNA: Three.\n"
    assert make(text, context=0) == [["u One.", "a Two.\n\nThree."]]
    assert make(text, context=0, directions="keep") == [["u [waves] One.", "a [smiling] Two.\n\nThree."]]
    assert make(text, context=0, directions="action") == [["u *waves* One.", "a *smiling* Two."], ["u *nods*", "a Three."]]


def test_speeches_without_a_word_are_passed_over(make):
    """A dash is no reply to learn from, and nothing to reply to."""
    assert make("BEN: One.\nANNA: ----?\nBEN: ...\nANNA: Two.\n") == [["u One.", "a Two."]]


def test_a_pair_says_where_it_is_from(read):
    """The scene, the line of the reply's first speech, and who took part, by the first of their aliases."""
    script = read("SCENE 1\n\n" + _TALK.replace("CY", "BENNY"))
    found = pairs(script, read_cast(["ANNA=assistant", "BEN|BENNY=user"], script))
    assert [(one.scene, one.line, one.speakers) for one in found] == [("SCENE 1", 5, ("BEN", "ANNA")), ("SCENE 1", 8, ("BEN", "ANNA"))]
    assert found[0].messages[0].content == "One.\n\nTwo."


def test_those_who_speak_together_with_the_persona_are_the_persona(make):
    """What it says with others it says."""
    assert make("BEN: One.\nANNA and CY: Two.\nBEN and CY: Three.\nANNA: Four.\n", context=0) == [
        ["u One.", "a Two."],
        ["u Three.", "a Four."],
    ]


def test_what_became_no_pair_has_a_reason(read):
    """Counted by reason: nobody before it in the scene, somebody left out before it, no words."""
    script = read("ANNA: One.\nCY: Two.\nANNA: Three.\nBEN: Four.\nANNA: (nods)\nANNA: Five.\n\n***\n\nANNA: Six.\n")
    cast = read_cast(["ANNA=assistant,BEN=user"], script)
    assert unanswered(script, cast) == {"opens_scene": 2, "follows_left_out": 1, "no_words": 1}
    assert len(pairs(script, cast)) == 1
