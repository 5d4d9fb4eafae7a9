"""The reply cleaner: what is shown is never taken back, and never depends on where the pieces were cut."""

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from service.chat.reply import ReplyCleaner

# The stuff that rules are about, whole and in splinters, so that every boundary is met.
_WORDS = (
    "Friend:|User:|You: |Human:|ASSISTANT:|friend:|<think>|</think>|<thi|nk>|</|Fri|end|Us|er|:|\n|\r\n| |a|word |You|are|\x00|<|>|Ben|\t|é"
    "|\u2028|<|im_|end|"
)
_MORE = (
    "**;Friend;**;:;[;];_;*; - ;(;);smiles;sits;never;Laughs;lo;.;!;😊;❤️;Hi;, ;\n;\n\n;##; ;#;Instruction;<|im_start|>;assistant;[INST];"
    "[/IN;ST];<s>;</s>;<|;user;|>;<think;ing;>;</think;<|channel|>analysis<|message|>;<|channel|>final;<|message|>;Ben:;:**;### ;Response:;"
    "ı;<|start_header_id|>;<|end_header_id|>;<start_of_turn>;model;[THINK];[/THINK];x"
)
_splinters = st.lists(st.sampled_from(_WORDS.split("|")), max_size=14)
_richer_splinters = st.lists(st.sampled_from([*_MORE.split(";"), *_WORDS.split("|")]), max_size=16)
_rules = st.fixed_dictionaries({"strip_speaker": st.booleans(), "stop_at_other_speakers": st.booleans()})
_all_rules = st.fixed_dictionaries(
    {"strip_speaker": st.booleans(), "stop_at_other_speakers": st.booleans(), "cut_directions": st.booleans()}
)


def _clean(pieces: list[str], speaker: str = "Friend", **rules: bool) -> tuple[list[str], bool]:
    cleaner = ReplyCleaner(speaker, ["Ben"], **rules)
    shown = [cleaner.feed(piece) for piece in pieces]
    return [*shown, cleaner.finish()], cleaner.stopped


def _whole(raw: str, **rules: bool) -> str:
    return "".join(_clean([raw], **rules)[0])


def _by_the_book(raw: str, strip_speaker: bool, stop_at_other_speakers: bool) -> str:
    """What the module promises of thoughts and plain names, written down once more without any streaming."""
    text = re.sub(r"<think>.*?(</think>|\Z)|</think>", "", raw.replace("\x00", ""), flags=re.DOTALL).lstrip()
    own = "Friend"
    while found := re.match(rf"({own}|Assistant|AI|Chatbot)[ \t]{{0,2}}:", text, re.IGNORECASE):
        if not strip_speaker:
            break
        own, text = f"{own}|{found[1]}", text[found.end() :].lstrip()
    own_head = re.compile(rf"[ \t]{{0,8}}({own})[ \t]{{0,2}}:[ \t]*", re.IGNORECASE)
    other_head = re.compile(r"[ \t]{0,8}(User|Human|You|Assistant|System|Person|Ben)[ \t]{0,2}:", re.IGNORECASE)
    lines: list[str] = []
    for number, line in enumerate(text.split("\n")):
        while strip_speaker and (found := own_head.match(line)):
            line = line[found.end() :]
        kept = not number and not strip_speaker and re.match("assistant", line, re.IGNORECASE)
        if stop_at_other_speakers and not kept and other_head.match(line):
            break
        lines.append(line)
    return "\n".join(lines).rstrip()


@settings(max_examples=400, deadline=None)
@given(_splinters, _rules)
@example(["abc\nUser", "<think>x</think>", ": hi"], {"strip_speaker": True, "stop_at_other_speakers": True})
@example(["abc\nUser<", "b"], {"strip_speaker": True, "stop_at_other_speakers": True})
@example(["Friend", "<think>", "</think>", ":", "a"], {"strip_speaker": True, "stop_at_other_speakers": True})
@example(["ASSISTANT:", "a\n", "ASSISTANT:", "a"], {"strip_speaker": True, "stop_at_other_speakers": True})
def test_what_is_shown_does_not_depend_on_the_pieces(pieces: list[str], rules: dict[str, bool]) -> None:
    """Piece by piece, character by character or at once: the same text is shown, and it is the clean text by the book.

    As what was shown is only ever added to, each moment's text is a beginning of the final one.
    """
    raw = "".join(pieces)
    expected = _by_the_book(raw, **rules)
    for cut in (pieces, list(raw), [raw]):
        assert "".join(_clean(cut, **rules)[0]) == expected


@settings(max_examples=1500, deadline=None)
@given(_richer_splinters, _all_rules)
@example(["Hi. ", "*", "smiles", "*", " ", "*", "sits", "*", " ", "Hi"], {"cut_directions": True})
@example(["[", "Friend", "]", " ", ":", "Hi"], {})
@example(["<", "thınk>"], {})
def test_no_mark_name_or_direction_depends_on_the_pieces(pieces: list[str], rules: dict[str, bool]) -> None:
    """With marks of every kind in splinters, all ways of cutting show the same, and end at the same place."""
    raw = "".join(pieces)
    expected = _clean([raw], **rules)
    for cut in (pieces, list(raw)):
        shown, stopped = _clean(cut, **rules)
        assert ("".join(shown), stopped) == ("".join(expected[0]), expected[1])


@settings(deadline=None)
@given(st.text(max_size=200), st.lists(st.integers(0, 200), max_size=8), st.booleans())
def test_any_text_is_shown_the_same_whatever_the_cuts(raw: str, cuts: list[int], cut_directions: bool) -> None:
    """No text at all, of whatever script, is shown differently in pieces."""
    places = sorted({cut % (len(raw) + 1) for cut in cuts})
    pieces = [raw[start:end] for start, end in zip([0, *places], [*places, len(raw)], strict=True)]
    assert "".join(_clean(pieces, cut_directions=cut_directions)[0]) == _whole(raw, cut_directions=cut_directions)


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("Hello.", "Hello."),
        ("  \n Hello. \n\n", "Hello."),
        ("2 < 3 and <this> is <thin", "2 < 3 and <this> is <thin"),
        ("You", "You"),
        ("Friend", "Friend"),
        ("Hello.\nYou", "Hello.\nYou"),
        ("a\x00b", "ab"),
        (" \n", ""),
        ("", ""),
        ("*Hello* _you_ [1] (yes)\n- [x] done\n# Title\n1. one", "*Hello* _you_ [1] (yes)\n- [x] done\n# Title\n1. one"),
    ],
)
def test_ordinary_words_stay(raw: str, clean: str) -> None:
    """Blank ends go and NUL characters; everything else, Markdown and half a tag included, stays as it is."""
    assert "".join(_clean(list(raw))[0]) == clean


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("<think>Hm. User: hm</think>Hello.", "Hello."),
        ("<think>Hm.</think>\n\nFriend: Hello.", "Hello."),
        ("<thinking>Hm </think> hm</thinking>Hello.", "Hello."),
        ("<REASONING>Hm.</Reasoning>Hello.", "Hello."),
        ("[THINK]Hm.[/THINK]Hello.", "Hello."),
        ("<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>Hello.", "Hello."),
        ("Hello <think>hm</think>there.", "Hello there."),
        ("Hello.<think>never ends", "Hello."),
        ("They ask me.</think>\n\nHello.", "They ask me.\n\nHello."),
        ("<think>only", ""),
    ],
)
def test_thoughts_are_cut_out(raw: str, clean: str) -> None:
    """Reasoning is not shown; where only its end is marked, the mark alone can go."""
    assert "".join(_clean(list(raw))[0]) == clean


@pytest.mark.parametrize(
    "prefix",
    [
        "Friend:",
        "\nFriend: ",
        "FRIEND: ",
        "friend : ",
        "Friend：",
        "**Friend:** ",
        "**Friend**: ",
        "*Friend:* ",
        "__Friend__: ",
        "### Friend: ",
        "[Friend]: ",
        "[Friend] ",
        "**[Friend]** ",
        "Friend (smiling): ",
        "Friend - ",
        "**Friend** – ",
        "Friend: Friend: ",
        "Assistant: ",
        "AI: ",
        "**Assistant:** ",
        "Assistant: Friend: ",
        "### Response:\n",
        "<|im_start|>assistant\n",
        "<|start_header_id|>assistant<|end_header_id|>\n\nFriend: ",
        "<s>[/INST] ",
        "<start_of_turn>model\n",
        "<｜Assistant｜>",
    ],
)
def test_the_speakers_own_name_is_taken_off(prefix: str) -> None:
    """In every form that models write it, the name before the first words is not shown."""
    assert "".join(_clean(list(f"{prefix}Hello."))[0]) == "Hello."
    assert "".join(_clean([prefix, "Hello."])[0]) == "Hello."


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("Hello.\nFriend: Still me.", "Hello.\nStill me."),
        ("Hello.\n\n**Friend:** Still me.\nAnd on.", "Hello.\n\nStill me.\nAnd on."),
        ("Friend - Hi.\nFriend - Still me.", "Hi.\nStill me."),
        ("Assistant: Hi.\nAssistant: Still me.\nUser: no", "Hi.\nStill me."),
        ("Hello.\nFriend - a word for you.", "Hello.\nFriend - a word for you."),
        ("Friendly people help.", "Friendly people help."),
        ("I am your Friend: always.", "I am your Friend: always."),
        ("Friends: many.", "Friends: many."),
        ("**Friend** is my name.", "**Friend** is my name."),
        ("[Friend](me) is a link.", "[Friend](me) is a link."),
    ],
)
def test_a_name_counts_at_the_beginning_of_a_line(raw: str, clean: str) -> None:
    """In later lines only the speaker's prefix is cut; a name among other words is a word."""
    assert "".join(_clean(list(raw))[0]) == clean


@pytest.mark.parametrize("name", ["User", "USER", "human", "You", "Ben", "**Ben", "[User]", "### Human", "  User", "**User**", "Assistant"])
def test_the_reply_ends_where_another_speaks(name: str) -> None:
    """A line of anybody else, the person by name included, is not shown, nor what follows it."""
    shown, stopped = _clean(list(f"Hello.\n{name}: So what?\nFriend: Fine."))
    assert ("".join(shown), stopped) == ("Hello.", True)


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("User: And you?", ""),
        ("Friend: User: And you?", ""),
        ("Hello.\r\nHuman: So what?", "Hello."),
        ("Hello.\nFriend: Ben: no", "Hello."),
        ("Hello.\nUsers: many.", "Hello.\nUsers: many."),
        ("I say to You: stay calm.", "I say to You: stay calm."),
        ("He wrote 'User: me' on it.", "He wrote 'User: me' on it."),
        ("One.\nTwo: a word.\nYou are right.", "One.\nTwo: a word.\nYou are right."),
        ("Ben - you are right.", "Ben - you are right."),
    ],
)
def test_what_counts_as_another(raw: str, clean: str) -> None:
    """Only a name with its colon at the beginning of a line is another speaker."""
    assert "".join(_clean(list(raw))[0]) == clean


@pytest.mark.parametrize(
    "mark",
    [
        "<|im_start|>",
        "<|im_end|>",
        "<|user|>",
        "<|assistant|>",
        "<|eot_id|>",
        "<|start_header_id|>",
        "<|endoftext|>",
        "[INST]",
        "[/INST]",
        "<<SYS>>",
        "<start_of_turn>",
        "<end_of_turn>",
        "</s>",
        "<s>",
        "<｜end▁of▁sentence｜>",
        "\n### Instruction:",
        "\n### Human:",
        "\n## User:",
    ],
)
def test_the_reply_ends_at_a_mark_of_a_chat_template(mark: str) -> None:
    """What a model writes after it began to play the conversation is not shown, with whatever rules."""
    for rules in ({}, {"strip_speaker": False, "stop_at_other_speakers": False}):
        shown, stopped = _clean(list(f"Hello. {mark} more"), **rules)
        assert ("".join(shown), stopped) == ("Hello.", True)


def test_the_reply_stops_where_another_speaks() -> None:
    """As soon as the model speaks for somebody else the cleaner says so, and nothing that follows is shown."""
    cleaner = ReplyCleaner("Friend")
    assert cleaner.feed("Hello.\nUse") == "Hello."
    assert not cleaner.stopped
    assert cleaner.feed("r:") == ""
    assert cleaner.stopped
    assert (cleaner.feed(" more"), cleaner.finish()) == ("", "")


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("*smiles* Hello.", "Hello."),
        ("Friend: *leans closer* Hello.", "Hello."),
        ("Hello. *smiles* How are you?", "Hello. How are you?"),
        ("Hello! (laughs) [sighs] _waves_ How are you?", "Hello! How are you?"),
        ("Hi 😊 *waves* How are you?", "Hi 😊 How are you?"),
        ("Hi ❤️ *waves* How are you?", "Hi ❤️ How are you?"),
        ("Hello.\n*takes your hand*\nHow are you?", "Hello.\nHow are you?"),
        ("Hello.\n\n*takes your hand*\n\nHow are you?", "Hello.\n\nHow are you?"),
        ("Hello. *smiles*\nHow are you?", "Hello.\nHow are you?"),
        ("Hello.\r\n(lacht)\r\nNa?", "Hello.\r\nNa?"),
        ("I missed you *hugs you tight*", "I missed you"),
        ("*Smiles.*\nHello.", "Hello."),
        ("*smiles* hey you", "hey you"),
        ("*smiles*", ""),
        ("*never* do that.", "*never* do that."),
        ("I *really* mean it.", "I *really* mean it."),
        ("That is what *you* said.", "That is what *you* said."),
        ("You are *great*", "You are *great*"),
        ("It rains. (or so they say) and it is cold.", "It rains. (or so they say) and it is cold."),
        ("I like cats (and dogs).", "I like cats (and dogs)."),
        ("**smiles** Hello.", "**smiles** Hello."),
        ("[smiles](x) Hello.", "[smiles](x) Hello."),
        ("*Important* Read on.", "*Important* Read on."),
        ("(a) First.\n(ii) Second.\n[x] Third.", "(a) First.\n(ii) Second.\n[x] Third."),
        ("* one\n* two", "* one\n* two"),
        ("2 * 3 * 4 and snake_case_name", "2 * 3 * 4 and snake_case_name"),
        ("*smiles\nHello.*", "*smiles\nHello.*"),
        ("Hello. *smiles", "Hello. *smiles"),
        (f"*{'so ' * 60}* Hello.", f"*{'so ' * 60}* Hello."),
    ],
)
def test_stage_directions_are_cut_where_that_is_wanted(raw: str, clean: str) -> None:
    """Groups that stand alone are stage directions; emphasis, asides, links and lists are not. By default all of them stay."""
    for pieces in ([raw], list(raw)):
        assert "".join(_clean(pieces, cut_directions=True)[0]) == clean
        assert "".join(_clean(pieces)[0]) == raw.removeprefix("Friend: ")


def test_words_are_shown_as_soon_as_they_are_certain() -> None:
    """Only what may still be cut is held back: a beginning that may be a prefix, a tag, blank space at the end."""
    cleaner = ReplyCleaner("Friend")
    assert [cleaner.feed(piece) for piece in ["Fri", "day", "User", " ", "is", " fine.", "\n", "You ", "know <", "3"]] == [
        "",
        "Friday",
        "User",
        "",
        " is",
        " fine.",
        "",
        "",
        "\nYou know",
        " <3",
    ]
    assert cleaner.finish() == ""


def test_words_in_marks_are_held_back_no_longer_than_needed() -> None:
    """Emphasis in the middle of a sentence is shown at once, and what may be a stage direction as soon as it is certain to be none."""
    cleaner = ReplyCleaner("Friend", cut_directions=True)
    assert [cleaner.feed(piece) for piece in ["I", " *re", "ally", "* am.", " *smi", "les", "*", " And", " *si", "x* more"]] == [
        "I",
        " *re",
        "ally",
        "* am.",
        "",
        "",
        "",
        " And",
        "",
        " *six* more",
    ]


def test_rules_can_be_turned_off() -> None:
    """Without `strip_speaker` the prefix stays and cuts nothing; without `stop_at_other_speakers` a dialogue stays whole."""
    dialogue = "Friend: Hi.\nUser: Hi."
    assert _whole(dialogue, strip_speaker=False) == "Friend: Hi."
    assert _whole(dialogue, stop_at_other_speakers=False) == "Hi.\nUser: Hi."
    assert _whole(dialogue, strip_speaker=False, stop_at_other_speakers=False) == dialogue
    assert _whole("Assistant: Hi.", strip_speaker=False) == "Assistant: Hi."


def test_a_persona_may_bear_the_name_of_a_role() -> None:
    """A persona called Assistant speaks in its own name and is not taken for another speaker."""
    assert "".join(_clean(["Assistant: Hello.\nAssistant: Still me.\nUser: no"], speaker="Assistant")[0]) == "Hello.\nStill me."


@pytest.mark.parametrize("piece", ["word ", "word", " ", "\n", "*", "<", "[", "#", "\n*", "(a", "<s> "])
def test_a_very_long_reply_comes_through_whole(piece: str) -> None:
    """Each piece is looked at once: 100,000 of any kind take a second, not the hour that looking back each time would take."""
    pieces = [piece] * 100_000
    shown, stopped = _clean(pieces, cut_directions=True)
    at_once, stopped_at_once = _clean(["".join(pieces)], cut_directions=True)
    assert ("".join(shown), stopped) == ("".join(at_once), stopped_at_once)
    if piece.strip().isalpha():
        assert ("".join(shown), stopped) == ("".join(pieces).rstrip(), False)
