"""A small real chat completions server that says what a test has written for a message; without that, it repeats the message."""

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal

from tests.web.upstream import Receive, Scope, Send, read_body

HOLD: Literal["\0hold"] = "\0hold"
"""In a script: wait until the test says `go_on`."""
BREAK: Literal["\0break"] = "\0break"
"""In a script: break off, with no end."""
_PATIENCE = 60
_PAUSE = 0.01


class Speaker:
    """What it says is found by the message it is sent; `asked` is all that it was sent."""

    def __init__(self) -> None:
        self.asked: list[list[dict[str, str]]] = []
        self._scripts: dict[str, Sequence[str]] = {}
        self._refused: dict[str, int] = {}
        self._heard: Counter[str] = Counter()
        self._held: dict[str, threading.Event] = {}

    def script(self, message: str, *pieces: str) -> str:
        """Say these pieces, one by one, when it hears the message, which is returned."""
        self._scripts[message] = pieces
        self._held[message] = threading.Event()
        return message

    def refuse(self, message: str, status: int) -> str:
        """Answer the message with an HTTP status until `accept`; the message is returned."""
        self._refused[message] = status
        return message

    def accept(self, message: str) -> None:
        """Answer the message from now on."""
        del self._refused[message]

    def go_on(self, message: str) -> None:
        """Go on where the script for the message holds."""
        self._held[message].set()

    def go_on_everywhere(self) -> None:
        """Go on wherever a script holds."""
        for held in self._held.values():
            held.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        body = await read_body(receive)
        turns = json.loads(body)["messages"]
        message = turns[-1]["content"]
        self.asked.append(turns)
        status = self._refused.get(message, 200)
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"text/event-stream")]})
        if status == 200 and await self._speak(message, send):
            await _event(send, {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
            await send({"type": "http.response.body", "body": b"data: [DONE]\n\n", "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async def _speak(self, message: str, send: Send) -> bool:
        """Say what there is to say; whether it came to its end."""
        self._heard[message] += 1
        number = self._heard[message]
        for piece in self._scripts.get(message, [f"You said: {message}", f" ({number})" if number > 1 else ""]):
            if piece == BREAK:
                return False
            if piece == HOLD:
                await self._hold(message)
            elif piece:
                await _event(send, {"choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": None}]})
        return True

    async def _hold(self, message: str) -> None:
        for _ in range(int(_PATIENCE / _PAUSE)):
            if self._held[message].is_set():
                return
            await asyncio.sleep(_PAUSE)


async def _event(send: Send, data: dict[str, Any]) -> None:
    await send({"type": "http.response.body", "body": b"data: " + json.dumps(data).encode() + b"\n\n", "more_body": True})
