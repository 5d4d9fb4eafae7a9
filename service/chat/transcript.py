"""The words of one reply as they come, kept in little room, and those who listen to them."""

import asyncio
from array import array
from collections.abc import AsyncIterator
from typing import NamedTuple

_DELTA = "delta"


class Event(NamedTuple):
    """What a reader sees: `delta` with text, and at the end `done` or `error`. `number` counts from 1."""

    number: int
    kind: str
    text: str = ""


class Transcript:
    """All events of a reply, for as many readers as there are, whenever they come."""

    def __init__(self) -> None:
        # The words in one piece, and where each delta ends: a list of events would take twenty times the room.
        self._words = bytearray()
        self._ends = array("I")
        self._last: Event | None = None
        self._ears: list[_Ear] = []

    def __len__(self) -> int:
        return len(self._ends) + (self._last is not None)

    @property
    def text(self) -> str:
        """All words so far."""
        return _text(self._words)

    def tell(self, kind: str, text: str = "") -> None:
        """Add an event and wake the readers."""
        if kind == _DELTA:
            self._words += text.encode("utf-8", "surrogatepass")
            self._ends.append(len(self._words))
        else:
            self._last = Event(len(self._ends) + 1, kind, text)
        for ear in self._ears:
            ear.hear()

    def since(self, after: int = 0) -> list[Event]:
        """The events after number `after`."""
        words, ends = self._words, self._ends
        start = ends[after - 1] if 0 < after <= len(ends) else 0
        events = []
        for number in range(after, len(ends)):
            end = ends[number]
            events.append(Event(number + 1, _DELTA, _text(words[start:end])))
            start = end
        if self._last is not None and after < self._last.number:
            events.append(self._last)
        return events

    async def follow(self, after: int = 0, silence: float | None = None) -> AsyncIterator[list[Event]]:
        """Yield the events after number `after`, all that came at once, up to the last; none after every `silence` seconds without any."""
        ear = _Ear(silence)
        self._ears.append(ear)
        try:
            while True:
                if after < len(self):
                    events = self.since(after)
                    after += len(events)
                    yield events
                elif self._last is not None:
                    return
                elif not await ear.listen():
                    yield []
        finally:
            ear.close()
            self._ears.remove(ear)


class _Ear:
    """One reader's waiting, for news or for a silence that lasts. One timer for a whole stream, set again only when it rings."""

    def __init__(self, silence: float | None) -> None:
        self._loop = asyncio.get_running_loop()
        self._silence = silence
        self._since = self._loop.time()
        self._news: asyncio.Future[bool] | None = None
        self._timer = self._loop.call_later(silence, self._ring, silence) if silence else None

    async def listen(self) -> bool:
        """Wait for news; False when there was silence for as long as that is borne."""
        self._news = self._loop.create_future()
        return await self._news

    def hear(self) -> None:
        """There is news."""
        self._since = self._loop.time()
        self._settle(True)

    def close(self) -> None:
        """Listen no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _ring(self, silence: float) -> None:
        now = self._loop.time()
        if now >= self._since + silence:
            self._since = now
            self._settle(False)
        self._timer = self._loop.call_at(self._since + silence, self._ring, silence)

    def _settle(self, came: bool) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(came)


def _text(words: bytearray) -> str:
    return words.decode("utf-8", "surrogatepass")
