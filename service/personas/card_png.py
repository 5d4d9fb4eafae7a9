"""PNG pictures as containers of Character Cards: the card is base64 in a text chunk called `chara` (V1, V2) or `ccv3` (V3)."""

import base64
import binascii
import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from service.errors import PersonaError

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_KEYWORDS = ("ccv3", "chara")
"""The better one first: a picture may hold both, and then the V2 copy is for programs that know no V3."""

_TEXT_CHUNKS = {b"tEXt", b"zTXt", b"iTXt"}
_WIDTH, _HEIGHT, _GREY = 400, 600, 200


class _Chunk(NamedTuple):
    """One chunk: its type and body, and all its bytes with length and checksum."""

    kind: bytes
    body: bytes
    whole: bytes

    @property
    def sound(self) -> bool:
        """Whether the checksum is right."""
        return zlib.crc32(self.whole[4:-4]) == int.from_bytes(self.whole[-4:])

    @property
    def keyword(self) -> str:
        """What a text chunk is called, in small letters."""
        return self.body.partition(b"\x00")[0].decode("latin-1").lower() if self.kind in _TEXT_CHUNKS else ""


def read_png(data: bytes, origin: str, largest: int) -> tuple[bytes, list[str]]:
    """The JSON of the card in a picture, and what is odd about the picture; raise `PersonaError` when there is no such card."""
    chunks = list(_chunks(data, origin))
    notes = [f"the checksum of a {chunk.kind!r} chunk is wrong; it was taken as it is" for chunk in chunks if not chunk.sound]
    for keyword in _KEYWORDS:
        for chunk in chunks:
            if chunk.keyword == keyword:
                return _decoded(_content(chunk, origin, largest), origin, keyword), notes
    raise PersonaError(f"{origin}: this picture holds no character card: it has no text chunk called ccv3 or chara.")


def write_png(picture: bytes, card: bytes, keyword: str, origin: str) -> bytes:
    """The picture with this card in place of any that it held; every other byte of it stays."""
    pieces = [SIGNATURE]
    chunks = list(_chunks(picture, origin))
    for chunk in chunks:
        if chunk.kind == b"IEND":
            pieces.append(_chunk(b"tEXt", keyword.encode() + b"\x00" + base64.b64encode(card)))
        if chunk.keyword not in _KEYWORDS:
            pieces.append(chunk.whole)
    after = len(SIGNATURE) + sum(len(chunk.whole) for chunk in chunks)
    return b"".join([*pieces, picture[after:]])


def has_two_cards(picture: bytes, origin: str) -> bool:
    """Whether the picture holds a V2 copy beside its V3 card."""
    return {chunk.keyword for chunk in _chunks(picture, origin)}.issuperset(_KEYWORDS)


def plain_picture() -> bytes:
    """A picture of one grey, for a card that has none."""
    header = struct.pack(">IIBBBBB", _WIDTH, _HEIGHT, 8, 0, 0, 0, 0)
    rows = (b"\x00" + bytes([_GREY]) * _WIDTH) * _HEIGHT
    return SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(rows, 9)) + _chunk(b"IEND", b"")


def _chunks(data: bytes, origin: str) -> Iterator[_Chunk]:
    """The chunks up to IEND; raise `PersonaError` when the picture ends before it."""
    at = len(SIGNATURE)
    while at + 12 <= len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4])
        if end > len(data):
            break
        chunk = _Chunk(data[at + 4 : at + 8], data[at + 8 : end - 4], data[at:end])
        yield chunk
        if chunk.kind == b"IEND":
            return
        at = end
    raise PersonaError(f"{origin}: the picture is cut off. Fetch the file again.")


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _content(chunk: _Chunk, origin: str, largest: int) -> bytes:
    """The text of a text chunk: as it stands (tEXt), compressed (zTXt), or either after a language (iTXt)."""
    _, _, rest = chunk.body.partition(b"\x00")
    if chunk.kind == b"tEXt":
        return rest
    if chunk.kind == b"zTXt":
        return _inflated(rest[1:], origin, largest)
    _, _, after_language = rest[2:].partition(b"\x00")
    text = after_language.partition(b"\x00")[2]
    return _inflated(text, origin, largest) if rest[:1] == b"\x01" else text


def _inflated(data: bytes, origin: str, largest: int) -> bytes:
    machine = zlib.decompressobj()
    try:
        text = machine.decompress(data, largest)
    except zlib.error as error:
        raise PersonaError(f"{origin}: the compressed card in the picture is damaged. Fetch the file again.") from error
    if not machine.eof:
        raise PersonaError(f"{origin}: the compressed card in the picture is cut off, or larger than {largest // 1_000_000} MB.")
    return text


def _decoded(text: bytes, origin: str, keyword: str) -> bytes:
    """Base64, with or without its padding and with blanks in between."""
    plain = b"".join(text.split()).rstrip(b"=")
    try:
        return base64.b64decode(plain + b"=" * (-len(plain) % 4), validate=True)
    except binascii.Error as error:
        raise PersonaError(f"{origin}: the text chunk '{keyword}' is not base64, so it holds no card.") from error
