"""Scripts on web pages."""

_BOLD = """<html><head><title>A: b</title><style>p: q</style></head><body>
<h2>Scene 1</h2>
<p><b>ANNA</b>: Caf&eacute; &amp;
tea?<br>Yes?</p>
<p><strong>BEN:</strong> No. <i>(smiles)</i> <em>Never</em> I.</p>
<p><i>They leave.</i></p>
<hr>
<p><b>ANNA</b> Bye&nbsp;&lt;3.</p></body></html>
"""

_LIBRARY = """<html><body><h3>SCENE I. A platform.</h3>
<p><blockquote>
<i>FRANCIS at his post.</i>
</blockquote>
<a name=speech1><b>BERNARDO</b></a>
<blockquote>
<a name=1.1.1>Who's there?</a><br>
</blockquote>
<a name=speech2><b>FRANCIS</b></a>
<blockquote>
Nay, answer me: stand,<br>and unfold yourself.<br>
<p><i>Exit</i></p>
</blockquote>
"""

_COLUMNS = """<html><body><pre><b>INT. HOUSE - DAY</b>

Action here.

<b>                    ANNA</b>
          Hello
          there.

<b>                    BEN</b>
               (nods)
          Hi.
</pre></body></html>
"""

_CLASSES = """<div><div class="speaker">Anna</div><div>Hello.</div></div>
<div><span class="speaker">Ben</span> Hi.</div>
<p><span class="speaker">Anna</span> Yes.</p>
<p class=speaker>Ben</p><p>No.</p>
"""


def test_names_in_bold_begin_speeches(read):
    """With the colon in the bold, after it, or none at all; entities are characters and line ends are not."""
    script = read(_BOLD)
    assert [(scene.title, [(each.line, each.speaker, each.text) for each in scene.speeches]) for scene in script.scenes] == [
        ("Scene 1", [(3, "ANNA", "Café & tea? Yes?"), (5, "BEN", "No. [smiles] Never I.")]),
        ("Scene 1", [(8, "ANNA", "Bye <3.")]),
    ]
    assert [direction.text for direction in script.scenes[0].directions] == ["They leave."]


def test_a_page_on_one_line_says_the_same(read):
    """Many pages have no line ends at all."""
    spoken = [(speech.speaker, speech.text) for speech in read(_BOLD).speeches]
    assert [(speech.speaker, speech.text) for speech in read(_BOLD.replace("\n", " ")).speeches] == spoken


def test_a_table_has_the_name_in_its_first_cell_or_after_a_number(spoken):
    """`<td>ANNA</td><td>Hello.</td>` is a speech; a time before the name is none, and cells need not be closed."""
    assert spoken(
        "<table><tr><td>ANNA</td><td>Hello &lt;you&gt;.</td></tr><tr><td>Ben:</td><td>Hi. [waves]</td></tr>"
        "<tr><td>12:01<td>ANNA<td>Well.<tr><td>Ben<td>Yes.</table>"
    ) == [("ANNA", "Hello <you>."), ("Ben", "Hi. [waves]"), ("ANNA", "Well."), ("Ben", "Yes.")]


def test_a_name_in_bold_may_stand_above_the_speech(read):
    """As in the plays that libraries publish: the name, then a quote, with directions in italics; many of their tags are never closed."""
    script = read(_LIBRARY)
    assert [(speech.speaker, speech.text) for speech in script.speeches] == [
        ("BERNARDO", "Who's there?"),
        ("FRANCIS", "Nay, answer me: stand, and unfold yourself."),
    ]
    assert script.scenes[0].title == "SCENE I. A platform"
    assert [direction.text for direction in script.scenes[0].directions] == ["FRANCIS at his post.", "Exit"]


def test_a_screenplay_in_a_page_keeps_its_columns(read):
    """What is preformatted is read as the text that it is."""
    script = read(_COLUMNS)
    assert script.form == "screenplay"
    assert [(speech.line, speech.speaker, speech.text) for speech in script.speeches] == [
        (5, "ANNA", "Hello there."),
        (9, "BEN", "[nods] Hi."),
    ]


def test_who_speaks_may_be_marked_by_class(spoken):
    """`class="speaker"` says it, on whatever tag."""
    assert spoken(_CLASSES) == [("Anna", "Hello."), ("Ben", "Hi."), ("Anna", "Yes."), ("Ben", "No.")]


def test_what_stands_in_bold_once_is_no_name_unless_it_is_in_capitals(spoken):
    """A title in bold speaks as little as a word that is stressed."""
    page = "<p><b>The Garden</b></p><p>by Nobody</p><p><b>Anna:</b> <b>No</b> way.</p><p><b>Ben:</b> Oh.</p>"
    assert spoken(page) == [("Anna", "No way."), ("Ben", "Oh.")]


def test_bold_that_is_never_closed_ends_with_its_paragraph(spoken):
    """One mistake of the page's author does not make names of all that follows."""
    page = "<p><b>ANNA: One.</p><p>Two: three.</p><p>BEN: Four.</p><p><b>ANNA</b>: Five.</p>"
    assert spoken(page) == [("ANNA", "One.\n\nTwo: three."), ("BEN", "Four."), ("ANNA", "Five.")]
