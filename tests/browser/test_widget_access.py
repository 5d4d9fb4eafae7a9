"""For everybody: by keyboard alone, with a screen reader, without motion, on a phone, in high contrast; and axe finds nothing."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Attune, MakeVisit
from tests.browser.speaker import BREAK, HOLD
from tests.browser.visit import Visit

PHONE = {"viewport": {"width": 390, "height": 780}, "has_touch": True, "is_mobile": True}
_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
_AXE = """async (rules) => {
    const { violations } = await axe.run(document.querySelector("attune-chat"), { runOnly: rules, resultTypes: ["violations"] });
    return violations.flatMap(({ id, help, nodes }) => nodes.map((node) => `${id}: ${help}: ${node.target}: ${node.failureSummary}`));
}"""
_FOCUS = """() => {
    let active = document.activeElement;
    while (active?.shadowRoot?.activeElement) active = active.shadowRoot.activeElement;
    return active?.getAttribute("aria-label") || active?.id || active?.textContent?.trim() || active?.localName;
}"""

_OUTLINE = """() => {
    let active = document.activeElement;
    while (active?.shadowRoot?.activeElement) active = active.shadowRoot.activeElement;
    const style = getComputedStyle(active);
    return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
}"""


def focus(tab: Visit) -> str:
    """The name of what has the focus."""
    found: str = tab.page.evaluate(_FOCUS)
    return found


def greeted(tab: Visit, attune: Attune) -> None:
    """Nothing was said yet."""


def answered(tab: Visit, attune: Attune) -> None:
    """A reply of all that Markdown has."""
    rich = "# Title\n\nText with `code`, *more* and [a link](https://example.org).\n\n> Quoted\n\n- one\n- two\n\n1. first\n"
    tab.say("All of it", rich + "\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```python\nprint('hi')  # a comment\n```\n\n---\n\nEnd.")
    expect(tab.replies.last.locator("pre .hljs-string")).to_be_visible()


def writing(tab: Visit, attune: Attune) -> None:
    """A reply in the making."""
    tab.write(attune.speaker.script("Still at it", "A few words", HOLD, " more."))
    expect(tab.replies.last).to_have_text("A few words")


def awaited(tab: Visit, attune: Attune) -> None:
    """A reply of which nothing has come."""
    tab.write(attune.speaker.script("Nothing yet", HOLD, "At last."))
    expect(tab.turns.last.get_by_text("Mira is replying")).to_be_visible()


def liked(tab: Visit, attune: Attune) -> None:
    """Thumbs up."""
    tab.say("Like this")
    tab.button("Good reply").click()
    expect(tab.button("Tell us more")).to_be_visible()


def disliked(tab: Visit, attune: Attune) -> None:
    """Thumbs down, with the panel open and a reason ticked."""
    tab.say("Dislike this")
    tab.button("Bad reply").click()
    tab.chat.get_by_text("Boring").click()


def varied(tab: Visit, attune: Attune) -> None:
    """Two answers and a pager."""
    tab.say("Vary this")
    tab.button("Another answer").click()
    expect(tab.chat.get_by_role("group", name="Reply 2 of 2")).to_be_visible()
    expect(tab.button("Good reply")).to_be_visible()


def edited(tab: Visit, attune: Attune) -> None:
    """A message in its editor."""
    tab.say("Edit this")
    tab.turns.last.hover()
    tab.button("Edit").click()
    expect(tab.chat.get_by_role("textbox", name="Edit your message")).to_be_visible()


def stopped(tab: Visit, attune: Attune) -> None:
    """A reply that was stopped."""
    tab.write(attune.speaker.script("Stop this", "Half", HOLD))
    expect(tab.replies.last).to_have_text("Half")
    tab.button("Stop").click()
    expect(tab.button("Answer again")).to_be_visible()


def broken(tab: Visit, attune: Attune) -> None:
    """A reply that broke off."""
    tab.write(attune.speaker.script("Break this", "Half", BREAK))
    expect(tab.button("Try again")).to_be_visible()


def refused(tab: Visit, attune: Attune) -> None:
    """A message that could not be sent."""
    expect(tab.draft).to_be_visible()
    tab.page.context.set_offline(True)
    tab.write("Not sent")
    expect(tab.chat.get_by_role("alert")).to_be_visible()


def asked(tab: Visit, attune: Attune) -> None:
    """Whether to begin anew."""
    tab.say("Begin anew?")
    tab.button("New conversation").click()
    expect(tab.button("Keep this one")).to_be_visible()


def helped(tab: Visit, attune: Attune) -> None:
    """The card for somebody in need."""
    tab.say("I want to kill myself")
    expect(tab.page.locator("attune-chat .card")).to_be_visible()


STATES: list[Callable[[Visit, Attune], None]] = [
    *(greeted, answered, writing, awaited, liked, disliked, varied, edited, stopped, broken, refused, asked, helped)
]


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_axe_finds_nothing(visit: MakeVisit, attune: Attune, axe: str, state: Callable[[Visit, Attune], None]) -> None:
    """WCAG 2.2 AA and axe's best practices, in every state of the element: light, dark, and as a launcher's window."""
    tab = visit(f"{attune.site}/blog.html", rough=True).open()
    state(tab, attune)
    tab.page.evaluate(axe)
    found: list[Any] = []
    for theme in ("light", "dark"):
        tab.chat.evaluate("(chat, theme) => chat.setAttribute('theme', theme)", theme)
        tab.settle()
        found += [f"{theme}: {one}" for one in tab.page.evaluate(_AXE, _RULES)]

    assert [] == found


@pytest.mark.parametrize("case", ["closed", "page", "phone", "arabic", "pair"])
def test_axe_finds_nothing_in_other_surroundings(visit: MakeVisit, attune: Attune, axe: str, case: str) -> None:
    """Closed, as a page of its own, on a phone, from right to left, with two replies side by side."""
    tab = visit(
        "/?persona=pair" if case == "pair" else "/?persona=echo" if case == "page" else f"{attune.site}/blog.html", **_options(case)
    )
    if case == "pair":
        tab.write("Two at once, please")
        expect(tab.chat.get_by_role("group", name="Which reply do you prefer?")).to_be_visible()
    elif case == "page":
        tab.say("A page of its own")
    elif case == "arabic":
        tab.chat.evaluate("(chat) => chat.setAttribute('lang', 'ar')")
        expect(tab.page.locator("attune-chat .root")).to_have_attribute("dir", "rtl")
        tab.open()
    elif case == "phone":
        tab.open()
        tab.say("On a phone")
    tab.page.evaluate(axe)

    assert [] == tab.page.evaluate(_AXE, _RULES)


def _options(case: str) -> dict[str, Any]:
    return PHONE if case == "phone" else {}


def test_axe_looks_inside(visit: MakeVisit, axe: str) -> None:
    """That it finds nothing is not because it sees nothing: a button without a name, put into the element, is found."""
    tab = visit("/?persona=echo")
    expect(tab.draft).to_be_visible()
    tab.chat.evaluate("(chat) => chat.shadowRoot.querySelector('.main').append(document.createElement('button'))")
    tab.page.evaluate(axe)

    assert ["button-name"] == [one.partition(":")[0] for one in tab.page.evaluate(_AXE, _RULES)]


def test_all_of_it_can_be_done_by_keyboard(visit: MakeVisit, attune: Attune) -> None:
    """Open, write, rate, tell why, save and close without a mouse; every stop shows where one is."""
    tab = visit(f"{attune.site}/blog.html")
    expect(tab.launcher).to_be_visible()
    keyboard = tab.page.keyboard
    tab.launcher.focus()
    keyboard.press("Enter")
    expect(tab.draft).to_be_focused()
    keyboard.type("By keyboard")
    keyboard.press("Enter")
    expect(tab.button("Good reply")).to_be_visible()
    expect(tab.draft).to_be_focused()
    stops = []
    for _ in range(20):
        keyboard.press("Shift+Tab")
        stops.append(focus(tab))
        outline = tab.page.evaluate(_OUTLINE)
        assert outline, f"{stops[-1]} does not show that it has the focus"
        if stops[-1] == "Bad reply":
            break
    assert {"Another answer", "Copy"} <= set(stops)
    keyboard.press("Space")
    expect(tab.chat.get_by_role("checkbox", name="Misunderstood")).to_be_visible()
    tab.button("Save").focus()
    keyboard.press("Enter")
    expect(tab.button("Tell us more")).to_be_focused()
    tab.button("Bad reply").focus()
    keyboard.press("Escape")
    expect(tab.draft).to_be_hidden()
    expect(tab.launcher).to_be_focused()


def test_escape_closes_and_gives_the_focus_back(visit: MakeVisit, attune: Attune) -> None:
    """From anywhere inside; the page's own keys are not heard inside, and the element's not outside."""
    tab = visit(f"{attune.site}/blog.html").open()
    expect(tab.launcher).to_have_attribute("aria-expanded", "true")
    expect(tab.draft).to_be_focused()
    tab.page.keyboard.press("Escape")
    expect(tab.launcher).to_have_attribute("aria-expanded", "false")
    expect(tab.launcher).to_be_focused()
    tab.open()
    tab.page.locator("#ask").focus()
    tab.page.keyboard.press("Escape")
    expect(tab.draft).to_be_visible()


def test_a_screen_reader_hears_that_and_then_what_is_replied(visit: MakeVisit, attune: Attune) -> None:
    """'Is replying' at the start, after seven seconds that it still is, at the end the whole reply once; the log itself is silent."""
    tab = visit("/?persona=echo")
    tab.page.clock.install()
    message = attune.speaker.script("Tell me slowly", "The beginning", HOLD, " and **the end**.")
    tab.write(message)
    expect(tab.status).to_have_text("Mira is replying")
    log = tab.chat.get_by_role("log", name="Conversation with Mira")
    expect(log).to_have_attribute("aria-live", "off")
    expect(log).to_have_attribute("aria-busy", "true")
    expect(tab.replies.last).to_have_text("The beginning")
    expect(tab.status).to_have_text("Mira is replying")
    tab.page.clock.fast_forward(8_000)
    expect(tab.status).to_have_text("Mira is still replying")
    attune.speaker.go_on(message)
    expect(tab.status).to_have_text("Mira said:The beginning and the end.")
    expect(log).to_have_attribute("aria-busy", "false")
    assert "polite" == tab.status.get_attribute("aria-live")


def test_trouble_is_told_at_once(visit: MakeVisit) -> None:
    """What went wrong is an alert; the way out is the next stop of the keyboard."""
    tab = visit("/?persona=echo", rough=True)
    expect(tab.draft).to_be_visible()
    tab.page.context.set_offline(True)
    tab.write("Is anybody there?")
    expect(tab.chat.get_by_role("alert")).to_contain_text("You are offline.")
    tab.page.keyboard.press("Shift+Tab")
    assert focus(tab).startswith("Send again")


def test_nothing_moves_for_those_who_asked_for_that(visit: MakeVisit, attune: Attune) -> None:
    """With reduced motion there is no animation and no transition anywhere in the element; with motion none is longer than 150 ms."""
    still, moving = (visit(f"{attune.site}/blog.html", reduced_motion=motion).open() for motion in ("reduce", "no-preference"))
    for tab in (still, moving):
        tab.say("Move")
        tab.button("Bad reply").click()
    times = """(chat) => [...chat.shadowRoot.querySelectorAll("*")].flatMap((one) => {
        const style = getComputedStyle(one);
        return [...style.transitionDuration.split(","), ...(style.animationName === "none" ? [] : style.animationDuration.split(","))];
    }).map(parseFloat)"""
    assert {0} == set(still.chat.evaluate(times))
    assert 0 < max(moving.chat.evaluate(times)) <= 0.15


def test_on_a_phone_the_window_is_the_screen(visit: MakeVisit, attune: Attune) -> None:
    """Edge to edge, the page behind out of reach, targets large enough for a thumb, no zoom when one writes; and the way back."""
    tab = visit(f"{attune.site}/blog.html", **PHONE).open()
    window = tab.page.locator("attune-chat .window")
    assert {"x": 0, "y": 0, "width": 390, "height": 780} == window.bounding_box()
    assert tab.page.locator("main").evaluate("(main) => main.inert")
    tab.say("From a phone")
    small = tab.chat.evaluate(
        """(chat) => [...chat.shadowRoot.querySelectorAll("button, textarea")].filter((one) => one.checkVisibility()).flatMap((one) => {
            const { width, height } = one.getBoundingClientRect();
            return Math.min(width, height) < 24 ? [`${one.getAttribute("aria-label")} ${width} ${height}`] : [];
        })"""
    )
    assert [] == small
    assert 16 <= float(tab.draft.evaluate("(draft) => parseFloat(getComputedStyle(draft).fontSize)"))
    assert tab.page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    tab.chat.get_by_role("button", name="Close").first.click()
    expect(tab.draft).to_be_hidden()
    assert not tab.page.locator("main").evaluate("(main) => main.inert")


def test_four_times_the_text_size_still_fits(visit: MakeVisit, attune: Attune) -> None:
    """At 320 CSS pixels (400 % zoom) nothing is cut off at the side and everything can be reached."""
    tab = visit(f"{attune.site}/blog.html", viewport={"width": 320, "height": 256}).open()
    tab.say("Enlarged")
    wide = tab.chat.evaluate(
        """(chat) => [...chat.shadowRoot.querySelectorAll("button, textarea, p")].filter((one) => one.checkVisibility()).flatMap((one) => {
            const { left, right } = one.getBoundingClientRect();
            return left < -1 || right > innerWidth + 1 ? [one.outerHTML.slice(0, 80)] : [];
        })"""
    )
    assert [] == [one for one in wide if "unseen" not in one]
    expect(tab.draft).to_be_in_viewport()


def test_forced_colours_leave_everything_to_be_seen(visit: MakeVisit, attune: Attune) -> None:
    """In the system's high contrast the launcher and the send button have an edge."""
    tab = visit(f"{attune.site}/blog.html", forced_colors="active")
    border = "(button) => parseFloat(getComputedStyle(button).borderTopWidth)"
    assert 0 < tab.launcher.evaluate(border)
    tab.open()
    assert 0 < tab.button("Send").evaluate(border)
