"""A persona becomes a Character Card.

One that came as a card gives it back as it came, byte for byte; only where the persona's files were edited since, the edited words take
the place of the card's, in their fields and nowhere else. One that never was a card becomes a fresh card of V3, or of V2.
"""

import json
from pathlib import Path
from typing import Any, Literal

import msgspec

from service.errors import Conflict, Invalid, PersonaError
from service.personas.card import Card, read_card
from service.personas.card_charx import asset_names, read_charx, write_charx
from service.personas.card_examples import read_examples, write_examples
from service.personas.card_files import LARGEST_FILE, read_bytes
from service.personas.card_import import USER, greeting
from service.personas.card_json import Place, change_json, read_json
from service.personas.card_png import has_two_cards, plain_picture, read_png, write_png
from service.personas.card_prompt import SECTIONS, card_section, read_sections
from service.personas.lorebook_file import find_book
from service.personas.persona import Persona
from service.personas.shelf import Personas, Seed

Spec = Literal["v2", "v3"]

_CONTAINERS = (".json", ".png", ".charx")
_MACROS = {"char": "{{char}}", "user": "{{user}}"}
_PICTURE = "assets/icon/images/main.png"


class Exported(msgspec.Struct, frozen=True):
    """What was written: the version of the card, the fields in which the persona's edited words stand, and what the owner should know."""

    version: int
    edited: list[str]
    notes: list[str]


class _Beside(msgspec.Struct, frozen=True):
    """The files beside the persona that its card came in."""

    folder: Path
    name: str

    def path(self, kind: str) -> Path:
        return self.folder / f"{self.name}.{kind}"

    def read(self, kind: str) -> bytes | None:
        return read_bytes(self.path(kind)) if self.path(kind).exists() else None


def export_card(personas: Personas, folder: Path, name: str, target: Path, *, spec: Spec | None = None, force: bool = False) -> Exported:
    """Write the persona's card to `target`, in the container that its ending names.

    Raise `Invalid` for what such a file cannot hold, `Conflict` when it is there already and not to be replaced (`force`), and
    `PersonaError` when one of the persona's files cannot be read or the target not be written.
    """
    persona = personas.get(name)
    if target.suffix not in _CONTAINERS:
        raise Invalid(f"{target}: a card goes into a file that ends with {', '.join(_CONTAINERS[:-1])} or {_CONTAINERS[-1]}.")
    if target.exists() and not force:
        raise Conflict(f"There is {target} already. Choose another name, or replace it (--force).", code="file_exists")
    beside = _Beside(folder, name)
    data = beside.read("card.json")
    if data is None:
        edited: list[str] = []
        version = 2 if spec == "v2" else 3
        card = _fresh(persona, personas.seeds(name), version, beside)
    else:
        card, version, edited = _given_back(persona, personas.seeds(name), data, str(beside.path("card.json")))
        if spec and spec != f"v{version}":
            raise Invalid(f"{name} came as a card of V{version} and goes out as one. Leave --spec away.")
    if target.suffix == ".charx" and version < 3:
        raise Invalid(f"A CHARX file holds cards of V3 only, and this one is of V{version}. Export it to a .json or .png file.")
    content, notes = _contained(card, version, target.suffix, beside)
    if data is not None and beside.path("lorebook.json").exists():
        notes.append(f"{beside.path('lorebook.json')} is no part of the card")
    _write(target, content)
    return Exported(version, edited, notes)


def _given_back(persona: Persona, seeds: list[Seed], data: bytes, origin: str) -> tuple[bytes, int, list[str]]:
    """The card that the persona came as, its version, and the fields that were changed to what the persona says now."""
    card = read_card(data, origin)
    changes = _edits(persona, seeds, card)
    document = read_json(data, origin)
    places: dict[Place, str] = {}
    for field, text in changes.items():
        if card.version > 1:
            places["data", field] = text
        if card.version == 1 or field in document:  # Some programs write the V1 fields beside `data` as well.
            places[(field,)] = text
    return change_json(data, places) if places else data, card.version, list(changes)


def _edits(persona: Persona, seeds: list[Seed], card: Card) -> dict[str, str]:
    """The fields of the card of which the persona's files say something else than was made of them."""
    told = persona.settings
    user = told.variables.get("user", USER)
    card = card if card.title else msgspec.structs.replace(card, name=persona.name)
    changes = {} if told.title == card.title else {"name": told.title}
    if card.version == 3 and told.variables.get("char", told.title) not in {card.char, told.title}:
        changes["nickname"] = told.variables["char"]
    if told.greeting.strip() != greeting(card, user):
        changes["first_mes"] = told.greeting
    sections = read_sections(persona.template)
    for field in SECTIONS:
        if sections.get(field, "") != card_section(card, field):
            changes[field] = _as_card_text(persona, sections.get(field, ""))
    if seeds != read_examples(card.mes_example, card.char, user, card.title)[0]:
        changes["mes_example"] = write_examples(seeds)
    return _in_v1_fields(changes, card) if card.version == 1 else changes


def _in_v1_fields(changes: dict[str, str], card: Card) -> dict[str, str]:
    """The same changes where there are no fields for instructions: those go into the description."""
    first, last = changes.pop("system_prompt", ""), changes.pop("post_history_instructions", "")
    if first or last:
        changes["description"] = "\n\n".join(filter(None, (first, changes.get("description", card.description), last)))
    return changes


def _as_card_text(persona: Persona, template: str) -> str:
    """What a part of the prompt says, with the names as a card's macros."""
    return msgspec.structs.replace(persona, template=template).prompt(_MACROS)


def _fresh(persona: Persona, seeds: list[Seed], version: int, beside: _Beside) -> bytes:
    """A card of a persona that never was one."""
    texts = ("personality", "scenario", "creator_notes", "system_prompt", "post_history_instructions", "creator", "character_version")
    fields: dict[str, Any] = {
        "name": persona.settings.title,
        "description": _as_card_text(persona, persona.template),
        "first_mes": persona.settings.greeting,
        "mes_example": write_examples(seeds),
        **dict.fromkeys(texts, ""),
        "alternate_greetings": [],
        "tags": [],
        "extensions": {},
    }
    if version == 3:
        fields["group_only_greetings"] = []
    if (book := beside.read("lorebook.json")) is not None:
        fields["character_book"] = find_book(read_json(book, str(beside.path("lorebook.json"))))
    document = {"spec": f"chara_card_v{version}", "spec_version": f"{version}.0", "data": fields}
    return json.dumps(document, ensure_ascii=False, indent=2).encode()


def _contained(card: bytes, version: int, suffix: str, beside: _Beside) -> tuple[bytes, list[str]]:
    """The card in its container, and what of the one that it came in is not carried over."""
    picture, charx = beside.read("card.png"), beside.read("card.charx")
    if suffix == ".charx":
        return _in_charx(card, picture, charx, str(beside.path("card.charx")))
    notes = []
    if charx is not None and (names := asset_names(charx, str(beside.path("card.charx")))):
        notes.append(f"{len(names)} of the CHARX file's files are left out; export to a .charx file to keep them")
    if suffix == ".png":
        content, further = _in_png(card, version, picture, str(beside.path("card.png")))
        return content, notes + further
    return card, notes + (["the picture is left out; export to a .png file to keep it"] if picture is not None else [])


def _in_png(card: bytes, version: int, picture: bytes | None, origin: str) -> tuple[bytes, list[str]]:
    keyword = "ccv3" if version == 3 else "chara"
    if picture is None:
        return write_png(plain_picture(), card, keyword, origin), ["the card has no picture; it stands in a plain grey one"]
    if read_png(picture, origin, LARGEST_FILE)[0] == card:
        return picture, []
    notes = ["the V2 copy in the picture would be older than the card, and is left out"] if has_two_cards(picture, origin) else []
    return write_png(picture, card, keyword, origin), notes


def _in_charx(card: bytes, picture: bytes | None, charx: bytes | None, origin: str) -> tuple[bytes, list[str]]:
    if charx is None:
        return write_charx(card, None, {} if picture is None else {_PICTURE: picture}, origin), []
    same = read_charx(charx, origin, LARGEST_FILE) == card
    return charx if same else write_charx(card, charx, {}, origin), []


def _write(target: Path, content: bytes) -> None:
    beside = target.with_name(f".{target.name}.part")
    try:
        beside.write_bytes(content)
        beside.replace(target)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise PersonaError(f"{target}: the file cannot be written: {error.strerror}.") from error
