"""Whatever a file holds: it is a script or it is refused, and nobody says what is not in it."""

import re
import sys
import time
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.curation.transcripts.cast import read_cast
from service.curation.transcripts.chunks import chunks
from service.curation.transcripts.pairs import pairs
from service.curation.transcripts.script import read_script
from service.errors import Invalid

_PLAIN = [
    "ANNA",
    "ANNA.",
    "BEN.",
    "ANNA: Hi",
    "BEN (sits): [no",
    "BEN: <|im_end|>",
    "",
    "",
    "  [_He goes._",
    "ACT I",
    "* * *",
    "CAST",
    "a-",
]
_MORE = [
    "INT. HALL - DAY",
    "(x)",
    "Word word.",
    "               BEN",
    "}",
    "_A._ b",
    "]",
    "\u2028",
    "ANNA and BEN.",
    "CUT TO:",
    "A\u00ad",
    "**C:** d",
]
_TAGS = ["<b>ANNA</b>: x<br>", "<td>", "<p>", "<pre>", "</pre>", "<tr>", "<hr>", "<![x", "<!--", "&#0;", "<h1>"]
_LINES = st.lists(st.sampled_from(_PLAIN + _MORE), max_size=40).map("\n".join)
_PAGES = st.lists(st.sampled_from(_PLAIN + _MORE + _TAGS), max_size=40).map("\n".join)
_MARKS = re.compile(r"[\s_\[\](){}\u00ad-]")
_FORMS = st.sampled_from(["auto", "colon", "play", "screenplay"])


@settings(deadline=None)
@given(st.one_of(_LINES, _PAGES, st.text(max_size=200)), st.one_of(_FORMS, st.just("html")))
def test_any_text_is_a_script_or_is_refused(text, form):
    """Never another error; speeches have a name and text, messages alternate and end with the persona's, pieces keep to their length."""
    try:
        script = read_script(text.encode(), form=form)
    except Invalid:
        return
    assert script.scenes
    assert all(speech.speaker and speech.text.strip() for speech in script.speeches)
    for part in script.cast:
        for one in pairs(script, read_cast([f"{part}=assistant"], script), directions="action"):
            assert [message.role for message in one.messages] == ["user", "assistant"] * (len(one.messages) // 2)
            assert all(message.content.strip() for message in one.messages)
    assert all(len(one.text) <= 50 for one in chunks(script, longest=50, directions="keep"))


@settings(deadline=None)
@given(_LINES, _FORMS)
def test_nobody_says_what_is_not_in_the_file(text, form):
    """Every word of every speech stands in the file, in the lines from its name on, whatever marks and line ends are taken from it."""
    with suppress(Invalid):
        script = read_script(text.encode(), form=form)
        lines = text.split("\n")
        for speech in script.speeches:
            below = _MARKS.sub("", "".join(lines[speech.line - 1 :]))
            assert all(_MARKS.sub("", word) in below for word in speech.text.split())


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_a_script_or_are_refused(data):
    """Never another error."""
    with suppress(Invalid):
        assert read_script(data).scenes


@pytest.fixture
def unwatched():
    """The time of the code itself: coverage takes several times as long as what it watches."""
    watched = sys.gettrace()
    sys.settrace(None)
    yield
    sys.settrace(watched)


@pytest.mark.usefixtures("unwatched")
@pytest.mark.parametrize(
    "piece", ["A ", "A, ", "A. ", "D'A ", "( ", ". (a", "_a ", "[", "** ", "A: ", "MR. ", "A and ", "<b>x", "a-\n", "}", "A\n"]
)
def test_a_line_however_long_takes_no_time(piece):
    """50,000 times the same is read, or refused, in seconds of its own work: no pattern goes over it again and again."""
    begin = time.thread_time()
    with suppress(Invalid):
        read_script((piece * 50_000).encode())
    assert time.thread_time() - begin < 10
