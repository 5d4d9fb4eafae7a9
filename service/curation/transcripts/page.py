"""Scripts on web pages: the page's text as lines, with what its markup says about names, directions and scenes."""

import codecs
import re
from collections import Counter
from html.parser import HTMLParser

import msgspec

from service.curation.transcripts.breaks import read_break
from service.curation.transcripts.names import is_name, is_shouted, key
from service.curation.transcripts.source import Line
from service.errors import Invalid

_PAGE = re.compile(r"<(?:!doctype html|html|head|body|p|br|div|table|td|pre|b|strong|blockquote|li|dl)\b[^<>]*>", re.IGNORECASE)
_FEWEST_TAGS = 2
_CHARSET = re.compile(rb"<meta[^>]{0,200}charset\s*=\s*[\"']?([A-Za-z0-9_.:-]{2,40})", re.IGNORECASE)
_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_BLOCKS = _HEADINGS | {
    "p",
    "div",
    "table",
    "tr",
    "ul",
    "ol",
    "li",
    "dl",
    "dt",
    "dd",
    "blockquote",
    "section",
    "article",
    "pre",
    "hr",
    "body",
}
_CELLS = frozenset({"td", "th"})
_LEFT_OUT = frozenset({"script", "style", "title", "nav", "select", "button", "noscript", "template", "svg"})
_ITALIC = frozenset({"i", "em", "cite"})
_BOLD = frozenset({"b", "strong", "dt"})
_SPEAKER = re.compile(r"\b(?:speaker|character|role|spkr|charname)\b", re.IGNORECASE)


class Piece(msgspec.Struct, frozen=True):
    """Some text of a line, and how it is set."""

    text: str
    bold: bool
    italic: bool


def is_page(text: str) -> bool:
    """Whether a text is marked up as a web page is."""
    return len(_PAGE.findall(text[:200_000])) >= _FEWEST_TAGS


def charset_of(data: bytes) -> str | None:
    """The encoding that a page declares, if there is such a one and the page is written in it."""
    found = _CHARSET.search(data[:4096])
    if not found:
        return None
    name = found[1].decode("ascii")
    try:
        codecs.lookup(name)
        data.decode(name)
    except (LookupError, UnicodeDecodeError):
        return None
    return name


def lines_of_page(text: str) -> list[Line]:
    """The page's lines as a text would have them, numbered as in the file: names in bold begin a speech, cells of a row follow a colon.

    Raises `Invalid` when its markup cannot be read.
    """
    reader = _Reader()
    try:
        reader.feed(text)
        reader.close()
    except AssertionError:
        # So the library says that a declaration, which begins with <![, is none.
        line = reader.getpos()[0]
        raise Invalid(f"The page cannot be read from line {line} on: a declaration in its markup is broken. Save it as text.") from None
    reader.end_line(blank=True)
    names = Counter(key(name) for _, pieces in reader.rows if (name := _bold_name(pieces)))
    return [Line(number, _text_of(pieces, names)) for number, pieces in reader.rows]


class _Reader(HTMLParser):
    """Gathers pieces into rows, each with the number of its first line; a row without pieces is a blank line.

    Many pages close no paragraph and some no bold: a block ends whatever was set within a line.
    """

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[tuple[int, list[Piece]]] = []
        self._pieces: list[Piece] = []
        self._number = 1
        self._open: Counter[str] = Counter()
        self._speaker = ("", 0)
        self._cells: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _CELLS:
            self._end_cell()
        if tag == "tr":
            self._end_row()
        if tag in _BLOCKS:
            self._end_block(blank=tag not in _CELLS)
        if tag == "br":
            self.end_line()
        elif tag == "hr":
            self._number, self._pieces = self.getpos()[0], [Piece("***", False, False)]
            self.end_line(blank=True)
        elif tag in _HEADINGS:
            self._add("# ")
        elif tag == "tr":
            self._cells = []
        self._open[tag] += 1
        name, depth = self._speaker
        if name == tag:
            self._speaker = (name, depth + 1)
        elif not name and any(each == "class" and value and _SPEAKER.search(value) for each, value in attrs):
            self._speaker = (tag, 1)

    def handle_endtag(self, tag: str) -> None:
        if tag in _CELLS:
            self._end_cell()
        if tag in {"tr", "table"}:
            self._end_row()
        if tag in _BLOCKS:
            self._end_block(blank=True)
        self._open[tag] = max(0, self._open[tag] - 1)
        name, depth = self._speaker
        if name == tag:
            self._speaker = (name, depth - 1) if depth > 1 else ("", 0)

    def handle_data(self, data: str) -> None:
        if any(self._open[tag] for tag in _LEFT_OUT):
            return
        if not self._open["pre"]:
            self._add(data)
            return
        first = self.getpos()[0]
        for at, line in enumerate(data.split("\n")):
            if at:
                self.end_line(keep=True)
            self._add(line, number=first + at)

    def _end_cell(self) -> None:
        if self._cells is not None:
            self._cells.append("".join(piece.text for piece in self._pieces))
            self._pieces = []

    def _end_row(self) -> None:
        if self._cells is not None:
            self._end_cell()
            self._pieces = [Piece(_row(self._cells), False, False)]
            self._cells = None

    def _end_block(self, blank: bool) -> None:
        self.end_line(blank=blank)
        for tag in _BOLD | _ITALIC:
            self._open[tag] = 0

    def end_line(self, blank: bool = False, keep: bool = False) -> None:
        """Close the line that is being gathered; `blank` puts a blank line below it, `keep` keeps it though it be blank."""
        if any(piece.text.strip() for piece in self._pieces):
            self.rows.append((self._number, self._pieces))
        elif keep:
            blank = True
        if blank and self.rows and self.rows[-1][1]:
            self.rows.append((self._number, []))
        self._pieces = []

    def _add(self, data: str, number: int = 0) -> None:
        """Add to the line; with a `number` it is a line as it is written, else its white space is as wide as one blank."""
        text = data.replace("\u00a0", " ")
        begins = not any(piece.text.strip() for piece in self._pieces)
        if begins:
            self._number = number or self.getpos()[0] + data[: len(data) - len(data.lstrip())].count("\n")
        if not number:
            text = re.sub(r"\s+", " ", text)
            if begins:
                text, self._pieces = text.lstrip(), []
        if text:
            bold = any(self._open[tag] for tag in _BOLD) or bool(self._speaker[0])
            italic = any(self._open[tag] for tag in _ITALIC)
            self._pieces.append(Piece(text, bold and not number, italic and not number))


def _row(cells: list[str]) -> str:
    """A row of a table: who speaks may stand in the first cell, or after a number or a time."""
    cells = [" ".join(cell.split()) for cell in cells]
    cells = [cell for cell in cells if cell]
    for at, cell in enumerate(cells[:2]):
        if len(cells) > at + 1 and is_name(name := cell.rstrip(":. ")):
            return f"{name}: {' '.join(cells[at + 1 :])}"
    return " ".join(cells)


def _bold_name(pieces: list[Piece]) -> str | None:
    """The name that a line begins with in bold."""
    count = next((at for at, piece in enumerate(pieces) if piece.text.strip() and not piece.bold), len(pieces))
    text = "".join(piece.text for piece in pieces[:count]).strip()
    name = text.rstrip(":. ")
    return name if count and name and not read_break(text, 0) and is_name(name) else None


def _text_of(pieces: list[Piece], names: Counter[str]) -> str:
    """A line as a text would have it; a name that stands in bold once only may be a title, unless it is in capitals."""
    name = _bold_name(pieces)
    if name is None or not (is_shouted(name) or names[key(name)] > 1):
        return "".join(map(_marked, pieces)).rstrip()
    count = next((at for at, piece in enumerate(pieces) if piece.text.strip() and not piece.bold), len(pieces))
    rest = "".join(map(_marked, pieces[count:])).strip()
    if not rest.lstrip(":. "):
        return f"{name}:"
    return f"{name}{rest}" if rest[0] in ":([" else f"{name}: {rest.removeprefix('.').strip()}"


def _marked(piece: Piece) -> str:
    text = piece.text.strip()
    if not piece.italic or not text:
        return piece.text
    before, after = piece.text.split(text, 1)
    return f"{before}_{text}_{after}"
