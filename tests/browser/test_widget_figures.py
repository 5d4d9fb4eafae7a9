"""What it costs: measured and printed, never asserted by the clock; and the pictures of the README."""

import gzip
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Attune, MakeVisit
from tests.browser.visit import Visit

SCREENSHOTS = Path(__file__).parent / "screenshots"
_LARGEST = 120_000
_LONG = 32_000


@pytest.fixture
def show(capsys: pytest.CaptureFixture[str]) -> Iterator[list[str]]:
    """Lines to print past pytest's own capture."""
    lines: list[str] = []
    yield lines
    with capsys.disabled():
        for line in lines:
            print(f"\nwidget: {line}", end="")


class Meter:
    """Milliseconds that a page's main thread has spent since the meter was made."""

    def __init__(self, page: Page) -> None:
        self._session = page.context.new_cdp_session(page)
        self._session.send("Performance.enable")
        self._last = self._read()

    def spent(self) -> dict[str, float]:
        """What was spent since it was last asked: on all of it, on scripts, on layout and style."""
        before, self._last = self._last, self._read()
        return {name: self._last[name] - before[name] for name in before}

    def _read(self) -> dict[str, float]:
        found = {each["name"]: each["value"] * 1000 for each in self._session.send("Performance.getMetrics")["metrics"]}
        return {
            "all": found["TaskDuration"],
            "script": found["ScriptDuration"],
            "layout": found["LayoutDuration"] + found["RecalcStyleDuration"],
        }


def long_reply() -> list[str]:
    """32,000 characters as a model streams them: prose, lists, tables and code, a few characters at a time."""
    part = (
        "## What the dough knows\n\nIt **rises** when it is warm and *waits* when it is cold; see [the notes](https://example.org/notes).\n\n"
        "- flour, and `water`\n- salt\n- time\n\n| hour | degrees |\n|---|---|\n| 1 | 21 |\n| 2 | 23 |\n\n"
        "```python\ndef wait(hours):\n    return 'bread' if hours > 12 else 'dough'\n```\n\n> Have another cup of tea.\n\n"
    )
    text = (part * (_LONG // len(part) + 1))[:_LONG]
    return [text[start : start + 12] for start in range(0, len(text), 12)]


def test_a_very_long_reply_is_shown_whole(visit: MakeVisit, attune: Attune, show: list[str]) -> None:
    """32,000 characters in 2,667 pieces: all of them are there at the end, as they are after a reload."""
    pieces = long_reply()
    message = attune.speaker.script("Write a very long reply", *pieces)
    tab = visit("/?persona=echo")
    tab.say("Warm up", "```python\nx = 1\n```")
    expect(tab.replies.last.locator(".hljs-number")).to_be_visible()
    meter = Meter(tab.page)
    tab.write(message)
    expect(tab.turns).to_have_count(2)
    expect(tab.turns.last.get_by_role("button", name="Good reply")).to_be_attached(timeout=60_000)
    tab.settle()
    cost = meter.spent()
    show.append(
        f"a reply of {_LONG:,} characters: main thread {cost['all']:,.0f} ms"
        f" (script {cost['script']:,.0f} ms, layout and style {cost['layout']:,.0f} ms)"
    )
    streamed = tab.replies.last.inner_text()
    assert 20_000 < len(streamed)
    tab.reload()
    expect(tab.turns).to_have_count(2)
    tab.settle()

    assert streamed == tab.replies.last.inner_text()


def test_the_first_sight_of_it(visit: MakeVisit, attune: Attune, show: list[str]) -> None:
    """A launcher on a page, then its window: the script that takes, with a warm cache, as most have it."""
    tab = visit(f"{attune.site}/blog.html")
    expect(tab.launcher).to_be_visible()
    meter = Meter(tab.page)
    tab.reload()
    expect(tab.launcher).to_be_visible()
    tab.settle()
    launched = meter.spent()
    tab.open()
    tab.settle()
    opened = meter.spent()
    show.append(
        f"first render: launcher {launched['script']:.0f} ms of script (main thread {launched['all']:.0f} ms),"
        f" its window {opened['script']:.0f} ms more (main thread {opened['all']:.0f} ms)"
    )
    assert f"{attune.url}/widget.js" in tab.asked


def test_what_is_sent(attune: Attune, show: list[str]) -> None:
    """What a visitor's browser loads, as it is sent: first the script, later the rest."""
    names = ["widget.js", *(f"assets/{name}" for name in ("extras.js", "highlight.js", "locales/ar.json"))]
    sizes = {name: len(gzip.compress(httpx.get(f"{attune.url}/{name}").content, 9)) for name in names}
    show.append("gzip -9: " + ", ".join(f"{name.removeprefix('assets/')} {size:,}" for name, size in sizes.items()))

    assert all(sizes.values())


def keep(tab: Visit, name: str) -> None:
    """Keep a picture of the page; it must be small enough for a README."""
    tab.page.mouse.move(2, 2)
    tab.settle()
    tab.page.screenshot(path=SCREENSHOTS / f"{name}.png")

    assert (SCREENSHOTS / f"{name}.png").stat().st_size < _LARGEST


def talk(tab: Visit) -> None:
    """A short conversation."""
    tab.say(
        "The bread did not rise. I even bought the good flour.",
        "That is a disappointment, after the good flour. Two usual reasons:\n\n"
        "- the **water was too hot** for the yeast\n- the kitchen was too cold, and it only needs longer\n\n"
        "How warm was it where it stood?",
    )


def test_picture_of_the_launcher(visit: MakeVisit, attune: Attune) -> None:
    """A page with the launcher."""
    tab = visit(f"{attune.site}/blog.html")
    expect(tab.launcher).to_be_visible()
    keep(tab, "launcher")


def test_picture_of_the_open_window(visit: MakeVisit, attune: Attune) -> None:
    """The window over a page, with a conversation."""
    tab = visit(f"{attune.site}/blog.html").open()
    talk(tab)
    keep(tab, "open")


def test_picture_of_a_rated_reply(visit: MakeVisit) -> None:
    """The hosted page with thumbs down and the panel."""
    tab = visit("/?persona=echo", viewport={"width": 1000, "height": 860})
    talk(tab)
    tab.button("Bad reply").click()
    tab.chat.get_by_text("Misunderstood").click()
    keep(tab, "rated")


def test_picture_in_the_dark(visit: MakeVisit) -> None:
    """The hosted page at night."""
    tab = visit("/?persona=echo", color_scheme="dark")
    talk(tab)
    tab.button("Good reply").click()
    expect(tab.button("Tell us more")).to_be_visible()
    keep(tab, "dark")


def test_picture_on_a_phone(visit: MakeVisit, attune: Attune) -> None:
    """The window on a phone."""
    tab = visit(f"{attune.site}/blog.html", viewport={"width": 390, "height": 780}, has_touch=True, is_mobile=True).open()
    talk(tab)
    keep(tab, "mobile")


def test_picture_from_right_to_left(visit: MakeVisit, attune: Attune) -> None:
    """The window in Arabic."""
    tab = visit(f"{attune.site}/blog.html?lang=ar")
    expect(tab.launcher).to_be_visible()
    tab.chat.evaluate("(chat) => chat.open()")
    expect(tab.page.locator("attune-chat .root")).to_have_attribute("dir", "rtl")
    attune.speaker.script(
        "لم ينتفخ الخبز اليوم.", "يا للأسف! غالبًا لأحد سببين:\n\n- كان **الماء ساخنًا** على الخميرة\n- كان المطبخ باردًا\n\nكم كانت الحرارة؟"
    )
    tab.write("لم ينتفخ الخبز اليوم.")
    expect(tab.button("رد سيئ")).to_be_visible()
    tab.button("رد جيد").click()
    expect(tab.button("رد جيد")).to_have_attribute("aria-pressed", "true")
    keep(tab, "right-to-left")
