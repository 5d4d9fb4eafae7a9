"""Pieces of dialogue as plain text."""

from itertools import groupby

import pytest

from service.curation.transcripts.chunks import chunks

_TALK = "SCENE 1\n\n(Rain.)\n\nANNA: (waves) One.\n\nTwo.\nBEN: Three.\n\n(She goes.)\n\nSCENE 2\n\nBEN: Four.\n"


def test_a_scene_is_a_piece(read):
    """`NAME: line`, with the scene and the line where it begins; a speech's paragraphs are lines below its name."""
    assert [(one.text, one.scene, one.line) for one in chunks(read(_TALK))] == [
        ("ANNA: One.\nTwo.\nBEN: Three.", "SCENE 1", 5),
        ("BEN: Four.", "SCENE 2", 14),
    ]


def test_directions_between_speeches_are_lines_of_their_own(read):
    """In their place, kept or as actions."""
    script = read(_TALK)
    assert chunks(script, directions="keep")[0].text == "[Rain.]\nANNA: [waves] One.\nTwo.\nBEN: Three.\n[She goes.]"
    assert chunks(script, directions="action")[0].text == "*rain*\nANNA: *waves* One.\nTwo.\nBEN: Three.\n*she goes*"


@pytest.mark.parametrize("longest", [60, 100, 333, 1000, 100_000])
def test_a_long_scene_is_cut_between_speeches(read, longest):
    """No piece is longer than asked, none is much shorter than the others, and together they are the scene."""
    script = read("".join(f"{'ANNA' if at % 2 else 'BEN'}: This is speech number {at}.\n" for at in range(100)))
    pieces = [one.text for one in chunks(script, longest=longest)]
    assert "\n".join(pieces) == "\n".join(f"{speech.speaker}: {speech.text}" for speech in script.speeches)
    assert max(map(len, pieces)) <= longest
    assert min(map(len, pieces)) * 2 >= max(map(len, pieces)) or longest < 100


def test_a_speech_that_is_longer_than_a_piece_is_cut_between_sentences(read):
    """Or between words where a sentence is too long, or anywhere where a word is; each part has the name."""
    sentences = " ".join(f"This is sentence number {at}." for at in range(30))
    pieces = chunks(read(f"ANNA: {sentences}\nBEN: {'word ' * 60}\nANNA: {'x' * 250}\n"), longest=120)
    assert max(len(one.text) for one in pieces) <= 120
    assert all(line.startswith(("ANNA: ", "BEN: ")) for one in pieces for line in one.text.split("\n"))
    said = [line.split(": ", 1) for one in pieces for line in one.text.split("\n")]
    joined = {name: [text for _, text in run] for name, run in groupby(said[:-3], key=lambda part: part[0])}
    assert " ".join(joined["ANNA"]) == sentences
    assert all(text.endswith(".") for text in joined["ANNA"])
    assert "".join(text for name, text in said if "x" in text) == "x" * 250


def test_no_piece_crosses_a_scene(read):
    """However much would fit."""
    assert len(chunks(read(_TALK), longest=100_000)) == 2
