"""A visitor in front of the element, and what the browser complained of meanwhile."""

from typing import Any

from playwright.sync_api import Locator, Page, Request, expect

from tests.browser.speaker import Speaker

_CONNECTION = ("Failed to load resource", "net::ERR_", "the server responded with a status of")
"""How Chromium begins, or what it says, when it complains of a connection that a test has cut or of a status that it asked for."""


class Visit:
    """One tab. The locators reach into the element, whose root is open."""

    def __init__(self, page: Page, speaker: Speaker, known: tuple[str, ...], rough: bool) -> None:
        self.page = page
        self.speaker = speaker
        self.rough = rough
        self.asked: list[str] = []
        self._known = known
        self._complaints: list[str] = []
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self._complaints.append(str(error)))
        page.on("dialog", lambda dialog: (self._complaints.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("request", self._see)
        page.on("popup", lambda opened: self._complaints.append(f"a page opened: {opened.url}"))

    def goto(self, url: str, framed: bool = False) -> None:
        """Open the page and wait until the element is there; `framed`, it is in a frame of the page."""
        self.page.goto(url)
        if not framed:
            expect(self.page.locator("attune-chat").first).to_be_attached()

    @property
    def chat(self) -> Locator:
        """The element."""
        return self.page.locator("attune-chat")

    @property
    def launcher(self) -> Locator:
        """What opens it."""
        return self.page.locator("#launcher")

    @property
    def draft(self) -> Locator:
        """Where a message is written."""
        return self.page.locator("#draft")

    @property
    def turns(self) -> Locator:
        """What was said, with the replies."""
        return self.page.locator("attune-chat .turn")

    @property
    def replies(self) -> Locator:
        """The texts of the replies."""
        return self.page.locator("attune-chat .reply .text")

    @property
    def status(self) -> Locator:
        """What a screen reader is told."""
        return self.page.locator("attune-chat #status")

    def button(self, name: str) -> Locator:
        """The newest button of this name."""
        return self.chat.get_by_role("button", name=name, exact=True).last

    def open(self) -> "Visit":
        """Open the launcher's window."""
        self.launcher.click()
        expect(self.draft).to_be_visible()
        return self

    def write(self, message: str) -> None:
        """Type a message and press Enter."""
        self.draft.fill(message)
        self.draft.press("Enter")

    def say(self, message: str, *pieces: str) -> Locator:
        """Say something and wait for the whole reply, which is `pieces` if there are any; the reply."""
        before = self.turns.count()
        if pieces:
            self.speaker.script(message, *pieces)
        self.write(message)
        expect(self.turns).to_have_count(before + 1)
        expect(self.button("Good reply")).to_be_visible()
        expect(self.page.locator("attune-chat #log")).to_have_attribute("aria-busy", "false")
        expect(self.page.locator("attune-chat .turn").last.get_by_role("button", name="Good reply")).to_be_visible()
        return self.replies.last

    def reload(self) -> None:
        """Load the page again."""
        self.page.reload()
        expect(self.page.locator("attune-chat").first).to_be_attached()

    def settle(self) -> None:
        """Let the page draw what it has: two frames."""
        self.page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def stop_looking(self) -> None:
        """What comes from now on is the end of the test."""
        self.page.remove_listener("request", self._see)
        self.page.remove_listener("console", self._hear)

    def check(self) -> None:
        """Nothing was complained of, and nobody else was asked."""
        assert [] == [url for url in self.asked if not url.startswith((*self._known, "data:", "blob:", "about:"))], (
            "somebody else was asked"
        )
        assert [] == self._complaints

    def _hear(self, message: Any) -> None:
        if message.type not in {"error", "warning"}:
            return
        if self.rough and any(part in message.text for part in _CONNECTION):
            return
        self._complaints.append(message.text)

    def _see(self, request: Request) -> None:
        self.asked.append(request.url)
