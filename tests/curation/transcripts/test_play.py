"""Plays as they are printed."""

_OWN = """ACT I

[Enter ANNA and BEN.]

ANNA.

[_To BEN._] Hello! I'm
in luck. [_Shaking hands
with BEN._] _How_ are you?

BEN.

Fine.

  [_He sits._

ANNA.

Good.

END OF THE FIRST ACT.

An advertisement.
"""


def test_a_name_on_its_own_line_begins_a_speech(read):
    """The paragraph below is said; directions are in plain brackets, emphasis is unmarked, lines are joined."""
    script = read(_OWN)
    assert [(speech.line, speech.speaker, speech.text) for speech in script.speeches] == [
        (5, "ANNA", "[To BEN.] Hello! I'm in luck. [Shaking hands with BEN.] How are you?"),
        (11, "BEN", "Fine."),
        (17, "ANNA", "Good."),
    ]


def test_a_direction_that_is_never_closed_ends_with_its_paragraph(read):
    """Some printers open a bracket and close none."""
    script = read(_OWN)
    assert [(each.text, each.line, each.after) for each in script.scenes[0].directions] == [
        ("Enter ANNA and BEN.", 3, 0),
        ("He sits.", 15, 2),
    ]


def test_what_follows_an_end_is_said_by_nobody(read):
    """`END OF THE FIRST ACT.` closes the last speech."""
    assert "advertisement" not in repr(read(_OWN).scenes)


def test_a_name_may_begin_the_speech(spoken):
    """`ANNA. Hello.`, with a direction beside it or not; a shout at a paragraph's beginning is no name where names stand alone."""
    assert spoken("ANNA. Good day. I saw\nthe fox.\n\nBEN [aside]. She lies. STOP. I mean it.\n\nBOTH. Ha!\n") == [
        ("ANNA", "Good day. I saw the fox."),
        ("BEN", "[aside] She lies. STOP. I mean it."),
        ("BOTH", "Ha!"),
    ]
    assert spoken("ANNA.\n\nOne.\n\nSTOP. I mean it.\n\nBEN.\n\nNo.\n\nBEN. [_Rising._] Never.\n") == [
        ("ANNA", "One.\n\nSTOP. I mean it."),
        ("BEN", "No."),
        ("BEN", "[Rising.] Never."),
    ]


def test_names_may_follow_each_other_without_a_blank_line(spoken):
    """Speeches that are packed line under line are told apart, and a line that goes on is joined."""
    assert spoken("ANNA. Hello.\nBEN. Hi there, you\nlook well.\nANNA. So do you.\nBEN. Bye.\n") == [
        ("ANNA", "Hello."),
        ("BEN", "Hi there, you look well."),
        ("ANNA", "So do you."),
        ("BEN", "Bye."),
    ]


def test_names_may_be_in_italics(spoken):
    """`_Sir Peter._ When ...`; a word in italics at the beginning is no name."""
    assert spoken("_Sir Peter._ When?\n\n_Lady T._ [_Aside._] Now.\n\n_Sir Peter._ _You_ say so.\n") == [
        ("Sir Peter", "When?"),
        ("Lady T", "[Aside.] Now."),
        ("Sir Peter", "You say so."),
    ]
    assert [speaker for speaker, _ in spoken("ANNA.\n\n_Ben_ hasn't seen it.\n\nBEN.\n\n_Anna_ has.\n\nANNA.\n\nNo.\n")] == [
        "ANNA",
        "BEN",
        "ANNA",
    ]


def test_several_speak_together(spoken):
    """Names with commas, and, AND are one speech of all of them; so is a brace that gathers speeches, each of its own."""
    text = (
        "ANNA.\n\nWell?\n\nBEN, DR. MOSS, AND ANNA.\n\nHear, hear!\n\nANNA and BEN.\n\nHo!\n\nBEN, and ANNA. [_Returning._]\nHa, ha!\n\n"
        "ANNA.       }\n\nBuck up!    }\n\nBEN.        } [_To DR. MOSS, urgently._]\n\nMy pet!     }\n\nDR. MOSS.\n\nWhat?\n"
    )
    assert spoken(text) == [
        ("ANNA", "Well?"),
        ("BEN, DR. MOSS, AND ANNA", "Hear, hear!"),
        ("ANNA and BEN", "Ho!"),
        ("BEN, and ANNA", "[Returning.] Ha, ha!"),
        ("ANNA", "Buck up!"),
        ("BEN", "[To DR. MOSS, urgently.]\n\nMy pet!"),
        ("DR. MOSS", "What?"),
    ]


def test_verses_keep_their_lines(spoken):
    """A song that is set in is sung by who was named; verses after a direction of their own are sung by whom that says."""
    text = (
        "ANNA.\n\n[_Singing._]\n\n  Mind the paint,\n    Mind the paint!\n\n"
        "BEN.\n\nOh!\n\n  [_The guests sing._\n\n  If you would\n  only love me;\n\n"
        "ANNA.\n\nNo.\n"
    )
    assert spoken(text) == [("ANNA", "[Singing.]\n\nMind the paint,\nMind the paint!"), ("BEN", "Oh!"), ("ANNA", "No.")]


def test_short_lines_that_all_begin_with_a_capital_are_verses(spoken):
    """Blank verse in a speech keeps its lines, prose that is wrapped does not."""
    verse = (
        "ANNA.\n\nShall I compare thee to a day?\nThou art more lovely than the\nMay that shakes the buds.\n\n"
        "BEN.\n\nProse that\nIs wrapped.\n"
    )
    assert spoken(verse) == [
        ("ANNA", "Shall I compare thee to a day?\nThou art more lovely than the\nMay that shakes the buds."),
        ("BEN", "Prose that Is wrapped."),
    ]


def test_words_broken_at_a_lines_end_are_whole_again(spoken):
    """A hyphen goes where the script knows the word without it, stays where it does not, and dashes stay dashes."""
    text = "ANNA.\n\nA writing-\ntable and some-\nthing-- I\nsay--\nnot soft\u00ad\nly.\n\nBEN.\n\nSomething?\n"
    assert spoken(text)[0][1] == "A writing-table and something-- I say-- not softly."


def test_emphasis_within_a_word_is_unmarked_and_names_with_underscores_stay(spoken):
    """`_dis_like` and `_Stoo_pid` are words; `snake_case_name` is left alone."""
    assert spoken("ANNA.\n\nI _dis_like the _Stoo_pid snake_case_name.\n\nBEN.\n\nOh.\n")[0][1] == "I dislike the Stoopid snake_case_name."


def test_the_names_of_a_title_page_do_not_speak(spoken):
    """What stands in capitals before the first act, by names that never speak after it, is left out."""
    text = "THE GREAT PLAY\n\nby Nobody\n\nACT I\n\n" + "ANNA\nOne.\n\nBEN\nTwo.\n\n" * 6
    assert {speaker for speaker, _ in spoken(text)} == {"ANNA", "BEN"}


def test_a_list_of_characters_says_nothing(spoken):
    """The persons of the play are no speeches, wherever names on lines of their own are."""
    text = "_The Persons of the Play_\n\n  ANNA.\n  (_a gardener_)\n\n  BEN.\n\nTHE FIRST ACT\n\nANNA.\n\nOne.\n\nBEN.\n\nTwo.\n"
    assert spoken(text) == [("ANNA", "One."), ("BEN", "Two.")]


def test_people_who_are_spoken_of_are_no_list(spoken):
    """`People of Rome, hear me` is said, and so is a line that says Cast within a paragraph."""
    text = "ANNA.\n\nPeople of Rome\n\nhear me.\n\nBEN.\n\nWho is in the\nCast\nthen?\n\nANNA.\n\nYou.\n"
    assert spoken(text) == [("ANNA", "People of Rome\n\nhear me."), ("BEN", "Who is in the Cast then?"), ("ANNA", "You.")]


def test_a_dash_below_a_name_is_no_break(read):
    """Somebody is silent, and the scene goes on."""
    script = read("ANNA.\n\nOne.\n\nBEN.\n\n----\n\nANNA.\n\nTwo.\n")
    assert [len(scene.speeches) for scene in script.scenes] == [3]
