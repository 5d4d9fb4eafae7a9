"""Character Cards of all versions and containers, written without any code of the service."""

import base64
import io
import json
import struct
import zipfile
import zlib
from typing import Any

IHDR = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
PIXELS = zlib.compress(b"\x00\x7f")

V1: dict[str, Any] = {
    "name": "Ada",
    "description": "{{char}} keeps a lighthouse. <USER> is her guest.",
    "personality": "dry, warm",
    "scenario": "A storm.",
    "first_mes": "*The door opens.* Come in, {{user}}!",
    "mes_example": "<START>\n{{user}}: Is it far?\n{{char}}: Far enough.\nSit down.\n{{user}}: Thanks.\nAda: Tea?",
}

V2: dict[str, Any] = {
    "spec": "chara_card_v2",
    "spec_version": "2.0",
    "data": {
        **V1,
        "creator_notes": "Best with tea.",
        "system_prompt": "Stay {{char}}. {{original}}",
        "post_history_instructions": "Answer briefly.",
        "alternate_greetings": ["Again?"],
        "character_book": {
            "name": "The coast",
            "extensions": {},
            "entries": [
                {
                    "keys": ["lamp"],
                    "content": "The lamp of {{char}} is lit for {{user}}.",
                    "extensions": {},
                    "enabled": True,
                    "insertion_order": 2,
                },
                {"keys": ["reef"], "content": "The reef has teeth.", "extensions": {}, "enabled": True, "insertion_order": 1},
                {"keys": ["fog"], "content": "No fog.", "extensions": {}, "enabled": False, "insertion_order": 3},
            ],
        },
        "tags": ["sea"],
        "creator": "somebody",
        "character_version": "1.0",
        "extensions": {"other/program": {"depth": 4, "share": 0.10}},
    },
}

V3: dict[str, Any] = {
    "spec": "chara_card_v3",
    "spec_version": "3.0",
    "data": {
        **V2["data"],
        "nickname": "The Keeper",
        "assets": [{"type": "icon", "uri": "embeded://assets/icon/images/main.png", "name": "main", "ext": "png"}],
        "group_only_greetings": [],
        "creation_date": 1700000000,
        "source": ["https://example.org/ada"],
        "a_field_of_the_future": [1, 2.50, None],
    },
}


def written(card: Any) -> bytes:
    """A card as another program would write it."""
    return json.dumps(card, ensure_ascii=False).encode()


def chunk(kind: bytes, body: bytes, checksum: int | None = None) -> bytes:
    """A chunk of a PNG picture."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body) if checksum is None else checksum)


def text(keyword: str, card: bytes) -> bytes:
    """A text chunk with a card in it."""
    return chunk(b"tEXt", keyword.encode() + b"\x00" + base64.b64encode(card))


def png(*chunks: bytes) -> bytes:
    """A picture of one dot with these chunks."""
    return b"".join([b"\x89PNG\r\n\x1a\n", chunk(b"IHDR", IHDR), *chunks, chunk(b"IDAT", PIXELS), chunk(b"IEND", b"")])


def charx(card: bytes, **others: bytes) -> bytes:
    """A CHARX file with this card and these other files."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in {"card.json": card, **others}.items():
            archive.writestr(name, content)
    return target.getvalue()


def chunks_of(picture: bytes) -> list[tuple[bytes, bytes]]:
    """Type and body of every chunk."""
    found, at = [], 8
    while at < len(picture):
        length = int.from_bytes(picture[at : at + 4])
        found.append((picture[at + 4 : at + 8], picture[at + 8 : at + 8 + length]))
        at += 12 + length
    return found
