"""Which form a script is read in, where its scenes end, and what is said about a file that is none."""

import pytest

from service.errors import Invalid

_COLON = "ANNA: One.\nBEN: Two.\n"


@pytest.mark.parametrize(
    ("text", "form"),
    [
        (_COLON, "colon"),
        ("ANNA.\n\nOne.\n\nBEN.\n\nTwo: three.\n", "play"),
        ("ANNA\nOne.\n\nBEN\nTwo.\n", "play"),
        ("INT. HALL - DAY\n\nANNA\nOne.\n\nBEN\nTwo.\n", "screenplay"),
        ("                 ANNA\n        One.\n\n                 BEN\n        Two.\n", "screenplay"),
        ("<p><b>ANNA</b>: One.</p><p><b>BEN</b>: Two.</p>", "colon"),
    ],
)
def test_the_form_is_found_out(read, text, form):
    """Nobody has to say how a script is written."""
    assert read(text).form == form


def test_the_form_can_be_told(read):
    """`form="screenplay"` reads names on lines of their own as a screenplay's: what follows a blank line is action."""
    text = "ANNA\nOne.\n\nShe goes.\n\nBEN\nTwo.\n"
    assert [speech.text for speech in read(text).speeches] == ["One.\n\nShe goes.", "Two."]
    assert [speech.text for speech in read(text, form="screenplay").speeches] == ["One.", "Two."]


@pytest.mark.parametrize(
    "mark",
    [
        *("ACT I", "ACT TWO", "Act 3: The storm", "THE SECOND ACT", "[ACT II.]", "_Scene 2._", "SCENE V. A hall in the castle", "Scene 4"),
        *(
            "[Scene: the garden]",
            "INT. HALL - DAY",
            "12 EXT. ROAD - NIGHT",
            "I/E CAR",
            "* * *",
            "***",
            "-----",
            "#",
            "## Later",
            "PROLOGUE",
        ),
        *("CUT TO:", "FADE OUT.", "COMMERCIAL BREAK", "END OF THE FIRST ACT.", "THE END", "The End", "CURTAIN.", "THE CURTAIN FALLS."),
    ],
)
def test_a_scene_ends_where_the_script_says_so(read, mark):
    """Acts, scenes, places, rules, cuts and ends are breaks in every form."""
    for text in (f"ANNA: One.\n\n{mark}\n\nBEN: Two.\n", f"ANNA.\n\nOne.\n\n{mark}\n\nBEN.\n\nTwo.\n"):
        script = read(text)
        assert [[speech.text for speech in scene.speeches] for scene in script.scenes] == [["One."], ["Two."]]


@pytest.mark.parametrize(
    "said",
    [
        *("The end.", "Scene two is where we fight.", "The second act was dull.", "Act one way or the other.", "Cut to the chase.", "--"),
        *("Curtain rods, that is all.", "End of story.", "In the interior. Exactly.", "Part of me believes you."),
    ],
)
def test_what_only_sounds_like_a_break_is_said(read, said):
    """A line of a speech that speaks of acts and ends breaks nothing."""
    script = read(f"ANNA.\n\nOne.\n\n{said}\n\nBEN.\n\nTwo.\n")
    assert [speech.text for speech in script.speeches] == [f"One.\n\n{said}", "Two."]


def test_scenes_have_titles_with_their_act(read):
    """A scene is named with its act; a rule within it begins another part of the same; an act alone is a scene."""
    headings = ["ACT I", "SCENE 1. Hall", "***", "SCENE 2", "ACT II. SCENE 1", "SCENE 2", "THE END"]
    text = "".join(f"{heading}\n\nA: {at}\n\n" for at, heading in enumerate(headings))
    titles = [scene.title for scene in read(text).scenes]
    assert titles == [
        *("ACT I", "ACT I, SCENE 1. Hall", "ACT I, SCENE 1. Hall", "ACT I, SCENE 2"),
        *("ACT II. SCENE 1", "ACT II, SCENE 2", ""),
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "There is no text in the file"),
        ("\n\n", "There is no text in the file"),
        (
            "ACT I\n\nhello\nthere\n",
            r"No speech was found in 2 lines; line 3 is the first that is none. A speech looks like this, colon: NAME: what",
        ),
        (
            "Note: nothing.\n" + "And so it went on and on.\n" * 300,
            "Only 1 of 301 lines begin a speech, the first is line 1: this does not look like a script",
        ),
    ],
)
def test_a_file_in_which_nobody_speaks_is_refused_in_words(read, text, words):
    """It says what was looked for, and where; never what the file says."""
    with pytest.raises(Invalid, match=words) as refused:
        read(text)
    assert "hello" not in refused.value.message


def test_the_wrong_form_names_the_right_one(read):
    """Whoever tells a form that finds nothing is told which finds something."""
    with pytest.raises(Invalid, match=r"A speech looks like this, play: .* Read as colon it has 2: --form colon"):
        read(_COLON, form="play")


def test_a_form_that_is_told_is_taken_at_its_word(read):
    """Prose in which one line is a speech is a script when its owner says so."""
    assert len(list(read("Note: nothing.\n" + "And so it went.\n" * 300, form="colon").speeches)) == 1
