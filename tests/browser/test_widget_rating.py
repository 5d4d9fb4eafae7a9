"""Rating a reply: one click saves, a second withdraws, details for those who want to give them; offline as well."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Attune, MakeVisit
from tests.browser.speaker import HOLD
from tests.browser.visit import Visit

_KEPT = """async () => {
    const key = Object.keys(localStorage).find((key) => key.endsWith("echo.conversation"));
    const { id, token } = JSON.parse(localStorage[key]);
    const answer = await fetch(`/api/conversations/${id}`, { headers: { Authorization: `Bearer ${token}` } });
    return (await answer.json()).exchanges.map(({ rating }) => rating);
}"""


def kept(page: Page) -> list[dict[str, Any] | None]:
    """The ratings of the conversation as the service has them, oldest first."""
    found: list[dict[str, Any] | None] = page.evaluate(_KEPT)
    return found


def rated(tab: Visit, name: str, pressed: bool = True) -> None:
    """The newest reply is rated so, on the page."""
    expect(tab.button(name)).to_have_attribute("aria-pressed", "true" if pressed else "false")


def press(tab: Visit, name: str, method: str = "PUT") -> None:
    """Press a thumb and wait until the service has it."""
    with tab.page.expect_response(lambda answer: "/rating" in answer.url and answer.request.method == method and answer.ok):
        tab.button(name).click()


@pytest.fixture
def tab(visit: MakeVisit) -> Visit:
    """The hosted page with one reply."""
    tab = visit("/?persona=echo")
    tab.say("Good evening", "And to you.")
    return tab


def test_one_click_saves_and_a_second_withdraws(tab: Visit) -> None:
    """Thumbs up is kept at once, with no panel in the way; pressed again it is taken back."""
    press(tab, "Good reply")
    rated(tab, "Good reply")
    expect(tab.page.locator("attune-chat .panel")).to_have_count(0)
    expect(tab.status).to_have_text("Rated good.")
    found = kept(tab.page)[0]
    assert found is not None
    assert ("up", [], "", None) == tuple(found[name] for name in ("rating", "reasons", "comment", "correction"))
    press(tab, "Good reply", "DELETE")
    rated(tab, "Good reply", pressed=False)
    expect(tab.status).to_have_text("Rating withdrawn.")

    assert [None] == kept(tab.page)


def test_thumbs_down_asks_why_and_keeps_all_that_is_told(tab: Visit) -> None:
    """It is saved before anything is asked; reasons, a comment and the better answer are added by Save, and are there after a reload."""
    press(tab, "Bad reply")
    panel = tab.page.locator("attune-chat .panel")
    expect(panel).to_be_visible()
    assert "down" == (kept(tab.page)[0] or {})["rating"]
    better = panel.get_by_role("textbox", name="What should it have said?")
    expect(better).to_have_value("And to you.")
    panel.get_by_text("Off character").click()
    panel.get_by_text("Boring").click()
    panel.get_by_role("textbox", name="Anything else?").fill("Too short")
    better.fill("Good evening! How was your day?")
    press(tab, "Save")
    expect(panel).to_have_count(0)
    expect(tab.chat.get_by_text("Thank you.")).to_be_visible()
    tab.reload()
    rated(tab, "Bad reply")
    tab.button("Edit what you told us").click()
    expect(panel.get_by_role("checkbox", name="Boring")).to_be_checked()
    expect(panel.get_by_role("checkbox", name="Mean")).not_to_be_checked()
    expect(panel.get_by_role("textbox", name="Anything else?")).to_have_value("Too short")
    expect(better).to_have_value("Good evening! How was your day?")

    found = kept(tab.page)[0]
    assert found is not None
    assert ("down", ["boring", "off_character"], "Too short", "Good evening! How was your day?") == (
        found["rating"],
        sorted(found["reasons"]),
        found["comment"],
        found["correction"],
    )


def test_a_better_answer_that_says_the_same_is_none(tab: Visit) -> None:
    """The prefilled text, left as it is, is not kept as a correction."""
    press(tab, "Bad reply")
    tab.chat.get_by_text("Mean", exact=True).click()
    press(tab, "Save")
    found = kept(tab.page)[0]
    assert found is not None

    assert (["mean"], None) == (found["reasons"], found["correction"])


def test_what_was_not_saved_is_not_kept(tab: Visit) -> None:
    """'Not now' and Escape close the panel; the thumb stays, what was ticked does not."""
    press(tab, "Bad reply")
    tab.chat.get_by_text("Mean", exact=True).click()
    tab.button("Not now").click()
    rated(tab, "Bad reply")
    tab.button("Tell us more").click()
    expect(tab.chat.get_by_role("checkbox", name="Mean")).not_to_be_checked()
    tab.page.keyboard.press("Escape")
    expect(tab.page.locator("attune-chat .panel")).to_have_count(0)
    expect(tab.button("Tell us more")).to_be_focused()

    assert [] == (kept(tab.page)[0] or {})["reasons"]


def test_switching_the_thumb_forgets_the_old_reasons(tab: Visit) -> None:
    """What was said with thumbs down is not shown, and not kept, with thumbs up; and the panel is the other one's."""
    press(tab, "Bad reply")
    tab.chat.get_by_text("Boring").click()
    tab.chat.get_by_role("textbox", name="Anything else?").fill("Dull")
    press(tab, "Save")
    press(tab, "Good reply")
    rated(tab, "Good reply")
    rated(tab, "Bad reply", pressed=False)
    found = kept(tab.page)[0]
    assert found is not None
    assert ("up", [], "", None) == tuple(found[name] for name in ("rating", "reasons", "comment", "correction"))
    tab.button("Tell us more").click()
    expect(tab.chat.get_by_text("What was good?")).to_be_visible()
    expect(tab.chat.get_by_text("Boring")).to_have_count(0)
    expect(tab.chat.get_by_role("textbox", name="Anything else?")).to_have_value("")
    expect(tab.chat.get_by_role("textbox", name="What should it have said?")).to_have_count(0)


def test_a_quick_change_of_mind_ends_at_the_last_word(tab: Visit) -> None:
    """Three clicks faster than the line: what is shown last is what is kept."""
    for name in ("Good reply", "Bad reply", "Good reply"):
        tab.button(name).click()
    rated(tab, "Good reply")
    expect(tab.status).to_have_text("Rated good.")
    tab.page.wait_for_function("() => !Object.keys(localStorage).some((key) => key.endsWith('outbox'))")

    assert "up" == (kept(tab.page)[0] or {})["rating"]


def test_a_rating_waits_while_there_is_no_line(visit: MakeVisit) -> None:
    """Offline it is shown, said to wait, and kept across a reload; it is sent when the line is back."""
    tab = visit("/?persona=echo", rough=True)
    tab.say("Rate me offline")
    tab.page.context.set_offline(True)
    tab.button("Good reply").click()
    rated(tab, "Good reply")
    expect(tab.turns.get_by_text("Saved here, and sent as soon as the service can be reached.")).to_be_visible()
    with tab.page.expect_response(lambda answer: "/rating" in answer.url and answer.ok):
        tab.page.context.set_offline(False)
    expect(tab.turns.get_by_text("Saved here, and sent")).to_have_count(0)

    assert "up" == (kept(tab.page)[0] or {})["rating"]


def test_a_rating_that_waits_survives_a_reload(visit: MakeVisit) -> None:
    """The page is loaded again before the line is back: the rating goes out then."""
    tab = visit("/?persona=echo", rough=True)
    tab.say("Rate me and leave")
    tab.page.context.route("**/rating", lambda route: route.abort())
    tab.button("Good reply").click()
    expect(tab.turns.get_by_text("Saved here, and sent")).to_be_visible()
    tab.page.context.unroute("**/rating")
    with tab.page.expect_response(lambda answer: "/rating" in answer.url and answer.ok):
        tab.reload()
    rated(tab, "Good reply")

    assert "up" == (kept(tab.page)[0] or {})["rating"]


def test_a_rating_that_is_refused_is_taken_back(visit: MakeVisit) -> None:
    """When the service does not take it, the page says so, goes back to what was kept, and holds nothing else up."""
    tab = visit("/?persona=echo", rough=True)
    tab.say("Refuse my rating")
    press(tab, "Bad reply")
    tab.chat.get_by_role("textbox", name="What should it have said?").fill("Much longer than any reply. " * 400)
    tab.button("Save").click()
    expect(tab.chat.get_by_role("alert")).to_contain_text("could not be saved")
    rated(tab, "Bad reply")
    found = kept(tab.page)[0]
    assert found is not None
    assert ("down", None) == (found["rating"], found["correction"])
    press(tab, "Good reply")

    assert "up" == (kept(tab.page)[0] or {})["rating"]


def test_nothing_can_be_rated_before_it_is_whole(visit: MakeVisit, attune: Attune) -> None:
    """While the reply is written there are no thumbs."""
    message = attune.speaker.script("Wait with the thumbs", "Half", HOLD, " whole")
    tab = visit("/?persona=echo")
    tab.write(message)
    expect(tab.replies.last).to_have_text("Half")
    expect(tab.chat.get_by_role("button", name="Good reply")).to_have_count(0)
    attune.speaker.go_on(message)
    expect(tab.button("Good reply")).to_be_visible()


def test_two_replies_side_by_side(visit: MakeVisit) -> None:
    """Where the persona asks for it: two replies, one choice, which is kept and leaves the chosen one; the other is a page away."""
    tab = visit("/?persona=pair")
    tab.write("Which is better?")
    choice = tab.chat.get_by_role("group", name="Which reply do you prefer?")
    expect(choice).to_be_visible()
    expect(tab.replies).to_have_count(2)
    second = tab.replies.last.inner_text()
    with tab.page.expect_response(lambda answer: "/preference" in answer.url and answer.ok):
        choice.get_by_role("button", name="The second").click()
    expect(choice).to_have_count(0)
    expect(tab.replies).to_have_text([second])
    rated(tab, "Good reply")
    tab.reload()
    expect(tab.replies).to_have_count(1)
    expect(tab.chat.get_by_role("group", name="Reply").first).to_be_visible()


def test_a_choice_may_be_skipped(visit: MakeVisit) -> None:
    """Nobody has to choose; the next message goes on all the same."""
    tab = visit("/?persona=pair")
    tab.write("I will not choose")
    tab.button("Skip").click()
    expect(tab.chat.get_by_role("group", name="Which reply do you prefer?")).to_have_count(0)
    expect(tab.replies).to_have_count(1)
    tab.write("Go on")
    expect(tab.turns).to_have_count(2)
