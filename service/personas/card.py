"""A Character Card: what its fields say, in any of the three versions of the format.

V1 is six texts in one object. V2 and V3 put them under `data`, with `spec` and `spec_version` beside it, and add fields. Cards in the
wild leave fields out, put null into them and add their own: that is no mistake. A text that is no text is.
"""

import re
import unicodedata
from typing import Any

import msgspec

from service.errors import PersonaError
from service.personas.card_json import read_json
from service.personas.card_macros import clean

V1_FIELDS = ("name", "description", "personality", "scenario", "first_mes", "mes_example")
_TEXTS = (*V1_FIELDS, "creator_notes", "system_prompt", "post_history_instructions", "nickname")
_TELLING = (*V1_FIELDS[1:], "system_prompt")
_SPECS = {"chara_card_v2": 2, "chara_card_v3": 3}
_NEWEST = 3.0
_LONGEST_NAME = 64


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """The fields that a persona is made of; `fields` is all of them as they were given, and `notes` what is odd about the card."""

    version: int
    fields: dict[str, Any]
    notes: list[str] = []
    name: str = ""
    description: str = ""
    personality: str = ""
    scenario: str = ""
    first_mes: str = ""
    mes_example: str = ""
    creator_notes: str = ""
    system_prompt: str = ""
    post_history_instructions: str = ""
    nickname: str = ""

    @property
    def title(self) -> str:
        """The name on one line."""
        return " ".join(clean(self.name).split())

    @property
    def char(self) -> str:
        """What {{char}} says: the nickname where there is one."""
        return " ".join(clean(self.nickname).split()) or self.title


def read_card(data: bytes, origin: str) -> Card:
    """Read the JSON of a card of any version; raise `PersonaError` naming `origin` when it is none."""
    document = read_json(data, origin)
    if not isinstance(document, dict):
        raise PersonaError(f"{origin}: this JSON is no character card: a card is an object.")
    version, fields, notes = _opened(document, origin)
    texts = {key: _text(fields, key, origin) for key in _TEXTS}
    card = Card(version=version, fields=fields, notes=notes, **texts)
    if not any(getattr(card, key).strip() for key in _TELLING):
        raise PersonaError(f"{origin}: the card says nothing: {', '.join(_TELLING)} are all empty.")
    return card


def file_name(title: str) -> str:
    """A name for a persona's file made of this title; empty when no letter of it can be used."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:_LONGEST_NAME].rstrip("-")


def _opened(document: dict[str, Any], origin: str) -> tuple[int, dict[str, Any], list[str]]:
    """The version, the object that holds the fields, and what is odd."""
    spec = document.get("spec")
    if spec is None and "data" not in document:
        if "name" not in document or not any(key in document for key in V1_FIELDS[1:]):
            raise PersonaError(f"{origin}: this JSON is no character card: it has neither `spec` and `data` nor the fields of a V1 card.")
        return 1, document, []
    if spec == "lorebook_v3":
        raise PersonaError(f"{origin}: this is a lorebook, not a card. Put it beside a persona as NAME.lorebook.json.")
    fields = document.get("data")
    if not isinstance(fields, dict):
        raise PersonaError(f"{origin}: this JSON is no character card: `data` should be an object, and is {_kind(fields)}.")
    if spec not in _SPECS:
        return 3, fields, [f"spec {spec!r} is unknown; the card was read as one of V3"]
    return _SPECS[spec], fields, _newer(document.get("spec_version"))


def _newer(version: Any) -> list[str]:
    try:
        newer = float(version) > _NEWEST
    except (TypeError, ValueError):
        newer = False
    return [f"spec_version {version} is newer than {_NEWEST}; fields that it added are kept and not used"] if newer else []


def _text(fields: dict[str, Any], key: str, origin: str) -> str:
    value = fields.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise PersonaError(f"{origin}: the card's `{key}` should be text, and is {_kind(value)}.")
    return value


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "text"
    return "missing" if value is None else "a list" if isinstance(value, list) else "an object"
