"""A transcript's file as numbered lines: decoded, without what Project Gutenberg puts around a text."""

import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE, BOM_UTF32_BE, BOM_UTF32_LE

import msgspec

from service.errors import Invalid

LONGEST = 64 * 1024 * 1024
"""Bytes that a transcript may have."""

# The longer marks first: that of UTF-32 begins with that of UTF-16.
_MARKS = (
    (BOM_UTF32_LE, "utf-32"),
    (BOM_UTF32_BE, "utf-32"),
    (BOM_UTF8, "utf-8-sig"),
    (BOM_UTF16_LE, "utf-16"),
    (BOM_UTF16_BE, "utf-16"),
)
_DOCUMENTS = ((b"%PDF", "a PDF"), (b"PK\x03\x04", "a packed document, such as .docx or .odt"), (b"{\\rtf", "a rich text file"))
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f\x80-\x9f]")
_UNSEEN = re.compile(r"[\u200b\u2060\ufeff]")
_FEW_CONTROLS = 3
_MOST_CONTROLS = 0.01
_START = re.compile(r"\s*\*\*\* ?START OF (?:THE|THIS) PROJECT GUTENBERG EBOOK", re.IGNORECASE)
_END = re.compile(
    r"\s*(?:\*\*\* ?END OF (?:THE|THIS) PROJECT GUTENBERG EBOOK|End of (?:the )?Project Gutenberg(?:['’]s| EBook)\b)", re.IGNORECASE
)


class Line(msgspec.Struct, frozen=True):
    """One line, its number in the file counted from 1; tabs are blanks, and what cannot be seen is gone."""

    number: int
    text: str

    @property
    def indent(self) -> int:
        """How many blanks it begins with."""
        return len(self.text) - len(self.text.lstrip())


def decode(data: bytes, declared: str | None = None) -> str:
    """Return the file's text with `\\n` as the only line end; raise `Invalid` when it is not text.

    By its byte order mark, as `declared` by a page, or UTF-16 by where its zero bytes lie. Else each line by itself is UTF-8 where
    that is possible and Windows-1252 where not (of which Latin-1's letters are a part): so a file pasted together from both is read right.
    """
    if len(data) > LONGEST:
        raise Invalid(f"The file has {len(data):,} bytes; a transcript may have {LONGEST:,}. Split it by acts or episodes.")
    for begin, name in _DOCUMENTS:
        if data.startswith(begin):
            raise Invalid(f"The file is {name}, not text. Save it as plain text (UTF-8) or HTML first.")
    text = _decoded(data, declared)
    found = _CONTROLS.search(text)
    if found and len(_CONTROLS.findall(text)) > max(_FEW_CONTROLS, _MOST_CONTROLS * len(text)):
        line = text.count("\n", 0, found.start()) + 1
        raise Invalid(f"The file is not text: unreadable characters, the first in line {line}. Save it as plain text (UTF-8) first.")
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\x0c", " ")
    return _UNSEEN.sub("", _CONTROLS.sub("", text))


def lines_of(text: str) -> list[Line]:
    """The lines of a decoded text; what Project Gutenberg writes before and after a work is left out."""
    # Not splitlines(): it would also cut at characters that no editor counts as a line's end, such as U+2028.
    lines = [Line(number, line.expandtabs().rstrip()) for number, line in enumerate(text.split("\n"), 1)]
    start = next((at + 1 for at, line in enumerate(lines) if _START.match(line.text)), 0)
    end = next((at for at in range(start, len(lines)) if _END.match(lines[at].text)), len(lines))
    return lines[start:end]


def paragraphs_of(lines: list[Line]) -> list[list[Line]]:
    """The lines in runs that a blank line parts."""
    found: list[list[Line]] = []
    open_run = False
    for line in lines:
        if not line.text.strip():
            open_run = False
        elif open_run:
            found[-1].append(line)
        else:
            found.append([line])
            open_run = True
    return found


def _decoded(data: bytes, declared: str | None) -> str:
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), None) or declared or _wide(data)
    if encoding is None:
        return "\n".join(_decode_line(line) for line in data.split(b"\n"))
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        message = f"The file calls itself {encoding.upper()} and is not, at byte {error.start:,}. Save it as plain text (UTF-8) first."
        raise Invalid(message) from None


def _wide(data: bytes) -> str | None:
    """UTF-16 without a mark: in most scripts' text nearly every second byte is zero, and no other."""
    begin = data[:4096]
    even, odd = begin[::2].count(0), begin[1::2].count(0)
    if max(even, odd) * 4 < len(begin) or min(even, odd) * 20 > len(begin):
        return None
    return "utf-16-le" if odd > even else "utf-16-be"


def _decode_line(line: bytes) -> str:
    for encoding in ("utf-8", "cp1252"):
        try:
            return line.decode(encoding)
        except UnicodeDecodeError:
            continue
    # Five bytes mean nothing in Windows-1252. Latin-1 makes control characters of them, and those are counted.
    return line.decode("latin-1")
