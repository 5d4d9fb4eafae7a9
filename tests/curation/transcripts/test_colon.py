"""Scripts as `NAME: line`."""


def test_every_named_line_is_a_speech(spoken):
    """A name with a colon begins a speech on any line; what follows up to the next name goes on."""
    assert spoken("ANNA: Good morning. Did you\nsleep well?\nBEN: No.\n\nDR. MOSS: Hello both.\n") == [
        ("ANNA", "Good morning. Did you sleep well?"),
        ("BEN", "No."),
        ("DR. MOSS", "Hello both."),
    ]


def test_a_colon_within_a_speech_names_nobody(spoken):
    """Sentences, times and addresses with a colon are said by whoever speaks."""
    text = "ANNA: Remember this: never.\nAt 10:30 we go: all of us.\nsee http://there.example\nWell then, listen to me: no.\nBEN: Fine.\n"
    assert [speaker for speaker, _ in spoken(text)] == ["ANNA", "BEN"]


def test_where_names_are_in_capitals_other_words_with_a_colon_are_said(spoken):
    """`Note:` is a part in a script of Annas and Bens, and no part in one of ANNAs and BENs."""
    shouted = "ANNA: One.\nBEN: Two.\nANNA: Three.\nNote: it rains.\nBEN: Four.\n"
    assert [speaker for speaker, _ in spoken(shouted)] == ["ANNA", "BEN", "ANNA", "BEN"]
    assert [speaker for speaker, _ in spoken(shouted.replace("ANNA", "Anna").replace("BEN", "Ben"))][3] == "Note"


def test_names_in_small_letters_speak_at_least_twice(spoken):
    """A chat log is a script too."""
    assert spoken("user: hi\nbot: hello: you\nuser: and?\nthing: no\nbot: bye\n") == [
        ("user", "hi"),
        ("bot", "hello: you"),
        ("user", "and? thing: no"),
        ("bot", "bye"),
    ]


def test_a_direction_beside_the_name_belongs_to_the_speech(spoken):
    """`BEN (yawning): No.` and `BEN [yawning]: No.` say the same."""
    assert spoken("BEN (yawning): No.\nANNA [to BEN]: Yes.\n") == [("BEN", "[yawning] No."), ("ANNA", "[to BEN] Yes.")]


def test_parentheses_are_directions_where_nobody_says_them(spoken):
    """At the beginning of a speech or after a sentence; within one they are said. Where directions are in brackets, always."""
    assert spoken("ANNA: (waves) Ben! (She sits.) I told him (he never hears) so.\nBEN: What?\n")[0][1] == (
        "[waves] Ben! [She sits.] I told him (he never hears) so."
    )
    assert spoken("ANNA: [waves] Ben! (Not you.) Ben! [sits]\nBEN: What?\n")[0][1] == "[waves] Ben! (Not you.) Ben! [sits]"


def test_a_paragraph_that_is_a_direction_is_said_by_nobody(read):
    """In parentheses, brackets or italics, and kept apart with its line."""
    script = read("ANNA: Go.\n\n(They go.)\n\nBEN: Gone.\n\n_Rain._\n")
    assert [speech.text for speech in script.speeches] == ["Go.", "Gone."]
    assert [(direction.text, direction.line) for direction in script.scenes[0].directions] == [("They go.", 3), ("Rain.", 7)]


def test_a_speech_goes_on_over_paragraphs_and_directions(spoken):
    """A paragraph without a name is the speech before it; a direction between is kept where it stands."""
    assert spoken("ANNA: One.\n\nTwo.\n\n(She sits.)\n\nThree.\nBEN: Oh.\n")[0] == ("ANNA", "One.\n\nTwo.\n\n[She sits.]\n\nThree.")


def test_names_in_markdown_bold_are_names(read):
    """`**Anna:** Hello` and `**Anna**: Hello`; headings are scenes, and their act is kept."""
    script = read("# Act 1\n\n**Anna:** Hello.\n\n**Ben**: Hi.\n\n## Scene 2\n\n**Anna:** _smiling_ Bye.\n")
    assert [(scene.title, [(speech.speaker, speech.text) for speech in scene.speeches]) for scene in script.scenes] == [
        ("Act 1", [("Anna", "Hello."), ("Ben", "Hi.")]),
        ("Act 1, Scene 2", [("Anna", "[smiling] Bye.")]),
    ]


def test_a_title_page_and_a_list_of_characters_say_nothing(spoken):
    """`Title: ...` at the top, and `ANNA: a gardener` under CHARACTERS, are no speeches; `Time:` further below may be a part."""
    text = "Title: The Garden\nAuthor: Nobody\n\nCHARACTERS\n\nAnna: a gardener\nBen: her brother\n\nAnna: Hello.\n\nTime: I pass.\n"
    assert spoken(text) == [("Anna", "Hello."), ("Time", "I pass.")]
    assert spoken(text.replace("Anna: Hello", "Scene 1\n\nAnna: Hello")) == [("Anna", "Hello."), ("Time", "I pass.")]


def test_a_wide_colon_is_a_colon(spoken):
    """Chinese scripts write U+FF1A, without a blank."""
    assert spoken("安娜：你好。\n本：你好吗？\n") == [("安娜", "你好。"), ("本", "你好吗？")]


def test_a_part_is_one_however_it_is_spelled(read):
    """`Mrs Upjohn` and `MRS. UPJOHN` are one part, named as it is most often."""
    script = read("MRS. UPJOHN: One.\nBEN: Two.\nMRS UPJOHN: Three.\nMRS. UPJOHN: Four.\n")
    assert script.cast == {"MRS. UPJOHN": 3, "BEN": 1}
