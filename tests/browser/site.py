"""The sites of other people: the pages of `fixtures/`, served from another origin than Attune's, each with its own rules."""

from pathlib import Path
from typing import Any

from tests.web.upstream import Receive, Scope, Send

_PAGES = Path(__file__).parent / "fixtures"
_KINDS = {".html": b"text/html; charset=utf-8", ".js": b"text/javascript", ".css": b"text/css"}
_STRICT = "default-src 'none'; script-src 'self' {attune}; style-src 'self'; connect-src {attune}; base-uri 'none'; form-action 'none'"
_FILES = {"trusted.html": "strict.html"}  # The same page under stricter rules.
_POLICIES = {
    "strict.html": _STRICT,
    "trusted.html": _STRICT + "; require-trusted-types-for 'script'; trusted-types lit-html dompurify",
}


class Site:
    """A web server. In a page, `{{attune}}` is where Attune is, and `{{...}}` what the query says, or nothing."""

    def __init__(self) -> None:
        self.attune = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        name = scope["path"].lstrip("/")
        file = _PAGES / _FILES.get(name, name)
        known = file.suffix in _KINDS and file.is_file()
        headers: list[tuple[bytes, Any]] = [(b"content-type", _KINDS.get(file.suffix, b"text/plain"))]
        if name in _POLICIES:
            headers.append((b"content-security-policy", _POLICIES[name].format(attune=self.attune).encode()))
        await send({"type": "http.response.start", "status": 200 if known else 204, "headers": headers})
        await send({"type": "http.response.body", "body": self._page(file, scope["query_string"].decode()) if known else b""})

    def _page(self, file: Path, query: str) -> bytes:
        text = file.read_text().replace("{{attune}}", self.attune)
        return text.replace("{{attributes}}", " ".join(part.replace("=", '="') + '"' for part in query.split("&") if part)).encode()
