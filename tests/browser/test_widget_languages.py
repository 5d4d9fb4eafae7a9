"""The element in the seven languages that ship with it, and in those that do not."""

import json
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Attune, MakeVisit

_LOCALES = Path(__file__).parents[2] / "service" / "web" / "frontend" / "src" / "locales"
LANGUAGES = ["ar", "de", "es", "fr", "ja", "zh"]


def words(language: str) -> dict[str, str]:
    """What the element says in a language."""
    found: dict[str, str] = json.loads((_LOCALES / f"{language}.json").read_text())
    return found


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_whole_talk_in_another_language(visit: MakeVisit, attune: Attune, language: str) -> None:
    """Greeted, answered, rated with a reason and thanked in the language of the page, from the side on which it begins."""
    table = words(language)
    tab = visit(f"{attune.site}/blog.html?mode=inline&lang={language}")
    expect(tab.draft).to_have_attribute("placeholder", table["placeholder"].replace("{title}", "Mira"))
    expect(tab.page.locator("attune-chat .root")).to_have_attribute("dir", table["dir"])
    expect(tab.chat.get_by_text(table["suggestion_1"])).to_be_visible()
    tab.write(f"In {language}")
    expect(tab.button(table["good"])).to_be_visible()
    tab.button(table["bad"]).click()
    expect(tab.chat.get_by_text(table["what_bad"])).to_be_visible()
    tab.chat.get_by_text(table["reason_boring"]).click()
    tab.button(table["save"]).click()
    expect(tab.chat.get_by_text(table["thanks"])).to_be_visible()
    shown = tab.page.locator("attune-chat .root").inner_text()
    for english in ("Write to", "Good reply", "Tell us more", "Your ratings", "not a person"):
        assert english not in shown


def test_the_browser_says_which_language(visit: MakeVisit) -> None:
    """The hosted page speaks the visitor's language, or the nearest it has; where it has none, English."""
    for locale, language in (("de-AT", "de"), ("zh-Hant-TW", "zh"), ("nl-NL", "en")):
        tab = visit("/?persona=echo", locale=locale)
        expected = words(language)["placeholder"].replace("{title}", "Mira")
        expect(tab.draft).to_have_attribute("placeholder", expected)
        expect(tab.page.locator("html")).to_have_attribute("lang", language)


def test_from_right_to_left_everything_is_mirrored(visit: MakeVisit, attune: Attune) -> None:
    """In Arabic one's own messages are at the left, the replies' buttons begin at the right, and code still runs from left to right."""
    tab = visit(f"{attune.site}/blog.html?mode=inline&lang=ar")
    expect(tab.page.locator("attune-chat .root")).to_have_attribute("dir", "rtl")
    attune.speaker.script("مرحبا", "أهلًا بك!\n\n- واحد\n- اثنان\n\n```python\nprint(1)\n```")
    tab.write("مرحبا")
    table = words("ar")
    expect(tab.button(table["good"])).to_be_visible()
    boxes = [tab.page.locator(f"attune-chat {part}").bounding_box() for part in (".column.content", ".message", ".reply")]
    column, message, reply = (box for box in boxes if box is not None)
    assert message["x"] + message["width"] / 2 < column["x"] + column["width"] / 2
    assert reply["x"] + reply["width"] > column["x"] + column["width"] - 40
    good, bad = (tab.button(table[name]).bounding_box() for name in ("good", "bad"))
    assert good is not None
    assert bad is not None
    assert good["x"] > bad["x"]
    assert "rtl" == tab.page.locator("attune-chat li").first.evaluate("(item) => getComputedStyle(item).direction")
    assert "ltr" == tab.page.locator("attune-chat pre").evaluate("(pre) => getComputedStyle(pre).direction")
    send = tab.button(table["send"]).bounding_box()
    draft = tab.draft.bounding_box()
    assert send is not None
    assert draft is not None
    assert send["x"] < draft["x"]


def test_a_language_that_cannot_be_fetched_is_english(visit: MakeVisit, attune: Attune) -> None:
    """The element does not wait for words: without the file it speaks English."""
    tab = visit(f"{attune.site}/blog.html", rough=True)
    tab.page.context.route("**/assets/locales/de.json", lambda route: route.abort())
    tab.chat.evaluate("(chat) => chat.setAttribute('lang', 'de')")
    tab.open()
    expect(tab.draft).to_have_attribute("placeholder", "Write to Mira")
