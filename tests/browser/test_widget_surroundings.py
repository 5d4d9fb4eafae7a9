"""The element on other people's pages: unkind style sheets, strict rules, no storage; and what a page may ask of it."""

import json
from pathlib import Path

import pytest
from playwright.sync_api import Page, Playwright, expect

from tests.browser.conftest import ARGUMENTS, CHROMIUM, Attune, MakeVisit
from tests.browser.visit import Visit

_STYLE = """(element) => {
    const inside = (selector) => getComputedStyle(element.shadowRoot.querySelector(selector));
    return Object.fromEntries([".root", ".window", "#draft", ".message", ".reply", "h2"].map((selector) => {
        const style = inside(selector);
        const names = ["display", "fontFamily", "fontSize", "color", "backgroundColor", "letterSpacing", "textTransform", "direction",
            "visibility", "opacity", "transform", "pointerEvents", "borderRadius", "lineHeight", "wordSpacing", "textAlign"];
        return [selector, Object.fromEntries(names.map((name) => [name, style[name]]))];
    }));
}"""


def heard(page: Page, name: str) -> list[dict[str, object]]:
    """What the host page heard of events of this name."""
    found: list[dict[str, object]] = page.evaluate("(name) => window.heard.filter((one) => one.name === name)", name)
    return found


@pytest.mark.parametrize("attributes", ["", "mode=inline"])
def test_it_looks_the_same_on_a_page_that_is_unkind(visit: MakeVisit, attune: Attune, attributes: str) -> None:
    """`* { all: unset !important }` and worse changes nothing inside, and everything can still be seen and pressed."""
    kind, unkind = (visit(f"{attune.site}/{page}.html?{attributes}") for page in ("blog", "hostile"))
    for tab in (kind, unkind):
        if not attributes:
            tab.open()
        tab.say("Good evening")

    assert kind.chat.evaluate(_STYLE) == unkind.chat.evaluate(_STYLE)
    unkind.button("Good reply").click()
    expect(unkind.button("Good reply")).to_have_attribute("aria-pressed", "true")
    boxes = [tab.page.locator("attune-chat .window").bounding_box() for tab in (kind, unkind)]
    assert None not in boxes
    assert not attributes or boxes[0]["height"] == boxes[1]["height"]
    assert attributes or boxes[0] == boxes[1]


@pytest.mark.parametrize("page", ["strict", "trusted"])
def test_it_works_under_strict_rules(visit: MakeVisit, attune: Attune, page: str) -> None:
    """`script-src 'self'; style-src 'self'` and Trusted Types: with Attune's address allowed, all of it works and nothing is blocked."""
    tab = visit(f"{attune.site}/{page}.html").open()
    reply = tab.say(f"Write code under {page} rules", "Here:\n\n", "```python\nprint('hi')\n```\n", "\n[a link](https://example.org)")
    expect(reply.locator("pre .hljs-built_in, pre .hljs-string").first).to_be_visible()
    expect(reply.get_by_role("link", name="a link")).to_be_visible()
    tab.button("Bad reply").click()
    expect(tab.chat.get_by_text("What was wrong?")).to_be_visible()
    tab.chat.get_by_text("Boring").click()
    tab.button("Save").click()
    expect(tab.chat.get_by_text("Thank you.")).to_be_visible()


def test_our_own_page_obeys_its_own_rules(visit: MakeVisit) -> None:
    """The hosted page runs under its policy without one complaint."""
    tab = visit("/?persona=echo")
    tab.say("Write code here", "```js\nlet a = 1;\n```")
    expect(tab.replies.last.locator("pre .hljs-keyword")).to_be_visible()


def test_a_frame_on_another_site_talks(visit: MakeVisit, attune: Attune) -> None:
    """`/embed/{persona}` in a frame, on a site that the persona allows."""
    tab = visit_frame(visit, f"{attune.site}/framing.html")
    frame = tab.page.frame_locator("iframe")
    frame.locator("#draft").fill("Hello from a frame")
    frame.locator("#draft").press("Enter")
    expect(frame.locator(".reply .text")).to_have_text("You said: Hello from a frame")


def test_a_frame_that_may_remember_nothing_talks(visit: MakeVisit, attune: Attune) -> None:
    """In a sandbox without an origin there is no storage at all: one talks, rates, and loses nothing until the page is left."""
    tab = visit_frame(visit, f"{attune.site}/sandboxed.html")
    frame = tab.page.frame_locator("iframe")
    assert "denied" in tab.page.frames[1].evaluate("() => { try { return String(localStorage) } catch (error) { return 'denied' } }")
    for number in (1, 2):
        frame.locator("#draft").fill(f"Sandboxed {number}")
        frame.locator("#draft").press("Enter")
        expect(frame.locator(".reply .text")).to_have_count(number)
        expect(frame.get_by_role("button", name="Good reply")).to_have_count(number)
    frame.get_by_role("button", name="Good reply").last.click()
    expect(frame.get_by_role("button", name="Good reply").last).to_have_attribute("aria-pressed", "true")


def test_with_third_party_storage_blocked_one_can_talk(attune: Attune, playwright: Playwright, tmp_path: Path) -> None:
    """Chromium's own setting against third-party cookies, on: the frame has no storage, and all works but the memory."""
    (tmp_path / "Default").mkdir()
    settings = {"profile": {"block_third_party_cookies": True, "cookie_controls_mode": 1}}
    (tmp_path / "Default" / "Preferences").write_text(json.dumps(settings))
    context = playwright.chromium.launch_persistent_context(str(tmp_path), executable_path=CHROMIUM, args=ARGUMENTS)
    page = context.new_page()
    page.goto(f"{attune.site}/framing.html")
    blocked = page.frames[1].evaluate("() => { try { localStorage.length; return false } catch { return true } }")
    frame = page.frame_locator("iframe")
    for number in (1, 2):
        frame.locator("#draft").fill(f"Blocked {number}")
        frame.locator("#draft").press("Enter")
        expect(frame.locator(".reply .text")).to_have_count(number)
        expect(frame.get_by_role("button", name="Good reply")).to_have_count(number)
    context.close()

    assert blocked


def test_one_script_tag_is_enough(visit: MakeVisit, attune: Attune) -> None:
    """The script's own `data-` attributes put the element on the page; `data-position` says on which side."""
    tab = visit(f"{attune.site}/script.html")
    box = tab.launcher.bounding_box()
    assert box is not None
    assert box["x"] < 100
    tab.open()
    expect(tab.say("One tag")).to_have_text("You said: One tag")


def test_it_weighs_nothing_until_it_is_opened(visit: MakeVisit, attune: Attune) -> None:
    """A closed launcher asks the service for its script, and for nothing else."""
    tab = visit(f"{attune.site}/blog.html")
    expect(tab.launcher).to_be_visible()
    tab.settle()

    assert [f"{attune.url}/widget.js"] == [url for url in tab.asked if url.startswith(attune.url)]


def test_a_page_may_open_close_and_listen(visit: MakeVisit, attune: Attune) -> None:
    """`open`, `close`, `toggle`, `send` and `reset`, and the events that tell what came of them."""
    tab = visit(f"{attune.site}/blog.html")
    expect(tab.launcher).to_be_visible()
    tab.chat.evaluate("(chat) => chat.open()")
    expect(tab.draft).to_be_visible()
    tab.page.wait_for_function("() => window.heard.some(({ name }) => name === 'ready')")
    tab.chat.evaluate("(chat) => chat.close()")
    expect(tab.draft).to_be_hidden()
    tab.chat.evaluate("(chat) => chat.toggle()")
    expect(tab.draft).to_be_visible()
    assert tab.chat.evaluate("(chat) => chat.send('Sent by the page')")
    expect(tab.replies.last).to_have_text("You said: Sent by the page")
    tab.button("Good reply").click()
    tab.page.wait_for_function("() => window.heard.some(({ name }) => name === 'rating')")
    said = heard(tab.page, "message")
    tab.chat.evaluate("(chat) => chat.reset()")
    expect(tab.turns).to_have_count(0)

    assert [("user", "Sent by the page"), ("assistant", "You said: Sent by the page")] == [
        (one["detail"]["role"], one["detail"]["text"]) for one in said
    ]
    assert ["open", "close", "open"] == [one["name"] for one in tab.page.evaluate("() => window.heard") if one["name"] in {"open", "close"}]
    rated = heard(tab.page, "rating")[-1]["detail"]
    assert "up" == rated["rating"]["rating"]
    assert said[1]["detail"]["id"] == rated["id"]
    assert {"attune-chat"} == {one["target"] for one in tab.page.evaluate("() => window.heard")}


def test_an_attribute_may_change_at_any_time(visit: MakeVisit, attune: Attune) -> None:
    """Theme, language, persona and mode follow their attributes without the page being loaded again."""
    tab = visit(f"{attune.site}/blog.html?mode=inline")
    expect(tab.draft).to_be_visible()
    tab.chat.evaluate("(chat) => chat.setAttribute('theme', 'dark')")
    expect(tab.page.locator("attune-chat .root")).to_have_class("root dark")
    tab.chat.evaluate("(chat) => chat.setAttribute('lang', 'de')")
    expect(tab.draft).to_have_attribute("placeholder", "Schreib Mira")
    tab.chat.evaluate("(chat) => chat.setAttribute('persona', 'pair')")
    expect(tab.draft).to_have_attribute("placeholder", "Schreib Pair")
    tab.chat.evaluate("(chat) => chat.setAttribute('mode', 'launcher')")
    expect(tab.launcher).to_be_visible()


def test_a_page_may_choose_colours_and_sizes(visit: MakeVisit, attune: Attune) -> None:
    """Custom properties and parts reach inside; nothing else does."""
    tab = visit(f"{attune.site}/blog.html")
    tab.page.add_style_tag(content="attune-chat { --attune-accent: rgb(120, 40, 200); --attune-radius: 4px }")
    tab.page.add_style_tag(content="attune-chat::part(message) { color: rgb(1, 2, 3) }")
    assert "rgb(120, 40, 200)" == tab.launcher.evaluate("(launcher) => getComputedStyle(launcher).backgroundColor")
    tab.open()
    tab.say("Purple")
    assert "rgb(1, 2, 3)" == tab.page.locator("attune-chat .message").evaluate("(message) => getComputedStyle(message).color")
    assert "4px" == tab.page.locator("attune-chat .window").evaluate("(window) => getComputedStyle(window).borderRadius")


def test_a_site_that_is_not_allowed_gets_words(visit: MakeVisit, attune: Attune) -> None:
    """A persona that does not allow the site is not talked with there, and the element says so instead of waiting for ever."""
    persona = attune.personas / "closed.md"
    persona.write_text((attune.personas / "echo.md").read_text().replace(attune.site, "https://other.example"))
    tab = visit(f"{attune.site}/blog.html?mode=inline", rough=True)
    tab.chat.evaluate("(chat) => chat.setAttribute('persona', 'closed')")
    expect(tab.chat.get_by_role("alert")).to_be_visible()


def test_a_persona_that_is_not_there_gets_words(visit: MakeVisit, attune: Attune) -> None:
    """A wrong name is said to be one, without a button that cannot help."""
    tab = visit(f"{attune.site}/blog.html?mode=inline", rough=True)
    tab.chat.evaluate("(chat) => chat.setAttribute('persona', 'nobody')")
    expect(tab.chat.get_by_role("alert")).to_contain_text("There is nobody of this name")
    expect(tab.button("Try again")).to_have_count(0)


def visit_frame(visit: MakeVisit, address: str) -> Visit:
    """Visit a page whose frame holds the element."""
    tab = visit(address, framed=True)
    expect(tab.page.frame_locator("iframe").locator("#draft")).to_be_visible()
    return tab
