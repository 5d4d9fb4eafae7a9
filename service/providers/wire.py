"""The HTTP way to one provider: a JSON question goes out, lines come back, patience has bounds, and the wire's errors are made ours.

aiohttp without httpx around it: this is the hot path, and httpx costs more there than the reading itself.
"""

import asyncio
from collections.abc import Mapping
from contextlib import closing, suppress
from types import TracebackType
from typing import Any

import aiohttp
import httpx
import msgspec

from service.providers.base import Timeouts
from service.providers.failure import Failure, failure_of

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding a line raises: no JSON or another shape, no UTF-8, nested too deep."""

_LONGEST_LINE = 1_000_000
_LONGEST_ERROR = 64 * 1024
_TAIL_SECONDS = 0.25
_WIRE_ERRORS = (aiohttp.ClientError, OSError)


class Patience:
    """Ends a wait that takes too long: from the question to the first token, and from one sign of life to the next after it.

    One timer for a whole stream, set again only when it rings: a bound around each read would cost more than the reading.
    Only waiting counts. Whoever holds a piece for an hour has not been kept waiting by the provider.
    """

    def __init__(self, name: str, timeouts: Timeouts) -> None:
        self._name = name
        self._between = timeouts.between_tokens
        self._limit = timeouts.first_token
        self._loop = asyncio.get_running_loop()
        self._since = self._paused_at = self._loop.time()
        self._speaking = False
        self._ended = False
        self.wait()
        self._timer = self._loop.call_at(self._since + self._limit, self._ring)

    def wait(self) -> None:
        """From here on time counts, for the task that is running now."""
        task = asyncio.current_task()
        assert task is not None, "a provider is asked from within a task"
        self._task = task
        self._cancelling = task.cancelling()
        self._since += self._loop.time() - self._paused_at
        self._waiting = True

    def pause(self) -> None:
        """From here on it does not."""
        self._paused_at = self._loop.time()
        self._waiting = False

    def heard(self, *, token: bool) -> None:
        """The model gave a sign of life: a token (also a thought), or an event without one. Comments and blank lines are none.

        Before the first token only that counts: some servers announce a reply long before there is one.
        """
        if token and not self._speaking:
            self._speaking = True
            self._limit = self._between
            self._timer.cancel()
            self._timer = self._loop.call_at(self._paused_at + self._limit, self._ring)
        if self._speaking:
            self._since = self._paused_at

    def stop(self) -> None:
        """No more waiting."""
        self._timer.cancel()

    def judge(self) -> None:
        """Called on a cancellation: raise `Failure` if it was the end of our patience, and nobody else wanted the end."""
        if not self._ended or self._task.uncancel() > self._cancelling:
            return
        if self._speaking:
            raise Failure(f"The provider {self._name} fell silent in the middle of a reply.", "provider_stalled")
        raise Failure(f"The provider {self._name} did not begin to answer in time.", "provider_timeout")

    def _ring(self) -> None:
        now = self._loop.time()
        due = self._since + self._limit if self._waiting else now + self._limit
        if now < due:
            self._timer = self._loop.call_at(due, self._ring)
        else:
            self._ended = True
            self._task.cancel()


class Answer:
    """An answer with status 200 while it comes. Use it with `with`; leaving early closes the connection, and the server learns of it."""

    def __init__(self, name: str, response: aiohttp.ClientResponse, patience: Patience) -> None:
        self._name = name
        self._response = response
        self._content = response.content
        self._rest = b""
        self._patience = patience
        self.heard = patience.heard
        patience.pause()

    def __enter__(self) -> "Answer":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._patience.stop()
        self._response.release()

    async def lines(self) -> list[bytes] | None:
        """The lines that came next (perhaps none), or None when there will be no more; raise `Failure` if they end untimely.

        Cut at line feeds, as bytes: text has further line ends (U+0085, U+2028) that may stand inside a JSON string.
        """
        self._patience.wait()
        try:
            chunk = await self._content.readany()
        except asyncio.CancelledError:
            self._patience.judge()
            raise
        except _WIRE_ERRORS as error:
            raise broke_off(self._name) from error
        finally:
            self._patience.pause()
        if not chunk:
            rest, self._rest = self._rest, b""
            return [rest] if rest else None
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if len(self._rest) > _LONGEST_LINE:
            raise unreadable(self._name)
        return lines

    async def settle(self) -> None:
        """Wait a moment for the end of the body, now that the reply is whole: only then can the connection be used again."""
        self._patience.stop()
        with suppress(TimeoutError, *_WIRE_ERRORS):
            async with asyncio.timeout(_TAIL_SECONDS):
                while not self._content.at_eof():
                    await self._content.readany()


class Link:
    """The connections to one provider, opened when they are first needed."""

    def __init__(self, name: str, base_url: str, headers: Mapping[str, str], timeouts: Timeouts) -> None:
        self._name = name
        self._base_url = base_url.rstrip("/")
        self._headers = {**headers, "content-type": "application/json"}
        self._timeouts = timeouts
        # Patience bounds the reading. Waiting for a free connection is no part of it: there are as many as there are replies.
        self._timeout = aiohttp.ClientTimeout(total=None, connect=timeouts.connect)
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    async def ask(self, path: str, body: dict[str, Any]) -> Answer:
        """Send the question, and return the answer once it has begun; raise `Failure` when it is none."""
        patience = Patience(self._name, self._timeouts)
        try:
            return await self._ask(f"{self._base_url}{path}", body, patience)
        except asyncio.CancelledError:
            patience.stop()
            patience.judge()
            raise
        except BaseException:
            patience.stop()
            raise

    async def _ask(self, url: str, body: dict[str, Any], patience: Patience) -> Answer:
        if self._session is None:
            self._session = _open_session(url)
        try:
            data = msgspec.json.encode(body)
            response = await self._session.post(url, data=data, headers=self._headers, timeout=self._timeout, allow_redirects=False)
            if response.status == 200:
                return Answer(self._name, response, patience)
            raise failure_of(self._name, response.status, response.headers, await _error_body(response))
        except aiohttp.ConnectionTimeoutError as error:
            # To wait as long again would be no help to a person.
            raise unreachable(self._name, error, passing=False) from error
        except aiohttp.InvalidURL as error:
            raise unreachable(self._name, error, passing=False) from error
        except _WIRE_ERRORS as error:
            # Refused, reset, or a kept connection that the server had closed meanwhile: nothing of a reply has come.
            raise unreachable(self._name, error, passing=True) from error


async def _error_body(response: aiohttp.ClientResponse) -> bytes:
    """The beginning of an answer that is an error; what breaks on the way is still that error."""
    body = b""
    with closing(response), suppress(*_WIRE_ERRORS):
        while len(body) < _LONGEST_ERROR and (chunk := await response.content.readany()):
            body += chunk
    return body[:_LONGEST_ERROR]


def unreachable(name: str, error: Exception, *, passing: bool) -> Failure:
    """Nothing came back."""
    return Failure(f"The provider {name} did not answer ({type(error).__name__}).", "provider_unreachable", passing=passing)


def broke_off(name: str) -> Failure:
    """The answer ended before the reply did."""
    return Failure(f"The provider {name} broke off in the middle of a reply.", "provider_broke_off")


def reported(name: str) -> Failure:
    """The answer says that there will be no reply."""
    return Failure(f"The provider {name} reported an error in the middle of a reply.", "provider_broke_off")


def unreadable(name: str) -> Failure:
    """What came is no part of a chat."""
    return Failure(f"The provider {name} sent something that is no part of a chat.", "provider_unreadable")


def _open_session(url: str) -> aiohttp.ClientSession:
    # The certificates are httpx's: those of certifi, or of SSL_CERT_FILE; a slim container has none of its own.
    connector = aiohttp.TCPConnector(limit=0, ssl=httpx.create_ssl_context() if url.startswith("https:") else True)
    return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())
