"""The three containers of a Character Card: plain JSON, a PNG picture, a CHARX file. What a file is, its bytes say, not its name."""

from pathlib import Path
from typing import Literal

import msgspec

from service.errors import PersonaError
from service.personas.card_charx import is_zip, read_charx
from service.personas.card_png import SIGNATURE, read_png

LARGEST_FILE = 20_000_000
_PICTURES = (b"\xff\xd8\xff", b"GIF8", b"RIFF")


class CardFile(msgspec.Struct, frozen=True):
    """A file with a card in it: all its bytes, those of the card's JSON, and what is odd about the file."""

    container: Literal["json", "png", "charx"]
    data: bytes
    card: bytes
    notes: list[str] = []


def read_card_file(path: Path) -> CardFile:
    """Read the card in a file; raise `PersonaError` when there is none, or the file is damaged or too large."""
    data = read_bytes(path)
    if data.startswith(SIGNATURE):
        card, notes = read_png(data, str(path), LARGEST_FILE)
        return CardFile("png", data, card, notes)
    if is_zip(data):
        return CardFile("charx", data, read_charx(data, str(path), LARGEST_FILE))
    if data.startswith(_PICTURES):
        raise PersonaError(f"{path}: a card comes in a PNG picture, and this one is of another kind.")
    return CardFile("json", data, data)


def read_bytes(path: Path) -> bytes:
    """The bytes of a file; raise `PersonaError` when it cannot be read or is too large."""
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise PersonaError(f"{path}: the file cannot be read: {error.strerror}.") from error
    if len(data) > LARGEST_FILE:
        raise PersonaError(f"{path}: the file is larger than {LARGEST_FILE // 1_000_000} MB.")
    return data
