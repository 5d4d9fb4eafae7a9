"""Files as numbered lines, whatever they are encoded in."""

import pytest

from service.curation.transcripts.script import read_script
from service.curation.transcripts.source import LONGEST, decode, lines_of
from service.errors import Invalid

_TEXT = "ANNA: Grüße, “Ben”.\nBEN: Ça va?\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
def test_a_script_says_the_same_in_every_usual_encoding(encoding):
    """UTF-8, UTF-16 and UTF-32, with a mark or (UTF-16) without, and Windows-1252 are told apart."""
    assert decode(_TEXT.encode(encoding)) == _TEXT


def test_a_file_pasted_together_from_two_encodings_is_read_right():
    """Each line by itself is UTF-8 or Windows-1252."""
    assert decode("ANNA: Grüße\n".encode() + "BEN: Ça va\n".encode("cp1252")) == "ANNA: Grüße\nBEN: Ça va\n"


def test_every_usual_line_end_counts_as_one():
    """Line numbers are those an editor shows, with Windows' line ends as with old Macintosh ones; U+2028 ends no line."""
    assert [(line.number, line.text) for line in lines_of(decode(b"a\r\nb\rc\n\nd"))] == [(1, "a"), (2, "b"), (3, "c"), (4, ""), (5, "d")]
    assert [line.number for line in lines_of(decode("a\u2028b\nc".encode()))] == [1, 2]


def test_what_cannot_be_seen_is_left_out():
    """A few control characters, a page's end and a mark in the middle do not get into what is said."""
    assert decode("ANNA: H\x07e\u200bl\ufefflo\x0c there".encode() + b" my friend" * 20).startswith("ANNA: Hello  there my friend")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (bytes(range(256)) * 8, "not text: unreadable characters, the first in line 1"),
        (b"ANNA: hi\n" + b"\x00\x01\x02" * 50, "the first in line 2"),
        (b"%PDF-1.7 ...", "a PDF, not text"),
        (b"PK\x03\x04....", "a packed document, such as .docx"),
        (b"{\\rtf1 hello}", "rich text"),
        (b"\xff\xfeA\x00\x00\xd8B\x00", "calls itself UTF-16 and is not, at byte"),
        (b"x" * (LONGEST + 1), "may have 67,108,864"),
    ],
)
def test_what_is_no_text_is_refused_in_words(data, words):
    """A binary file, a document and a broken encoding say what they are and what to save instead."""
    with pytest.raises(Invalid, match=words.replace(".", r"\.")):
        decode(data)


def test_project_gutenberg_is_left_out_and_lines_keep_their_numbers():
    """What stands before the start and after the end of a Gutenberg text, the licence above all, says nothing in a script."""
    text = (
        "Title: A Play\n\n*** START OF THIS PROJECT GUTENBERG EBOOK A PLAY ***\n\nANNA.\n\nHello.\n\nBEN.\n\nBye.\n\n"
        "End of the Project Gutenberg EBook of A Play\n\n*** END OF THIS PROJECT GUTENBERG EBOOK A PLAY ***\n\n"
        "LICENSE.\n\nYou may copy it.\n"
    )
    script = read_script(text.encode())
    assert [(speech.speaker, speech.text, speech.line) for speech in script.speeches] == [("ANNA", "Hello.", 5), ("BEN", "Bye.", 9)]


def test_a_page_is_read_in_the_encoding_it_declares():
    """A web page in Cyrillic Windows-1251 says so in its head, and is read so."""
    page = '<html><head><meta charset="windows-1251"></head><body><p><b>АННА</b>: Привет.</p><p><b>БОРИС</b>: Да.</p></body></html>'
    script = read_script(page.encode("cp1251"))
    assert [(speech.speaker, speech.text) for speech in script.speeches] == [("АННА", "Привет."), ("БОРИС", "Да.")]


def test_a_page_that_declares_what_it_is_not_is_read_as_it_is():
    """A declared encoding counts only if there is such a one and the page is written in it."""
    for charset in ("klingon", "ascii"):
        page = f'<html><meta charset="{charset}"><body><p><b>ANNA</b>: Grüße.</p></body></html>'
        assert [speech.text for speech in read_script(page.encode()).speeches] == ["Grüße."]
