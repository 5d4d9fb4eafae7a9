"""Who becomes the persona, and who the user."""

import pytest

from service.curation.transcripts.cast import read_cast, rename
from service.errors import Invalid

_SCRIPT = (
    "LILY.\n\nOne.\n\nMRS. UPJOHN.\n\nTwo.\n\nROPER.\n\nThree.\n\nJEYES.\n\nFour.\n\nLILY AND ROPER.\n\nFive.\n\n"
    "JEYES, MRS. UPJOHN, AND ROPER.\n\nSix.\n\nLILLY.\n\nSeven.\n\nTHE MEN.\n\nEight.\n\nLILY.\n\nNine.\n"
)


@pytest.fixture
def script(read):
    return read(_SCRIPT)


def test_who_is_not_named_is_the_user(script):
    """With the persona alone in the map, everybody else is whom it talks with."""
    cast = read_cast(["ROPER=assistant"], script)
    assert cast.roles == {
        "LILY": "user",
        "MRS. UPJOHN": "user",
        "ROPER": "assistant",
        "JEYES": "user",
        "LILLY": "user",
        "THE MEN": "user",
        "LILY AND ROPER": "assistant",
        "JEYES, MRS. UPJOHN, AND ROPER": "assistant",
    }


def test_once_a_user_is_named_others_are_left_out(script):
    """Who speaks together is the assistant if one of them is, then the user if one of them is."""
    cast = read_cast(["LILY=assistant, JEYES=user"], script)
    assert cast.roles == {
        "LILY": "assistant",
        "MRS. UPJOHN": "none",
        "ROPER": "none",
        "JEYES": "user",
        "LILLY": "none",
        "THE MEN": "none",
        "LILY AND ROPER": "assistant",
        "JEYES, MRS. UPJOHN, AND ROPER": "user",
    }


def test_a_part_can_be_left_out_by_name(script):
    """`=none` leaves out one, and the others stay the user; names may be in small letters and without their points."""
    cast = read_cast(["lily=assistant", "mrs upjohn=none"], script)
    assert (cast.role("LILY"), cast.role("MRS. UPJOHN"), cast.role("JEYES")) == ("assistant", "none", "user")


def test_aliases_are_one_part(script):
    """By the first of its names; an alias that nobody has is no mistake as long as one is known, and is told."""
    cast = read_cast(["LILY|LILLY|MISS PARRADELL=assistant"], script)
    assert (cast.role("LILLY"), cast.name("LILLY"), cast.name("LILY")) == ("assistant", "LILY", "LILY")
    assert cast.unknown == ("MISS PARRADELL",)
    renamed = rename(script, cast)
    assert renamed.cast["LILY"] == 3 and "LILLY" not in renamed.cast
    assert sum(renamed.cast.values()) == sum(script.cast.values())
    assert "LILLY" not in {speech.speaker for speech in renamed.speeches}


def test_those_who_speak_together_can_be_named_together(script):
    """A name may hold commas: an entry ends with its role."""
    cast = read_cast(["JEYES, MRS. UPJOHN, AND ROPER=user,LILY=assistant"], script)
    assert cast.role("JEYES, MRS. UPJOHN, AND ROPER") == "user"
    assert cast.role("JEYES") == "none"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["LILI=assistant"],
            r"Nobody in the script is called 'LILI'\. Is it LILY or LILLY\? Those who speak, with their speeches: LILY \(2\),",
        ),
        (["UPJOHN=assistant"], r"Is it MRS\. UPJOHN\?"),
        (["ZZZ|YYY=assistant"], r"called 'ZZZ'\. Those who speak"),
        (["LILY=assistant,LILY|ROPER=user"], r"gives 'LILY' two roles, assistant and user"),
        (["LILY=user"], r'must say who becomes the persona, such as --cast "LILY=assistant"'),
        ([], "must say who becomes the persona"),
        (["LILY"], "cannot be read at character 1: it is NAME=role"),
        (["LILY=persona"], "the role assistant, user or none"),
        (["LILY=assistant,=user"], "cannot be read at character 16"),
        (["LILY=assistant,ROPER"], "cannot be read at character 16"),
        (["|=assistant"], "cannot be read at character 1"),
    ],
)
def test_a_map_that_is_wrong_says_where(script, words, message):
    """An unknown name with those that are near and all parts with their speeches; a role twice, nobody as the persona, no role."""
    with pytest.raises(Invalid, match=message):
        read_cast(words, script)
