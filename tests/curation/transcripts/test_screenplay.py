"""Screenplays, centred or flush left."""

_CENTRED = """                    THE LAST BUS

                    by Nobody

FADE IN:

INT. BUS STATION - NIGHT

Rain. MARA (30) waits by the door.

BANG!

                         MARA
               (quietly)
          Is this the last one?

                         DRIVER (V.O.)
          Depends where
          you're going. (beat) Home?

                         MARA (CONT'D)
          Home. That's
          (laughing)
          a word.

EXT. ROAD - LATER

                                                  12.

                         DRIVER
          We're (all of us) here.
                    (MORE)

CUT TO:

                         MARA
          Thanks.
"""


def test_a_centred_name_begins_what_is_said_below_it(read):
    """Up to the blank line; parentheses on a line of their own or after a sentence are directions, action is nobody's."""
    script = read(_CENTRED)
    assert script.form == "screenplay"
    assert [(speech.speaker, speech.text, speech.line) for speech in script.speeches] == [
        ("MARA", "[quietly] Is this the last one?", 13),
        ("DRIVER", "Depends where you're going. [beat] Home?", 17),
        ("MARA", "Home. That's [laughing] a word.", 21),
        ("DRIVER", "We're (all of us) here.", 30),
        ("MARA", "Thanks.", 36),
    ]


def test_places_are_scenes_and_cuts_are_breaks(read):
    """INT. and EXT. give a scene its title; a cut begins another part of the same."""
    assert [(scene.title, len(scene.speeches)) for scene in read(_CENTRED).scenes] == [
        ("INT. BUS STATION - NIGHT", 3),
        ("EXT. ROAD - LATER", 1),
        ("EXT. ROAD - LATER", 1),
    ]


def test_action_is_a_direction(read):
    """Also what is shouted in it."""
    assert [direction.text for direction in read(_CENTRED).scenes[0].directions] == ["Rain. MARA (30) waits by the door.", "BANG!"]


def test_names_may_stand_flush_left(read):
    """As Fountain writes them, with names in small letters after an at sign; what follows a blank line is action."""
    script = read(
        "INT. KITCHEN - DAY\n\nANNA\n(smiling)\nTea?\n\n@McAvoy ^\nNo.\nCoffee.\n\nHe sits.\n\nANNA (O.S.)\nBen!\n", form="screenplay"
    )
    assert [(speech.speaker, speech.text) for speech in script.speeches] == [
        ("ANNA", "[smiling] Tea?"),
        ("McAvoy", "No. Coffee."),
        ("ANNA", "Ben!"),
    ]
    assert [direction.text for direction in script.scenes[0].directions] == ["He sits."]
