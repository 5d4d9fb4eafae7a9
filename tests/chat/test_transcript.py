"""The words of one reply: every reader hears all of them, whenever they come, and hears that there is silence."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from service.chat.transcript import Event, Transcript

pytestmark = pytest.mark.anyio


async def gathered(source: AsyncIterator[list[Event]]) -> list[list[Event]]:
    async with asyncio.timeout(20):
        return [events async for events in source]


async def test_events_are_numbered_and_found_again_from_any_number() -> None:
    """Whatever words were told, in any alphabet and even half characters, they are given back from every number on."""
    transcript, words = Transcript(), ["Hi", " Zoë", " 日本", "👍🏽", "\ud83d", " "]
    for word in words:
        transcript.tell("delta", word)
    transcript.tell("done")
    whole = [*(Event(number, "delta", word) for number, word in enumerate(words, 1)), Event(7, "done")]
    assert len(transcript) == 7
    assert transcript.text == "".join(words)
    assert [transcript.since(after) for after in range(9)] == [whole[after:] for after in range(9)]


async def test_what_came_together_is_heard_together() -> None:
    """A reader that was busy gets all that was told meanwhile at once; the last event ends its listening."""
    transcript = Transcript()
    reading = transcript.follow()
    transcript.tell("delta", "One")
    transcript.tell("delta", " two")
    assert [event.text for event in await anext(reading)] == ["One", " two"]
    transcript.tell("delta", " three")
    transcript.tell("error")
    assert await gathered(reading) == [[Event(3, "delta", " three"), Event(4, "error")]]
    assert await gathered(transcript.follow(4)) == []


async def test_silence_is_told_and_loses_nothing() -> None:
    """While nothing is said a reader hears nothing, again and again; what is then said comes whole."""
    transcript = Transcript()
    reading = transcript.follow(silence=0.01)
    async with asyncio.timeout(20):
        assert [await anext(reading) for _ in range(3)] == [[], [], []]
    transcript.tell("delta", "At last")
    transcript.tell("done")
    assert [events for events in await gathered(reading) if events] == [[Event(1, "delta", "At last"), Event(2, "done")]]


async def test_where_much_is_said_there_is_no_silence() -> None:
    """Words that come more often than the silence lasts leave no room for it."""
    transcript = Transcript()

    async def speak() -> None:
        for _ in range(50):
            transcript.tell("delta", "word ")
            await asyncio.sleep(0.002)
        transcript.tell("done")

    speaking = asyncio.create_task(speak())
    heard = await gathered(transcript.follow(silence=30))
    await speaking
    assert [] not in heard
    assert [event.number for events in heard for event in events] == list(range(1, 52))


async def test_readers_do_not_hinder_each_other() -> None:
    """One that is cancelled while it waits, and one that closes its reading, leave the others all their words."""
    transcript = Transcript()
    cancelled = asyncio.create_task(gathered(transcript.follow()))
    staying = asyncio.create_task(gathered(transcript.follow()))
    closed = transcript.follow()
    transcript.tell("delta", "One")
    assert await anext(closed) == [Event(1, "delta", "One")]
    await asyncio.sleep(0)
    cancelled.cancel()
    await closed.aclose()  # type: ignore[attr-defined]  # an async generator
    await asyncio.wait([cancelled])
    transcript.tell("done")
    assert [event for events in await staying for event in events] == [Event(1, "delta", "One"), Event(2, "done")]
