"""A small real chat completions server: what it does is named by the model it is asked for. Runs in a thread of its own."""

import asyncio
import json
import socket
import threading
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any

import uvicorn

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
_START_SECONDS = 20


async def read_body(receive: Receive) -> bytes:
    """The whole body of a request, or as much as came of it."""
    body = b""
    while (part := await receive())["type"] == "http.request":
        body += part.get("body", b"")
        if not part.get("more_body"):
            break
    return body


class Served:
    """An ASGI application on a free loopback port, run by uvicorn in a thread; use it with `with`."""

    def __init__(self, application: Any) -> None:
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        config = uvicorn.Config(application, log_config=None, access_log=False, proxy_headers=False, ws="none", timeout_graceful_shutdown=5)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]}, name=f"served {self.port}")

    def __enter__(self) -> "Served":
        self._thread.start()
        pause = threading.Event()
        for _ in range(_START_SECONDS * 50):
            if self._server.started:
                return self
            if not self._thread.is_alive():
                break
            pause.wait(0.02)
        raise RuntimeError("The server did not start.")

    def ask_to_stop(self) -> None:
        """Begin to stop, as a signal would."""
        self._server.should_exit = True

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.ask_to_stop()
        self._thread.join(_START_SECONDS)
        self._socket.close()
        assert not self._thread.is_alive(), "The server did not stop."


class Upstream:
    """The scripted model. What it does is named by the model:

    - `echo` repeats the last message word by word; `names` says its own name, as `names-b` does;
    - `held` says 'One', waits until the test opens the gate, and says ' two.'; `silent` waits before it says anything;
    - `broken` stops in the middle; `refusing` answers 500; `empty` says nothing at all.
    """

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self._gate = threading.Event()

    def close_gate(self) -> None:
        """Make `held` and `silent` wait from now on."""
        self._gate.clear()

    def open_gate(self) -> None:
        """Let `held` and `silent` go on."""
        self._gate.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        body = await read_body(receive)
        request = json.loads(body)
        self.asked.append(request)
        if request["model"] == "refusing":
            await send({"type": "http.response.start", "status": 500, "headers": []})
            await send({"type": "http.response.body", "body": b"no"})
            return
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
        finish = await self._speak(request, send)
        if finish:
            usage = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
            await _event(send, {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
            await _event(send, {"choices": [], "usage": usage})
            await send({"type": "http.response.body", "body": b"data: [DONE]\n\n", "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async def _speak(self, request: dict[str, Any], send: Send) -> bool:
        """Say what the model says; whether it came to its end."""
        model, message = request["model"], request["messages"][-1]["content"]
        match model:
            case "echo":
                for word in f"You said: {message}".split(" "):
                    await _say(send, f"{word} ")
            case "held":
                await _say(send, "One")
                await self._wait()
                await _say(send, " two.")
            case "silent":
                await self._wait()
                await _say(send, "At last.")
            case "broken":
                await _say(send, "This will never")
                return False
            case "empty":
                pass
            case _:
                await _say(send, f"I am {model}.")
        return True

    async def _wait(self) -> None:
        for _ in range(1000):
            if self._gate.is_set():
                return
            await asyncio.sleep(0.02)


async def _say(send: Send, text: str) -> None:
    await _event(send, {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]})


async def _event(send: Send, data: dict[str, Any]) -> None:
    await send({"type": "http.response.body", "body": b"data: " + json.dumps(data).encode() + b"\n\n", "more_body": True})
