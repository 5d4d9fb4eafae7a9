"""A small real HTTP server in a thread, for clients that block: subclasses answer, every request is kept."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, NamedTuple


class Asked(NamedTuple):
    """One request: method and path with its query, and the JSON of its body, if it has one."""

    method: str
    path: str
    body: Any


class Reply(NamedTuple):
    """What the server answers: JSON, lines of JSON (a list in `lines`), bytes, or plain text."""

    status: int = 200
    document: Any = None
    lines: list[dict[str, Any]] | None = None
    text: str = ""
    content: bytes | None = None
    headers: dict[str, str] = {}

    def encode(self) -> tuple[str, bytes]:
        """The kind of the content, and the content."""
        if self.lines is not None:
            return "application/x-ndjson", b"".join(json.dumps(line).encode() + b"\n" for line in self.lines)
        if self.content is not None:
            return "application/octet-stream", self.content
        if self.document is not None:
            return "application/json", json.dumps(self.document).encode()
        return "text/plain", self.text.encode()


class ManagementServer:
    """Listens on a free port of the loopback between `with` and its end."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.connected: set[int] = set()
        """The ports of those whose connection is open."""

    def answer(self, method: str, path: str, body: bytes) -> Reply | None:
        """Answer one request, or break the connection off; subclasses say how."""
        raise NotImplementedError

    def told(self, *paths: str) -> list[tuple[str, Any]]:
        """The requests to these paths, in order: path and body."""
        return [(asked.path, asked.body) for asked in self.asked if asked.path in paths]

    def __enter__(self) -> Any:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # head and body are two writes: the second would wait for an acknowledgement

            def setup(self) -> None:
                super().setup()
                outer.connected.add(self.client_address[1])

            def finish(self) -> None:
                super().finish()
                outer.connected.discard(self.client_address[1])

            def _serve(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                outer.asked.append(Asked(self.command, self.path, _decoded(body)))
                reply = outer.answer(self.command, self.path, body)
                if reply is None:
                    self.close_connection = True
                    return
                kind, content = reply.encode()
                self.send_response(reply.status)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(content)))
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(content)

            do_GET = do_POST = do_DELETE = do_HEAD = _serve  # noqa: N815  # the names are the library's

            def log_message(self, *_arguments: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _decoded(body: bytes) -> Any:
    try:
        return json.loads(body) if body else None
    except ValueError:
        return f"{len(body)} bytes"


def render(template: str, messages: list[dict[str, str]], special: dict[str, Any]) -> str:
    """A conversation as the reference implementation renders it, ready for the reply."""
    from transformers.utils.chat_template_utils import render_jinja_template

    tokens = {name: value for name, value in special.items() if name.endswith("_token") and isinstance(value, str)}
    rendered, _ = render_jinja_template(conversations=[messages], chat_template=template, add_generation_prompt=True, **tokens)
    return str(rendered[0])
