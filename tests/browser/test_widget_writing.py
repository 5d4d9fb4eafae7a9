"""Writing a message: Enter and input methods, the draft that is never lost, stop, edit, another answer, the way back to the end."""

from playwright.sync_api import expect

from tests.browser.conftest import Attune, MakeVisit
from tests.browser.speaker import BREAK, HOLD
from tests.browser.visit import Visit

_COMPOSE = """(draft, keyCode) => {
    const more = keyCode === null ? { isComposing: true, keyCode: 13 } : { keyCode };
    const event = new KeyboardEvent("keydown", { key: "Enter", bubbles: true, composed: true, cancelable: true, ...more });
    draft.dispatchEvent(event);
    return event.defaultPrevented;
}"""

_FORGET = """() => {
    const key = Object.keys(localStorage).find((key) => key.endsWith(".conversation"));
    localStorage[key] = JSON.stringify({ id: "gone", token: "wrong" });
}"""


def sent(tab: Visit) -> list[str]:
    """The messages that are shown."""
    return [text.removeprefix("You: ") for text in tab.page.locator("attune-chat .message").all_text_contents()]


def scroll(tab: Visit, to: str) -> None:
    """Scroll the conversation to its `start` or `end`, as a person would."""
    tab.page.locator("attune-chat #log").evaluate(
        "(log, to) => { log.scrollTop = to === 'end' ? log.scrollHeight : 0; log.dispatchEvent(new Event('scroll')); }", to
    )
    tab.settle()


def distance(tab: Visit) -> float:
    """How far the end of the conversation is."""
    found: float = tab.page.locator("attune-chat #log").evaluate("(log) => log.scrollHeight - log.clientHeight - log.scrollTop")
    return found


def test_enter_sends_and_shift_enter_does_not(visit: MakeVisit) -> None:
    """Enter sends the whole message, a new line comes with Shift, and an empty message is none."""
    tab = visit("/?persona=echo")
    tab.draft.press("Enter")
    tab.draft.fill("   ")
    tab.draft.press("Enter")
    expect(tab.turns).to_have_count(0)
    tab.draft.fill("One line")
    tab.draft.press("Shift+Enter")
    tab.draft.press_sequentially("and another")
    expect(tab.turns).to_have_count(0)
    tab.draft.press("Enter")
    expect(tab.replies).to_have_count(1)

    assert ["One line\nand another"] == sent(tab)
    expect(tab.draft).to_have_value("")
    expect(tab.draft).to_be_focused()


def test_enter_belongs_to_the_input_method_while_it_composes(visit: MakeVisit) -> None:
    """An Enter that takes a proposal sends nothing: by `isComposing`, and by key code 229, which is all that Safari says."""
    tab = visit("/?persona=echo")
    tab.draft.fill("にほんご")
    assert not tab.draft.evaluate(_COMPOSE, 229)
    assert not tab.draft.evaluate(_COMPOSE, None)
    session = tab.page.context.new_cdp_session(tab.page)
    session.send("Input.imeSetComposition", {"text": "日本", "selectionStart": 2, "selectionEnd": 2})
    session.send("Input.dispatchKeyEvent", {"type": "rawKeyDown", "key": "Enter", "windowsVirtualKeyCode": 229})
    tab.settle()
    expect(tab.turns).to_have_count(0)
    session.send("Input.insertText", {"text": "日本語"})
    tab.draft.press("Enter")
    expect(tab.turns).to_have_count(1)

    assert ["にほんご日本語"] == sent(tab)


def test_a_draft_survives_a_reload(visit: MakeVisit) -> None:
    """What was typed and not sent is there again, for this persona and no other."""
    tab = visit("/?persona=echo")
    tab.draft.fill("Half a thought")
    tab.reload()
    expect(tab.draft).to_have_value("Half a thought")
    tab.page.goto(tab.page.url.replace("echo", "silent"))
    expect(tab.draft).to_have_value("")


def test_what_could_not_be_sent_is_a_draft_again(visit: MakeVisit) -> None:
    """Offline: the words come back into the composer with the way out beside them, and go once there is a line."""
    tab = visit("/?persona=echo", rough=True)
    expect(tab.draft).to_be_visible()
    tab.page.context.set_offline(True)
    tab.write("Are you there?")
    alert = tab.chat.get_by_role("alert")
    expect(alert).to_contain_text("You are offline.")
    expect(alert).to_contain_text("What you wrote is kept.")
    expect(tab.draft).to_have_value("Are you there?")
    expect(tab.turns).to_have_count(0)

    tab.page.context.set_offline(False)
    tab.button("Send again").click()
    expect(tab.replies).to_have_text("You said: Are you there?")
    expect(tab.draft).to_have_value("")
    expect(alert).to_have_count(0)


def test_a_draft_survives_a_reload_without_a_line(visit: MakeVisit) -> None:
    """A message that never arrived is a draft after the page is loaded again."""
    tab = visit("/?persona=echo", rough=True)
    expect(tab.draft).to_be_visible()
    tab.page.context.set_offline(True)
    tab.write("Never arrived")
    expect(tab.chat.get_by_role("alert")).to_be_visible()
    tab.page.context.set_offline(False)
    tab.reload()

    expect(tab.draft).to_have_value("Never arrived")
    expect(tab.turns).to_have_count(0)


def test_a_message_that_is_too_long_is_kept_and_said_to_be(visit: MakeVisit) -> None:
    """Beyond what the service takes, there is a word for it, the text stays, and shortened it goes."""
    tab = visit("/?persona=echo", rough=True)
    expect(tab.draft).to_be_visible()
    tab.write("long " * 2_000)
    expect(tab.chat.get_by_role("alert")).to_contain_text("too long")
    assert 9_000 < len(tab.draft.input_value())
    tab.write("Short")
    expect(tab.replies).to_have_text("You said: Short")


def test_who_is_too_quick_sees_how_long_to_wait(limited: str, visit: MakeVisit) -> None:
    """The words are kept, the seconds are counted down, and the way out opens when they are over."""
    tab = visit(f"{limited}/?persona=echo", rough=True)
    tab.page.clock.install()
    tab.say("Quickly")
    tab.write("And quicker")
    expect(tab.chat.get_by_role("alert")).to_contain_text("That was a lot at once.")
    expect(tab.draft).to_have_value("And quicker")
    again = tab.chat.get_by_role("button", name="Send again")
    expect(again).to_be_disabled()
    expect(again).to_contain_text(" s)")
    for _ in range(70):
        tab.page.clock.fast_forward(1_000)
    expect(again).to_be_enabled()
    expect(again).to_have_text("Send again")
    expect(tab.draft).to_have_value("And quicker")


def test_a_model_that_fails_is_said_to_and_can_be_asked_again(visit: MakeVisit, attune: Attune) -> None:
    """The message stays, the trouble has words, and trying again gets the reply."""
    message = attune.speaker.refuse("Are you well?", 500)
    tab = visit("/?persona=echo", rough=True)
    expect(tab.draft).to_be_visible()
    tab.write(message)
    expect(tab.button("Try again")).to_be_visible(timeout=30_000)
    assert [message] == sent(tab)
    attune.speaker.accept(message)
    tab.button("Try again").click()

    expect(tab.replies.last).to_contain_text("You said: Are you well?", timeout=30_000)
    expect(tab.button("Good reply")).to_be_visible()


def test_a_reply_that_breaks_off_keeps_what_was_said(visit: MakeVisit, attune: Attune) -> None:
    """What came is shown, with why there is no more and a way to ask again; a broken reply cannot be rated."""
    message = attune.speaker.script("Break off", "This will never", BREAK)
    tab = visit("/?persona=echo", rough=True)
    expect(tab.draft).to_be_visible()
    tab.write(message)
    expect(tab.replies.last).to_have_text("This will never")
    expect(tab.button("Try again")).to_be_visible()
    expect(tab.chat.get_by_role("button", name="Good reply")).to_have_count(0)


def test_a_reply_can_be_stopped(visit: MakeVisit, attune: Attune) -> None:
    """Stop ends the reply at the service too; what was written stays, and it can be answered again."""
    message = attune.speaker.script("Count for ever", "One, two,", HOLD, " three")
    tab = visit("/?persona=echo")
    tab.write(message)
    expect(tab.replies.last).to_have_text("One, two,")
    with tab.page.expect_response(lambda response: response.url.endswith("/cancel")):
        tab.button("Stop").click()
    expect(tab.chat.get_by_text("Stopped.", exact=True).last).to_be_visible()
    expect(tab.replies.last).to_have_text("One, two,")
    expect(tab.button("Answer again")).to_be_visible()
    tab.reload()
    expect(tab.replies.last).to_have_text("One, two,")
    attune.speaker.go_on(message)
    tab.button("Answer again").click()
    expect(tab.replies.last).to_have_text("One, two, three")


def test_a_draft_may_be_written_while_a_reply_is(visit: MakeVisit, attune: Attune) -> None:
    """The composer stays open during a reply; Enter sends nothing then and loses nothing."""
    message = attune.speaker.script("Take your time", "Slowly", HOLD, " done")
    tab = visit("/?persona=echo")
    tab.write(message)
    expect(tab.replies.last).to_have_text("Slowly")
    tab.write("My next words")
    expect(tab.draft).to_have_value("My next words")
    attune.speaker.go_on(message)
    expect(tab.replies.last).to_have_text("Slowly done")
    expect(tab.draft).to_have_value("My next words")

    assert [message] == sent(tab)


def test_another_answer_stands_beside_the_first(visit: MakeVisit) -> None:
    """Regenerate, and a pager between both: also after a reload, where the newest is shown; the talk goes on from the one chosen."""
    tab = visit("/?persona=echo")
    tab.say("Give me two answers")
    tab.button("Another answer").click()
    expect(tab.replies.last).to_have_text("You said: Give me two answers (2)")
    pager = tab.chat.get_by_role("group", name="Reply 2 of 2")
    expect(pager).to_be_visible()
    pager.get_by_role("button", name="Previous").click()
    expect(tab.replies.last).to_have_text("You said: Give me two answers")
    expect(tab.turns).to_have_count(1)
    tab.reload()
    expect(tab.replies.last).to_have_text("You said: Give me two answers (2)")
    tab.chat.get_by_role("group", name="Reply 2 of 2").get_by_role("button", name="Previous").click()
    tab.say("Go on from the first")

    assert ["You said: Give me two answers", "Go on from the first"] == [
        turn["content"] for turn in tab.speaker.asked[-1] if turn["role"] != "system"
    ][1:]


def test_a_message_can_be_written_anew(visit: MakeVisit) -> None:
    """Edit and resend: the new wording is answered in its place, the old one is a page away, and the model hears of the new one only."""
    tab = visit("/?persona=echo")
    tab.say("I have a dog")
    tab.say("It is small")
    tab.turns.first.hover()
    tab.turns.first.get_by_role("button", name="Edit").click()
    editor = tab.chat.get_by_role("textbox", name="Edit your message")
    expect(editor).to_be_focused()
    editor.fill("I have a cat")
    editor.press("Enter")
    expect(tab.turns).to_have_count(1)
    expect(tab.replies.last).to_have_text("You said: I have a cat")
    assert ["I have a cat"] == [turn["content"] for turn in tab.speaker.asked[-1] if turn["role"] != "system"]
    tab.turns.first.hover()
    tab.chat.get_by_role("group", name="Message 2 of 2").get_by_role("button", name="Previous").click()
    expect(tab.turns).to_have_count(2)

    assert ["I have a dog", "It is small"] == sent(tab)


def test_an_edit_can_be_left(visit: MakeVisit) -> None:
    """Escape leaves the editor and changes nothing."""
    tab = visit("/?persona=echo")
    tab.say("As it was")
    tab.turns.first.hover()
    tab.button("Edit").click()
    editor = tab.chat.get_by_role("textbox", name="Edit your message")
    editor.fill("Something else")
    editor.press("Escape")
    expect(editor).to_have_count(0)

    assert ["As it was"] == sent(tab)


def test_a_reply_can_be_copied(visit: MakeVisit) -> None:
    """Copy takes the reply as it was written, and says that it did."""
    tab = visit("/?persona=echo", permissions=["clipboard-read", "clipboard-write"])
    tab.say("Copy me", "Some *words*")
    tab.button("Copy").click()
    expect(tab.status).to_contain_text("Copied")

    assert "Some *words*" == tab.page.evaluate("navigator.clipboard.readText()")


def test_nobody_is_pulled_to_the_end(visit: MakeVisit, attune: Attune) -> None:
    """Who is at the end stays there while a reply grows; who reads further up stays there too, and finds a way to jump."""
    pieces = [f"Line {number} of a long reply.\n\n" for number in range(40)]
    message = attune.speaker.script("Write a lot", *pieces, HOLD, *pieces)
    tab = visit("/?persona=echo")
    tab.write(message)
    expect(tab.replies.last).to_contain_text("Line 39")
    tab.settle()
    assert distance(tab) < 2
    scroll(tab, "start")
    attune.speaker.go_on(message)
    expect(tab.button("Good reply")).to_be_attached()
    assert 0 == tab.page.locator("attune-chat #log").evaluate("(log) => log.scrollTop")
    tab.button("Jump to latest").click()
    tab.settle()
    assert distance(tab) < 2
    expect(tab.button("Jump to latest")).to_be_hidden()


def test_two_tabs_show_one_conversation(visit: MakeVisit) -> None:
    """What is said and rated in one tab is in the other; both say their next words in the same conversation."""
    here = visit("/?persona=echo")
    here.say("From here")
    there = visit("/?persona=echo", context=here.page.context)
    expect(there.replies).to_have_text(["You said: From here"])
    there.say("From there")
    expect(here.replies).to_have_text(["You said: From here", "You said: From there"])
    here.say("And here again")
    expect(there.replies).to_have_count(3)

    assert ["From here", "From there", "And here again"] == sent(here) == sent(there)


def test_two_new_tabs_begin_one_conversation(visit: MakeVisit, attune: Attune) -> None:
    """Two tabs of a new visitor, used at the same moment, talk in one conversation, not in two."""
    here = visit("/?persona=echo")
    there = visit("/?persona=echo", context=here.page.context)
    for tab in (here, there):
        expect(tab.draft).to_be_visible()
    message = attune.speaker.script("First words", "Yes", HOLD, ".")
    here.write(message)
    expect(here.replies.last).to_have_text("Yes")
    attune.speaker.go_on(message)
    expect(there.replies.last).to_have_text("Yes.")
    expect(there.button("Good reply")).to_be_visible()
    there.say("Second words")
    there.reload()
    expect(there.turns).to_have_count(2)

    begun = [url for tab in (here, there) for url in tab.asked if url.endswith("/api/conversations")]
    assert 1 == len(begun)


def test_a_new_conversation_asks_first(visit: MakeVisit) -> None:
    """Begin anew: asked once, kept when one wants to keep it, empty after it, and still empty after a reload."""
    tab = visit("/?persona=echo")
    tab.say("Old words")
    tab.button("New conversation").click()
    tab.button("Keep this one").click()
    expect(tab.turns).to_have_count(1)
    tab.button("New conversation").click()
    tab.button("Begin a new one").click()
    expect(tab.turns).to_have_count(0)
    expect(tab.chat.get_by_text("Good evening. How was your day?")).to_be_visible()
    tab.reload()
    expect(tab.draft).to_be_visible()
    expect(tab.turns).to_have_count(0)


def test_a_conversation_that_is_unknown_is_begun_anew(visit: MakeVisit) -> None:
    """Where the service does not know the conversation any more, that is said, and the next words begin a new one."""
    tab = visit("/?persona=echo", rough=True)
    tab.say("Known")
    tab.page.evaluate(_FORGET)
    tab.reload()
    expect(tab.chat.get_by_role("alert")).to_contain_text("no longer known")
    tab.say("Begun anew")

    assert ["Begun anew"] == sent(tab)
