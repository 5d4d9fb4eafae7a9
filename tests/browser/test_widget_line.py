"""The line is cut while a reply is written, or the service is: nothing is doubled, nothing is lost, and there is a way on."""

import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from subprocess import Popen

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Attune, MakeVisit, write_personas
from tests.browser.line import Line
from tests.browser.speaker import HOLD, Speaker
from tests.processes import answers, environment, free_port, running, until

PIECES = [f"Piece {number} of what is said. " for number in range(60)]


def test_a_reply_goes_on_after_the_line_was_cut(visit: MakeVisit, attune: Attune, line: Line) -> None:
    """Cut in its middle and mended: 'Reconnecting' meanwhile, then every piece once, in order; and only one exchange was made."""
    message = attune.speaker.script("Talk through a cut", *PIECES[:20], HOLD, *PIECES[20:])
    tab = visit(f"{line.url}/?persona=echo", rough=True)
    tab.write(message)
    expect(tab.replies.last).to_contain_text("Piece 19")
    line.cut()
    expect(tab.chat.get_by_text("Reconnecting …")).to_be_visible()
    attune.speaker.go_on(message)
    line.mend()
    expect(tab.replies.last).to_contain_text("Piece 59", timeout=20_000)
    expect(tab.button("Good reply")).to_be_visible()
    expect(tab.chat.get_by_text("Reconnecting …")).to_have_count(0)

    assert "".join(PIECES).strip() == tab.replies.last.inner_text()
    assert 1 == len([url for url in tab.asked if url.endswith("/exchanges")])
    assert 1 == [turns[-1]["content"] for turns in attune.speaker.asked].count(message)


def test_a_reply_goes_on_after_two_cuts_and_a_reload(visit: MakeVisit, attune: Attune, line: Line) -> None:
    """The page itself is loaded again in the middle: what was said is there, and the rest comes."""
    message = attune.speaker.script("Talk through it all", *PIECES[:10], HOLD, *PIECES[10:20])
    tab = visit(f"{line.url}/?persona=echo", rough=True)
    tab.write(message)
    expect(tab.replies.last).to_contain_text("Piece 9")
    for _ in range(2):
        line.cut()
        expect(tab.chat.get_by_text("Reconnecting …")).to_be_visible()
        line.mend()
        expect(tab.chat.get_by_text("Reconnecting …")).to_have_count(0, timeout=20_000)
    tab.reload()
    expect(tab.replies.last).to_contain_text("Piece 9")
    attune.speaker.go_on(message)
    expect(tab.button("Good reply")).to_be_visible()

    assert "".join(PIECES[:20]).strip() == tab.replies.last.inner_text()


def test_offline_in_the_middle_of_a_reply(visit: MakeVisit, attune: Attune) -> None:
    """The browser itself goes offline and online again, and the reply goes on."""
    message = attune.speaker.script("Talk through a tunnel", *PIECES[:5], HOLD, *PIECES[5:10])
    tab = visit("/?persona=echo", rough=True)
    tab.write(message)
    expect(tab.replies.last).to_contain_text("Piece 4")
    tab.page.context.set_offline(True)
    attune.speaker.go_on(message)
    tab.page.wait_for_timeout(500)
    tab.page.context.set_offline(False)
    expect(tab.button("Good reply")).to_be_visible(timeout=20_000)

    assert "".join(PIECES[:10]).strip() == tab.replies.last.inner_text()


def test_a_message_whose_answer_was_cut_off_is_not_sent_twice(visit: MakeVisit, attune: Attune, line: Line) -> None:
    """The service took the message, but the line was cut before the page heard of it: sending again finds it."""
    message = attune.speaker.script("Was it taken?", "It was", HOLD, ".")
    tab = visit(f"{line.url}/?persona=echo", rough=True)
    tab.say("Before")
    line.deafen()
    tab.write(message)
    until(lambda: any(turns[-1]["content"] == message for turns in attune.speaker.asked), 10, "message")
    line.cut()
    expect(tab.button("Send again")).to_be_visible()
    expect(tab.draft).to_have_value(message)
    line.mend()
    attune.speaker.go_on(message)
    tab.button("Send again").click()
    expect(tab.replies).to_have_count(2)
    expect(tab.replies.last).to_have_text("It was.")
    expect(tab.draft).to_have_value("")

    assert 1 == [turns[-1]["content"] for turns in attune.speaker.asked].count(message)


class Restarted:
    """Attune as a process of its own, that can be killed and started again."""

    def __init__(self, home: Path, model: str, stack: ExitStack) -> None:
        self._home, self._stack, self._port = home, stack, free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        (home / "attune.toml").write_text(f'[providers.script]\nbase_url = "{model}"\n')
        write_personas(home / "personas", "https://other.example")

    def start(self) -> "Popen[bytes]":
        """Start it and wait until it answers."""
        settings = {
            "ATTUNE_PORT": str(self._port),
            "ATTUNE_PERSONAS": str(self._home / "personas"),
            "ATTUNE_PROVIDERS": str(self._home / "attune.toml"),
        }
        command = [sys.executable, "-m", "service", "serve"]
        process = self._stack.enter_context(running(command, environment(self._home, **settings), self._home / "serve.log"))
        until(lambda: answers(f"{self.url}/health/live"), 60, "service")
        return process


@pytest.fixture
def restarted(speaker: tuple[Speaker, str], tmp_path: Path) -> Iterator[Restarted]:
    """A service for one test."""
    with ExitStack() as stack:
        yield Restarted(tmp_path, speaker[1], stack)


def test_the_service_is_killed_and_started_again_in_the_middle(
    restarted: Restarted, visit: MakeVisit, speaker: tuple[Speaker, str]
) -> None:
    """What it had kept of the reply is shown, once, with why it ended; asked again, the reply comes whole, and can be rated."""
    process = restarted.start()
    message = speaker[0].script("Talk through a restart", "Some words, ", "some more,", HOLD, " and the end.")
    tab = visit(f"{restarted.url}/?persona=echo", rough=True)
    tab.write(message)
    expect(tab.replies.last).to_contain_text("some more,")
    tab.page.wait_for_timeout(1_500)  # what was said is kept each second
    process.send_signal(signal.SIGKILL)
    process.wait()
    expect(tab.chat.get_by_text("Reconnecting …")).to_be_visible()
    restarted.start()
    expect(tab.chat.get_by_text("Mira was interrupted.")).to_be_visible(timeout=60_000)

    assert "Some words, some more," == tab.replies.last.inner_text()
    assert 1 == tab.turns.count()
    speaker[0].go_on(message)
    tab.button("Try again").click()
    expect(tab.replies.last).to_have_text("Some words, some more, and the end.")
    tab.button("Good reply").click()
    expect(tab.status).to_have_text("Rated good.")
