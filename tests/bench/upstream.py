"""A model server that costs nearly nothing: raw HTTP over asyncio, in a process of its own. `python tests/bench/upstream.py PORT`

`words` sends its whole reply at once; `paced` sends 20 tokens a second, each of which is the moment it was sent (the last nine digits of
the microseconds of the monotonic clock, which all processes of one machine share). How many it sends stands in the last message.
"""

import asyncio
import sys
import time
from typing import Any

import msgspec
import uvloop

CHUNKS = 34
"""Events of one reply of `words`, the last of which has the finish reason."""

WORDS = "".join(f" word{number}" for number in range(CHUNKS - 1))
PAUSE = 0.05
_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


class _Message(msgspec.Struct):
    content: Any = None


class _Question(msgspec.Struct):
    model: str
    messages: list[_Message]


_decode = msgspec.json.Decoder(_Question).decode


def _event(delta: dict[str, str], finish: str | None = None, **more: Any) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "bench"}
    return _chunk(msgspec.json.encode({**head, "choices": [choice], **more}))


def _chunk(data: bytes) -> bytes:
    event = b"data: " + data + b"\n\n"
    return b"%x\r\n%b\r\n" % (len(event), event)


_END = _event({}, "stop", usage={"prompt_tokens": 7, "completion_tokens": CHUNKS - 1, "total_tokens": CHUNKS + 6}) + _chunk(b"[DONE]")
_AT_ONCE = _HEAD + b"".join(_event({"content": f" word{number}"}) for number in range(CHUNKS - 1)) + _END + b"0\r\n\r\n"
_TOKEN = _event({"content": " 000000000"})
_TOKEN_HEAD, _TOKEN_TAIL = _TOKEN.split(b"000000000")


class _Upstream(asyncio.Protocol):
    """One connection: requests in, replies out, one after the other."""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._buffer = b""
        self._timer: asyncio.TimerHandle | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, end, rest = self._buffer.partition(b"\r\n\r\n")
        if not end:
            return
        size = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
        if len(rest) < int(size or 0):
            return
        self._buffer = b""
        if not size:  # Somebody asks whether we are there.
            self._transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            return
        question = _decode(rest)
        if question.model == "paced":
            self._transport.write(_HEAD)
            self._pace(int(str(question.messages[-1].content).split()[-1]))
        else:
            self._transport.write(_AT_ONCE)

    def _pace(self, left: int) -> None:
        self._transport.write(_TOKEN_HEAD + b"%09d" % (time.monotonic_ns() // 1000 % 10**9) + _TOKEN_TAIL)
        if left > 1:
            self._timer = self._loop.call_later(PAUSE, self._pace, left - 1)
        else:
            self._transport.write(_END + b"0\r\n\r\n")


async def _serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(_Upstream, "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))
