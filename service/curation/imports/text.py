"""A file from elsewhere as lines of text, whatever it is encoded in, one at a time."""

import hashlib
import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE, BOM_UTF32_BE, BOM_UTF32_LE
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from service.curation.text import make_whole
from service.errors import Invalid

NOT_UTF8 = "lines are not UTF-8 and were read as Windows-1252"
CONTROLS = "messages held control characters, which were left out"

# The longer marks first: that of UTF-32 begins with that of UTF-16.
_MARKS = ((BOM_UTF32_LE, "utf-32"), (BOM_UTF32_BE, "utf-32"), (BOM_UTF16_LE, "utf-16"), (BOM_UTF16_BE, "utf-16"))
_LOOKED_AT = 4096
_PIECE = 1 << 20
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def lines_of(path: Path, notes: Counter[str]) -> Iterator[tuple[int, str]]:
    """The lines with their numbers, counted from 1, each with its `\\n`; raise `Invalid` when the file cannot be read.

    By its byte order mark, or UTF-16 by where its zero bytes lie; else each line by itself is UTF-8, or Windows-1252 where it cannot be
    (counted in `notes`): a file pasted together from both is read right.
    """
    encoding: str | None = None
    try:
        with path.open("rb") as file:
            begin = file.read(_LOOKED_AT)
            file.seek(0)
            encoding = next((name for mark, name in _MARKS if begin.startswith(mark)), None) or _wide(begin)
            if encoding is None:
                # Not splitlines(): JSON allows some of the characters that it cuts at, such as U+2028, within a text.
                for number, line in enumerate(file, 1):
                    yield number, _decoded(line.removeprefix(BOM_UTF8) if number == 1 else line, notes)
                return
        with path.open(encoding=encoding, newline="\n") as text:
            for number, read in enumerate(text, 1):
                yield number, read.removeprefix("\ufeff") if number == 1 else read
    except UnicodeDecodeError:
        raise Invalid(f"{path}: the file begins as {(encoding or '').upper()} does, and is not. Save it as UTF-8.", param="file") from None
    except OSError as error:
        raise Invalid(f"{path}: the file cannot be read: {error.strerror}.", param="file") from error


def clean(text: str, notes: Counter[str]) -> str:
    """The text as both databases can keep it: valid Unicode without control characters; those that were there are counted in `notes`."""
    cleaned = _CONTROL.sub("", make_whole(text))
    if cleaned != text:
        notes[CONTROLS] += 1
    return cleaned


def digest_of(path: Path, *how: str) -> str:
    """SHA-256, as 64 hexadecimal characters, of a file and of how it is read; raise `Invalid` when the file cannot be read."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while piece := file.read(_PIECE):
                digest.update(piece)
    except OSError as error:
        raise Invalid(f"{path}: the file cannot be read: {error.strerror}.", param="file") from error
    return hashlib.sha256("\n".join([digest.hexdigest(), *how]).encode()).hexdigest()


def _decoded(line: bytes, notes: Counter[str]) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        notes[NOT_UTF8] += 1
    try:
        return line.decode("cp1252")
    except UnicodeDecodeError:
        # Five bytes mean nothing in Windows-1252. Latin-1 makes control characters of them, which are left out later.
        return line.decode("latin-1")


def _wide(begin: bytes) -> str | None:
    """UTF-16 without a mark: in most scripts' text nearly every second byte is zero, and no other."""
    even, odd = begin[::2].count(0), begin[1::2].count(0)
    if max(even, odd) * 4 < len(begin) or min(even, odd) * 20 > len(begin):
        return None
    return "utf-16-le" if odd > even else "utf-16-be"
