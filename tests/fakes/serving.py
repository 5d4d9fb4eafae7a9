"""A small real HTTP/1.1 server on loopback, in the test's own event loop: every byte and every break is the script's."""

import asyncio
from abc import ABC, abstractmethod
from types import TracebackType
from typing import NamedTuple


class Request(NamedTuple):
    """What a client asked."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Answer:
    """The way back to one client; what is sent goes out at once, as one chunk."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def start(self, status: int, kind: str, headers: dict[str, str] | None = None) -> None:
        """Send the head."""
        more = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
        await self.raw(f"HTTP/1.1 {status} Scripted\r\ncontent-type: {kind}\r\n{more}transfer-encoding: chunked\r\n\r\n".encode())

    async def send(self, data: bytes) -> None:
        """Send one chunk of the body."""
        if data:
            await self.raw(b"%x\r\n%b\r\n" % (len(data), data))

    async def end(self) -> None:
        """End the body as HTTP wants it."""
        await self.raw(b"0\r\n\r\n")

    async def raw(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._writer.write(data)
        await self._writer.drain()

    def cut(self) -> None:
        """Break the connection off."""
        self._writer.transport.abort()

    async def left(self) -> None:
        """Wait until the client leaves."""
        await self._reader.read()
        raise ConnectionResetError


class Server(ABC):
    """Serves on a free port between `async with` and its end; counts the clients that left before their answer was whole."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.leavers = 0
        self.somebody_left = asyncio.Event()
        self._connections: set[asyncio.Task[None]] = set()

    @abstractmethod
    async def answer(self, request: Request, answer: Answer) -> None:
        """Answer one request."""

    async def __aenter__(self) -> "Server":
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.close()
        for connection in self._connections:
            connection.cancel()
        if self._connections:
            await asyncio.wait(self._connections)
        await self._server.wait_closed()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = asyncio.create_task(self._serve(reader, writer))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (request := await _read(reader)) is not None:
                self.requests.append(request)
                await self.answer(request, Answer(reader, writer))
        except ConnectionError:
            self.leavers += 1
            self.somebody_left.set()
        finally:
            writer.close()


async def _read(reader: asyncio.StreamReader) -> Request | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.strip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    method, path, _ = first.split(" ")
    return Request(method, path, headers, await reader.readexactly(int(headers.get("content-length", "0"))))
