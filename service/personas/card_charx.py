"""CHARX files: a zip with `card.json` at its root and the card's pictures and sounds beside it.

Nothing is ever unpacked to a disk; what would not fit into memory, or names a place outside the file, is refused.
"""

import io
import re
import struct
import zipfile
import zlib

from service.errors import PersonaError

_CARD = "card.json"
_MOST_MEMBERS = 10_000
_LARGEST_UNPACKED = 100_000_000
_ENCRYPTED = 0x1
_NEW = (1980, 1, 1, 0, 0, 0)
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
"""The other ones could not be unpacked within bounds."""

_OUTSIDE = re.compile(r"[/\\]|[A-Za-z]:|(?:.*[/\\])?\.\.(?:[/\\].*)?$", re.DOTALL)
_DAMAGED = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, ValueError, NotImplementedError, RuntimeError)
"""What zipfile raises for damaged files: by its documentation BadZipFile, and in fact all of these."""


def is_zip(data: bytes) -> bool:
    """Whether this is a zip, also one behind the bytes of a picture."""
    return zipfile.is_zipfile(io.BytesIO(data))


def read_charx(data: bytes, origin: str, largest: int) -> bytes:
    """The JSON of the card; raise `PersonaError` for a zip that is damaged, too large unpacked, or holds no card."""
    members = _members(data, origin)
    if _CARD not in members:
        raise PersonaError(f"{origin}: this zip is no CHARX file: there is no {_CARD} at its root.")
    if len(members[_CARD]) > largest:
        raise PersonaError(f"{origin}: {_CARD} is larger than {largest // 1_000_000} MB.")
    return members[_CARD]


def asset_names(data: bytes, origin: str) -> list[str]:
    """The names of everything beside the card."""
    return [name for name in _members(data, origin) if name != _CARD and not name.endswith("/")]


def write_charx(card: bytes, original: bytes | None, extra: dict[str, bytes], origin: str) -> bytes:
    """A CHARX of this card and the other members of the `original`, in their order, or of the `extra` ones where there is none."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        if original is None:
            for name, content in {_CARD: card, **extra}.items():
                archive.writestr(zipfile.ZipInfo(name, _NEW), content, zipfile.ZIP_DEFLATED)
        else:
            members = _members(original, origin)
            with zipfile.ZipFile(io.BytesIO(original)) as before:
                archive.comment = before.comment
                for member in before.infolist():
                    archive.writestr(member, card if member.filename == _CARD else members[member.filename])
    return target.getvalue()


def _members(data: bytes, origin: str) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            _check(members, origin)
            return {member.filename: _read(archive, member) for member in members}
    except _DAMAGED as error:
        raise PersonaError(f"{origin}: the CHARX file is damaged. Fetch the file again.") from error


def _read(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    # Never without a bound: the size that a member states may be a lie.
    with archive.open(member) as content:
        return content.read(member.file_size + 1)


def _check(members: list[zipfile.ZipInfo], origin: str) -> None:
    if len(members) > _MOST_MEMBERS or sum(member.file_size for member in members) > _LARGEST_UNPACKED:
        limit = f"{_MOST_MEMBERS} files or {_LARGEST_UNPACKED // 1_000_000} MB"
        raise PersonaError(f"{origin}: the CHARX file would unpack to more than {limit}. It is not read.")
    if len({member.filename for member in members}) < len(members):
        raise PersonaError(f"{origin}: the CHARX file holds two files of the same name. It is not read.")
    for member in members:
        if member.flag_bits & _ENCRYPTED:
            raise PersonaError(f"{origin}: the CHARX file is encrypted. Save it again without a password.")
        if member.compress_type not in _METHODS:
            raise PersonaError(f"{origin}: the CHARX file is compressed in an unusual way. Save it again as an ordinary zip.")
        if _OUTSIDE.match(member.filename):
            raise PersonaError(f"{origin}: the CHARX file names a place outside itself ({member.filename!r}). It is not read.")
