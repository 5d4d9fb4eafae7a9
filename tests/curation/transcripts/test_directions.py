"""Stage directions: kept, stripped, or turned into actions."""

import pytest

from service.curation.transcripts.directions import act, is_direction, mark, render

_NAMES = frozenset({"mrs", "upjohn", "lily", "roper"})


@pytest.mark.parametrize(
    ("written", "keep", "strip", "action"),
    [
        ("[To ROPER.] Yes.", "[To ROPER.] Yes.", "Yes.", "*to Roper* Yes."),
        ("Well, [rising], no.", "Well, [rising], no.", "Well, no.", "Well, *rising*, no."),
        ("B-oys-- [raising her cup] good!", "B-oys-- [raising her cup] good!", "B-oys-- good!", "B-oys-- *raising her cup* good!"),
        ("[LILY'S hand.] Oh [MRS. UPJOHN goes.]", "[LILY'S hand.] Oh [MRS. UPJOHN goes.]", "Oh", "*Lily's hand* Oh *Mrs. Upjohn goes*"),
        ("[Switches the TV on.] Hm.", "[Switches the TV on.] Hm.", "Hm.", "*switches the TV on* Hm."),
        ("[I wave.] Hi.", "[I wave.] Hi.", "Hi.", "*I wave* Hi."),
        ("[Sings.]\n\nLa,\nla!", "[Sings.]\n\nLa,\nla!", "La,\nla!", "*sings*\n\nLa,\nla!"),
        ("One.\n\n[Sits.]\n\nTwo.", "One.\n\n[Sits.]\n\nTwo.", "One.\n\nTwo.", "One.\n\n*sits*\n\nTwo."),
        ("Dear [looks] ... you", "Dear [looks] ... you", "Dear ... you", "Dear *looks* ... you"),
    ],
)
def test_a_direction_is_kept_stripped_or_an_action(written, keep, strip, action):
    """An action begins small, has no full stop, and writes the parts' names as names."""
    assert render(written, "keep", _NAMES) == keep
    assert render(written, "strip", _NAMES) == strip
    assert render(written, "action", _NAMES) == action


def test_an_action_cannot_end_early():
    """Stars within a direction are left out, and an empty direction is nothing."""
    assert act("He *really* smiles.", _NAMES) == "*he really smiles*"
    assert act(" . ", _NAMES) == ""


def test_directions_are_marked_with_plain_brackets():
    """Italics go, a bracket within another goes, and one left open is closed; what was never opened is no bracket."""
    assert (
        mark("[_To LILY, a _petite_ girl._] Hi [there [inner] you", parentheses=False) == "[To LILY, a petite girl.] Hi [there inner you]"
    )
    assert mark("Hi] there", parentheses=False) == "Hi there"


@pytest.mark.parametrize("text", ["[He goes.]", "[He goes.", "(He goes.)", "_He goes._", "*He goes.*", "<He goes.>"])
def test_a_paragraph_that_is_all_direction_is_one(text):
    """In whichever brackets, or in italics."""
    assert is_direction(text)
    assert not is_direction(text.rstrip("]") + "] Yes." if text[0] == "[" else f"{text} Yes.")
