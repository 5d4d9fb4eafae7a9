"""The built files of the widget, read into memory when the service starts, with what caches and browsers want to know of them.

They are the same for everybody, so that every site may load them, and a cache may keep them: for five minutes under their plain name,
for a year under an address that names their content (`?v=`).
"""

import base64
import gzip
import hashlib
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec
import structlog
from litestar import Request, Response

from service.errors import NotFound, Unavailable

_HERE = Path(__file__).parent
DIST = _HERE / "dist"
_STYLE = "page.css"  # of the hosted page; written by hand
_KINDS = {".js": "text/javascript", ".css": "text/css", ".json": "application/json", ".svg": "image/svg+xml", ".map": "application/json"}
_ALWAYS = {
    "access-control-allow-origin": "*",
    "cross-origin-resource-policy": "cross-origin",
    "x-content-type-options": "nosniff",
    "vary": "Accept-Encoding",
}
_SHORTEST_MARK = 8
log = structlog.get_logger()


class Asset(NamedTuple):
    """One file. `mark` names its content; `packed` is what is sent to a browser that can unpack it."""

    body: bytes
    packed: bytes
    kind: str
    mark: str
    integrity: str


class Assets:
    """The files of a folder by their path in it, and the page's own style. Without a built widget, whoever asks for a file is told so."""

    def __init__(self, folder: Path = DIST) -> None:
        self._folder = folder
        self._files = {file.relative_to(folder).as_posix(): _read(file) for file in sorted(folder.rglob("*")) if file.is_file()}
        self._files[_STYLE] = _read(_HERE / _STYLE)
        self.languages = {name: _direction(asset) for name, asset in self._locales()}
        for name in self._unfit():
            log.warning("widget_not_as_built", folder=str(folder), file=name, mend="make widget")

    def get(self, name: str) -> Asset:
        """Return the file; raise `NotFound`, and `Unavailable` when the widget was never built."""
        if name in self._files:
            return self._files[name]
        if "widget.js" not in self._files or "manifest.json" not in self._files:
            raise Unavailable("The widget is not built. Build it: make widget. A release has it in its wheel.", code="widget_missing")
        raise NotFound("The widget has no such file. What there is: /assets/manifest.json")

    def address(self, name: str) -> str:
        """Where a page loads the file from, now and for as long as it is what it is."""
        path = "/widget.js" if name == "widget.js" else f"/assets/{name}"
        return f"{path}?v={self.get(name).mark}"

    def _locales(self) -> list[tuple[str, Asset]]:
        prefix = "locales/"
        return [(Path(name).stem, asset) for name, asset in self._files.items() if name.startswith(prefix)]

    def _unfit(self) -> list[str]:
        """The files that are not what the manifest says: built by hand, or half."""
        if "manifest.json" not in self._files:
            return ["manifest.json"]
        listed = read_manifest(self._files["manifest.json"].body)
        return [name for name, entry in listed.items() if name not in self._files or self._files[name].integrity != entry.integrity]


class Entry(msgspec.Struct):
    """What the manifest says of a file: when it is loaded, its size, and its hash as a script tag's `integrity` has it."""

    part: Literal["first", "lazy", "locale"]
    bytes: int
    integrity: str


class _Manifest(msgspec.Struct):
    files: dict[str, Entry]


def read_manifest(text: bytes) -> dict[str, Entry]:
    """The files that the build lists, by their path in the folder."""
    return msgspec.json.decode(text, type=_Manifest).files


def served(request: Request[Any, Any, Any], asset: Asset) -> Response[bytes]:
    """The answer to a request for a file: 304 if the browser has it, packed if the browser can unpack it."""
    packs = "gzip" in request.headers.get("accept-encoding", "")
    tag = f'"{asset.mark}{"-gz" if packs else ""}"'
    version = request.query_params.get("v", "")
    lasting = len(version) >= _SHORTEST_MARK and asset.mark.startswith(version)
    headers = {**_ALWAYS, "etag": tag, "cache-control": "public, max-age=31536000, immutable" if lasting else "public, max-age=300"}
    known = [each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")]
    if tag in known or "*" in known:
        return Response(b"", status_code=304, media_type=asset.kind, headers=headers)
    if packs:
        headers["content-encoding"] = "gzip"
    return Response(asset.packed if packs else asset.body, media_type=asset.kind, headers=headers)


def _read(file: Path) -> Asset:
    body = file.read_bytes()
    integrity = "sha384-" + base64.b64encode(hashlib.sha384(body).digest()).decode()
    kind = _KINDS.get(file.suffix, "text/plain")
    return Asset(body, gzip.compress(body, 9, mtime=0), kind, hashlib.sha256(body).hexdigest()[:16], integrity)


def _direction(locale: Asset) -> str:
    return "rtl" if msgspec.json.decode(locale.body).get("dir") == "rtl" else "ltr"
