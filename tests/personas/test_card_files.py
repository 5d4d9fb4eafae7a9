import base64
import io
import warnings
import zipfile
import zlib
from pathlib import Path

import pytest

from service.errors import PersonaError
from service.personas.card_charx import asset_names, write_charx
from service.personas.card_files import LARGEST_FILE, CardFile, read_card_file
from service.personas.card_png import plain_picture, write_png
from tests.personas.cards import V1, V2, V3, charx, chunk, chunks_of, png, text, written

TWO, THREE = written(V2), written(V3)


def read(tmp_path: Path, data: bytes) -> CardFile:
    """The card in a file of these bytes, whose name says nothing."""
    path = tmp_path / "file"
    path.write_bytes(data)
    return read_card_file(path)


def complaint(tmp_path: Path, data: bytes) -> str:
    """What is said of a file of these bytes, after its name."""
    with pytest.raises(PersonaError) as refused:
        read(tmp_path, data)
    assert refused.value.message.startswith(str(tmp_path / "file"))
    return refused.value.message


def test_what_a_file_is_its_bytes_say(tmp_path: Path) -> None:
    """JSON, picture and CHARX are told apart whatever they are called, and their bytes are kept."""
    for data, container in [
        (TWO, "json"),
        (png(text("chara", TWO)), "png"),
        (charx(TWO), "charx"),
        (b"\xff\xd8\xff" + charx(TWO), "charx"),
    ]:
        assert read(tmp_path, data) == CardFile(container, data, TWO)  # type: ignore[arg-type]


def test_every_kind_of_text_chunk_may_hold_the_card(tmp_path: Path) -> None:
    """Plain, compressed and international text, with any case of the keyword, line ends in the base64, or its padding gone."""
    coded = base64.b64encode(TWO)
    bodies = [
        (b"tEXt", b"Chara\x00" + coded),
        (b"tEXt", b"chara\x00" + base64.encodebytes(TWO)),
        (b"tEXt", b"chara\x00" + coded.rstrip(b"=")),
        (b"zTXt", b"chara\x00\x00" + zlib.compress(coded)),
        (b"iTXt", b"chara\x00\x00\x00en\x00Figur\x00" + coded),
        (b"iTXt", b"chara\x00\x01\x00\x00\x00" + zlib.compress(coded)),
    ]
    for kind, body in bodies:
        assert read(tmp_path, png(chunk(kind, body))).card == TWO


def test_the_newer_card_of_a_picture_wins(tmp_path: Path) -> None:
    """A picture with a copy for older programs is read as the newer card, in whatever order they stand."""
    assert read(tmp_path, png(text("chara", TWO), text("ccv3", THREE))).card == THREE
    assert read(tmp_path, png(text("ccv3", THREE), text("chara", TWO))).card == THREE


def test_a_wrong_checksum_is_noted(tmp_path: Path) -> None:
    """A picture whose card can be read is taken although a tool forgot the checksum, and this is said."""
    found = read(tmp_path, png(chunk(b"tEXt", b"chara\x00" + base64.b64encode(TWO), checksum=1)))
    assert found.card == TWO and "checksum of a b'tEXt' chunk is wrong" in found.notes[0]


@pytest.mark.parametrize("end", range(8, len(png(text("chara", written(V1)))), 37))
def test_a_picture_that_is_cut_off_is_refused(tmp_path: Path, end: int) -> None:
    """Wherever it ends too early, behind its signature."""
    assert "the picture is cut off. Fetch the file again." in complaint(tmp_path, png(text("chara", written(V1)))[:end])


def _stored(name: str, content: bytes = b"x") -> bytes:
    return charx(TWO, **{name: content})


def _twice() -> bytes:
    target = io.BytesIO(charx(TWO))
    with warnings.catch_warnings(), zipfile.ZipFile(target, "a") as archive:
        warnings.simplefilter("ignore")
        archive.writestr("card.json", TWO)
    return target.getvalue()


def _encrypted() -> bytes:
    data = bytearray(charx(TWO))
    data[data.index(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


def _lying() -> bytes:
    """A zip whose card states a size of 100 bytes, and would unpack to 50 MB."""
    data = bytearray(charx(b" " * 50_000_000))
    place = data.index(b"PK\x01\x02") + 24
    data[place : place + 4] = (100).to_bytes(4, "little")
    return bytes(data)


def _packed_otherwise() -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("card.json", TWO)
    return target.getvalue()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (png(), "no text chunk called ccv3 or chara"),
        (png(chunk(b"tEXt", b"Comment\x00hello")), "no text chunk called ccv3 or chara"),
        (png(chunk(b"tEXt", b"chara\x00!!no base64!!")), "the text chunk 'chara' is not base64"),
        (png(chunk(b"tEXt", b"ccv3\x00" + b"A" * 5)), "the text chunk 'ccv3' is not base64"),
        (png(chunk(b"zTXt", b"chara\x00\x00no zlib")), "damaged"),
        (png(chunk(b"zTXt", b"chara\x00\x00" + zlib.compress(base64.b64encode(TWO))[:-9])), "cut off, or larger than 20 MB"),
        (png(chunk(b"zTXt", b"chara\x00\x00" + zlib.compress(b"A" * 25_000_000))), "cut off, or larger than 20 MB"),
        (b"\xff\xd8\xff\xe0 a JPEG", "a card comes in a PNG picture"),
        (b"RIFF....WEBP", "a card comes in a PNG picture"),
        (_stored("../../etc/x"), "names a place outside itself ('../../etc/x')"),
        (_stored("/etc/x"), "names a place outside itself"),
        (_stored("C:/x"), "names a place outside itself"),
        (_stored("a\\..\\x"), "names a place outside itself"),
        (_stored("big", b"\x00" * 101_000_000), "would unpack to more than 10000 files or 100 MB"),
        (charx(b" " * (LARGEST_FILE + 1)), "card.json is larger than 20 MB"),
        (charx(TWO).replace(b"card.json", b"Card.json"), "there is no card.json at its root"),
        (_twice(), "two files of the same name"),
        (_encrypted(), "is encrypted. Save it again without a password."),
        (_lying(), "is damaged. Fetch the file again."),
        (_packed_otherwise(), "compressed in an unusual way"),
        (b" " * (LARGEST_FILE + 1), "the file is larger than 20 MB"),
    ],
)
def test_what_cannot_be_a_card_is_refused_in_words(tmp_path: Path, data: bytes, words: str) -> None:
    """Damaged, oversized, encrypted or treacherous files: the complaint names the file and the way out, and nothing is unpacked for it."""
    assert words in complaint(tmp_path, data)


@pytest.mark.parametrize("place", range(0, 900, 23))
def test_a_damaged_charx_ends_in_words(tmp_path: Path, place: int) -> None:
    """Whichever byte is wrong, the card comes out whole or our own sentence does."""
    data = bytearray(charx(TWO, **{"assets/icon.png": plain_picture()}))
    data[place % len(data)] ^= 0xFF
    path = tmp_path / "file"
    path.write_bytes(data)
    try:
        assert read_card_file(path).card in {TWO, bytes(data)}
    except PersonaError as refused:
        assert refused.message.startswith(str(path))


def test_a_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    """No file, or a folder: a sentence, no traceback."""
    with pytest.raises(PersonaError, match="cannot be read: No such file"):
        read_card_file(tmp_path / "nothing.png")
    with pytest.raises(PersonaError, match="cannot be read: Is a directory"):
        read_card_file(tmp_path)


def test_a_picture_gets_another_card_and_stays_the_same_picture() -> None:
    """Old cards and copies go, the new one comes, and every other chunk and what stands behind the end keep their bytes."""
    odd = chunk(b"tIME", b"\x07\xea\x0b\x14\x00\x00\x00", checksum=7)
    before = png(text("chara", TWO), odd, chunk(b"tEXt", b"Comment\x00mine"), text("ccv3", THREE)) + b"behind the end"
    after = write_png(before, b"{}", "ccv3", "x.png")
    assert after == png(odd, chunk(b"tEXt", b"Comment\x00mine")).removesuffix(chunk(b"IEND", b"")) + text("ccv3", b"{}") + chunk(
        b"IEND", b""
    ) + (b"behind the end")


def test_a_plain_picture_is_a_picture() -> None:
    """Its header, its rows and its end are as the format wants them."""
    (header, size), (data, rows), (end, _) = chunks_of(plain_picture())
    assert (header, data, end) == (b"IHDR", b"IDAT", b"IEND")
    width, height = int.from_bytes(size[:4]), int.from_bytes(size[4:8])
    assert len(zlib.decompress(rows)) == (width + 1) * height


def test_a_charx_gets_another_card_and_keeps_its_other_files() -> None:
    """The other members stay, with their order, times and comments."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.comment = b"mine"
        archive.writestr(zipfile.ZipInfo("assets/", (2020, 1, 1, 0, 0, 0)), b"")
        archive.writestr(zipfile.ZipInfo("assets/a.png", (2021, 2, 3, 4, 5, 6)), b"picture")
        archive.writestr("card.json", TWO)
        archive.writestr("risu.json", b"{}", zipfile.ZIP_DEFLATED)
    assert asset_names(target.getvalue(), "x.charx") == ["assets/a.png", "risu.json"]
    after = write_charx(b"{}", target.getvalue(), {}, "x.charx")
    with zipfile.ZipFile(io.BytesIO(after)) as archive:
        assert [(member.filename, archive.read(member)) for member in archive.infolist()] == [
            ("assets/", b""),
            ("assets/a.png", b"picture"),
            ("card.json", b"{}"),
            ("risu.json", b"{}"),
        ]
        assert (archive.comment, archive.getinfo("assets/a.png").date_time) == (b"mine", (2021, 2, 3, 4, 5, 6))
