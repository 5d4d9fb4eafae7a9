"""What a reply may not do: run a script, ask another host for something, dress as a part of the page, or lose a word."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Attune, MakeVisit
from tests.browser.visit import Visit

_FILE = Path(__file__).parent / "payloads.txt"
_SIGNS = {"\\n": "\n", "\\t": "\t", "\\0": "\0", "\\\\": "\\"}
_TAGS = {
    *("a", "blockquote", "br", "button", "code", "del", "div", "em", "h3", "hr", "li", "ol", "p", "pre", "span", "strong"),
    *("table", "tbody", "td", "th", "thead", "tr", "ul"),
}
_ATTRIBUTES = {"href", "class", "start", "align", "rel", "target", "tabindex", "type", "dir"}
_INSIDE = """(element) => [...element.shadowRoot.querySelectorAll(".text *")].map((one) => ({
    tag: one.localName, text: one.outerHTML.slice(0, 200), classes: [...one.classList],
    attributes: Object.fromEntries([...one.attributes].map(({ name, value }) => [name, value])) }))"""
_SAY_ALL = """async (messages) => {
    const chat = document.querySelector("attune-chat");
    for (const message of messages) {
        const replied = new Promise((done) => {
            const listen = ({ detail }) => {
                if (detail.role !== "assistant") return;
                chat.removeEventListener("attune-message", listen);
                done(detail);
            };
            chat.addEventListener("attune-message", listen);
        });
        if (!(await chat.send(message))) throw new Error(`not sent: ${message}`);
        await replied;
    }
}"""


def kinds() -> Iterator[tuple[str, list[str]]]:
    """The payloads of the file, by their kind."""
    _, *sections = re.split(r"^= (.*)\n", _FILE.read_text(), flags=re.MULTILINE)
    for kind, lines in zip(sections[::2], sections[1::2], strict=True):
        yield kind, [_decoded(line) for line in lines.splitlines() if line]


def _decoded(line: str) -> str:
    return re.sub(r"\\u([0-9a-fA-F]{4})|\\[nt0\\]", lambda found: chr(int(found[1], 16)) if found[1] else _SIGNS[found[0]], line)


PAYLOADS = dict(kinds())


def check_inside(visit: Visit) -> None:
    """Only what words need is in the replies, and no link leads anywhere but to where a link may lead."""
    found = visit.chat.evaluate(_INSIDE)
    assert found
    assert [] == [one["text"] for one in found if one["tag"] not in _TAGS or not set(one["attributes"]) <= _ATTRIBUTES]
    links = [one["attributes"] for one in found if one["tag"] == "a"]
    assert [] == [link for link in links if not re.match(r"(?:https?|mailto):", link.get("href", ""))]
    assert {"_blank"} >= {link["target"] for link in links}
    assert all({"noopener", "noreferrer"} <= set(link["rel"].split()) for link in links)
    assert [] == [one["text"] for one in found if set(one["classes"]) & {"window", "launcher", "composer", "notice", "card"}]


def test_there_are_many_payloads() -> None:
    """A hundred and more, no two alike."""
    payloads = [payload for payloads in PAYLOADS.values() for payload in payloads]
    assert len(payloads) >= 100
    assert len(payloads) == len(set(payloads))


@pytest.mark.parametrize("kind", PAYLOADS)
def test_no_reply_runs_a_script_or_reaches_another_host(visit: MakeVisit, attune: Attune, kind: str) -> None:
    """On a page without any policy of its own: not while the reply is written, cut in its middle, and not when it is shown again."""
    tab = visit(f"{attune.site}/blog.html?mode=inline")
    expect(tab.draft).to_be_visible()
    messages = []
    for number, payload in enumerate(PAYLOADS[kind]):
        half = len(payload) // 2
        messages.append(attune.speaker.script(f"{kind} {number}", "Look: ", payload[:half], payload[half:], "\n\n", payload))
    tab.page.evaluate(_SAY_ALL, messages)
    expect(tab.turns).to_have_count(len(messages))
    check_inside(tab)
    for element in tab.page.locator("attune-chat .text a, attune-chat .text p").all()[:20]:
        element.dispatch_event("pointerover")
        element.dispatch_event("mouseover")

    tab.reload()
    expect(tab.turns).to_have_count(len(messages), timeout=15_000)
    check_inside(tab)


def test_a_message_is_shown_as_it_was_written(visit: MakeVisit) -> None:
    """What the visitor writes is text, whatever it looks like, in the page and in its editor."""
    tab = visit("/?persona=echo")
    written = "<img src=x onerror=alert(1)> **not bold** [x](javascript:alert(1))"
    tab.say(written)
    message = tab.page.locator("attune-chat .message")
    expect(message).to_contain_text(written)
    assert ["bdi"] == message.evaluate("(message) => [...message.querySelectorAll('*')].map((one) => one.localName)")
    tab.turns.last.hover()
    tab.button("Edit").click()
    expect(tab.chat.get_by_role("textbox", name="Edit your message")).to_have_value(written)


def test_html_in_a_reply_is_read_as_text(visit: MakeVisit) -> None:
    """Somebody who asks for HTML gets to read it."""
    tab = visit("/?persona=echo")
    reply = tab.say("Write a paragraph in HTML", "Like this: <p class=x>Hello</p>\n\n<section>\nAnd this\n</section>")

    expect(reply).to_contain_text("<p class=x>Hello</p>")
    expect(reply).to_contain_text("<section>")


def test_an_image_is_a_link_until_somebody_wants_it(visit: MakeVisit) -> None:
    """Its host learns nothing: the words that stand for it lead to it."""
    tab = visit("/?persona=echo")
    reply = tab.say("Draw a cat", "![A cat](https://images.example/cat.png?secret=1)")
    link = reply.get_by_role("link", name="A cat")

    expect(link).to_have_attribute("href", "https://images.example/cat.png?secret=1")
    expect(link).to_have_attribute("target", "_blank")
    expect(reply.locator("img")).to_have_count(0)


def test_marks_of_direction_stay_in_their_reply(visit: MakeVisit) -> None:
    """A mark that turns the direction of writing, never closed, turns neither the next paragraph nor the buttons."""
    tab = visit("/?persona=echo")
    reply = tab.say("Turn it round", "\u202eThis is turned\n\nThis is straight. \u2067\u202b And open at its end")
    straight = reply.locator("p").last
    left = straight.evaluate(
        """(paragraph) => {
            const range = document.createRange();
            range.setStart(paragraph.firstChild, 0);
            range.setEnd(paragraph.firstChild, 4);
            return range.getBoundingClientRect().left - paragraph.getBoundingClientRect().left;
        }"""
    )
    assert abs(left) < 2
    good, bad = (tab.button(name).bounding_box() for name in ("Good reply", "Bad reply"))
    assert good is not None
    assert bad is not None
    assert good["x"] < bad["x"]


def test_a_reply_from_right_to_left_stands_at_the_right(visit: MakeVisit) -> None:
    """In a page from left to right, a paragraph in Hebrew begins at the right, and one in English at the left."""
    tab = visit("/?persona=echo")
    reply = tab.say("Say shalom", "שלום, מה שלומך?\n\nAnd in English.")
    widths = reply.evaluate(
        """(reply) => [...reply.querySelectorAll("p")].map((paragraph) => {
            const range = document.createRange();
            range.selectNodeContents(paragraph);
            const [line, box] = [range.getBoundingClientRect(), paragraph.getBoundingClientRect()];
            return [line.left - box.left, box.right - line.right];
        })"""
    )
    assert widths[0][0] > 50
    assert abs(widths[0][1]) < 2
    assert abs(widths[1][0]) < 2
