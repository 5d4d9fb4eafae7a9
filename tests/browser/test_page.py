"""The chat page at `/`, in a real browser, as a person uses it, answered by the small model that ships."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.conftest import Up
from tests.processes import attune

SCREENSHOTS = Path(__file__).parent / "screenshots"


@pytest.fixture
def page(browser: Browser, up: Up) -> Iterator[Page]:
    """The page, opened by a new visitor; anything the browser complains of fails the test."""
    context = browser.new_context(viewport={"width": 1000, "height": 760}, reduced_motion="reduce", locale="en-GB")
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(up.url)
    yield page
    context.close()
    assert [] == complaints


def say(page: Page, message: str, count: int) -> None:
    """Type a message, send it with Enter, and wait for the `count`th reply to be whole."""
    page.locator("#draft").fill(message)
    page.locator("#draft").press("Enter")
    expect(page.locator(".turn")).to_have_count(count, timeout=30_000)
    expect(page.get_by_role("button", name="Good reply")).to_have_count(count, timeout=60_000)


def newest(up: Up) -> dict[str, str]:
    """The newest exchange, as the operator's list shows it."""
    found: dict[str, str] = json.loads(attune(up.environment, "exchanges", "list", "--limit", "1", "--json").stdout)[0]
    return found


def test_a_person_chats_and_rates_and_finds_it_all_after_a_reload(page: Page, up: Up) -> None:
    """A message is answered; thumbs down with a reason is kept at once; after a reload reply and rating are still there."""
    say(page, "I burned my dinner again.", 1)
    reply = page.locator(".reply .text").first.inner_text()
    assert reply.strip()
    page.get_by_role("button", name="Bad reply").click()
    expect(page.get_by_role("button", name="Bad reply")).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".panel")).to_be_visible()
    page.screenshot(path=SCREENSHOTS / "chat.png")
    assert "down" == newest(up)["rating"]

    page.reload()
    expect(page.locator(".turn")).to_have_count(1, timeout=15_000)
    expect(page.get_by_role("button", name="Bad reply")).to_have_attribute("aria-pressed", "true")


def test_a_second_press_withdraws_a_rating(page: Page, up: Up) -> None:
    """Thumbs up, pressed twice, leaves no rating."""
    say(page, "Tell me something nice.", 1)
    thumb = page.get_by_role("button", name="Good reply")
    thumb.click()
    expect(thumb).to_have_attribute("aria-pressed", "true")
    with page.expect_response(lambda response: response.request.method == "DELETE"):
        thumb.click()
    expect(thumb).to_have_attribute("aria-pressed", "false")

    assert None is newest(up)["rating"]


def test_the_conversation_goes_on_and_the_model_sees_what_was_said(page: Page, up: Up) -> None:
    """A second message lands in the same conversation, after the first."""
    say(page, "My sister has a new dog.", 1)
    say(page, "It is very small.", 2)
    listed = json.loads(attune(up.environment, "exchanges", "list", "--limit", "2", "--json").stdout)

    assert ["It is very small.", "My sister has a new dog."] == [exchange["message"] for exchange in listed]


def test_the_page_talks_to_nobody_else(browser: Browser, up: Up) -> None:
    """No request leaves for another host."""
    page = browser.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(up.url)
    expect(page.locator("#draft")).to_be_visible()
    page.close()

    assert asked
    assert [] == [url for url in asked if not url.startswith((up.url, "data:"))]
