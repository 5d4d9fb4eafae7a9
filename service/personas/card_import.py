"""A Character Card becomes a persona: its file, its seed samples, and beside them the card in full.

NAME.md             settings and prompt, as any persona's
NAME.seeds.jsonl    the card's example conversations
NAME.card.json      the card, byte for byte; its lorebook is read from here
NAME.card.png       the picture or the CHARX file that the card came in
NAME.card.charx
"""

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import yaml

from service.errors import Conflict, PersonaError
from service.personas.card import Card, file_name, read_card
from service.personas.card_examples import read_examples
from service.personas.card_files import CardFile, read_card_file
from service.personas.card_macros import as_plain, clean, unknown_macros, varies
from service.personas.card_prompt import SECTIONS, card_prompt
from service.personas.file import PERSONA_NAME, read_persona
from service.personas.lorebook_file import find_book, read_lorebook
from service.personas.shelf import Seed

USER = "User"
"""What {{user}} says where nobody knows the person's name."""

_REASONS = {"up": ["funny", "caring", "helpful"], "down": ["misunderstood", "mean", "off_character", "boring"]}
_KINDS = ("md", "seeds.jsonl", "card.json", "card.png", "card.charx")
_LONGEST_QUOTE = 60


class Imported(msgspec.Struct, frozen=True):
    """What came of a card: each field with what it became, what the owner should know, and the files that were written and replaced."""

    name: str
    card: Card
    fields: list[tuple[str, str]]
    notes: list[str]
    written: list[Path]
    replaced: list[Path]


def import_card(source: Path, folder: Path, *, name: str = "", models: list[str], user: str = USER, force: bool = False) -> Imported:
    """Make a persona of the card in `source`; with `force` also in the place of one, whose files are kept as `.bak`.

    Raise `PersonaError` when the file holds no card or the persona could not be read, and `Conflict` when the name is taken. Then, too,
    nothing is left behind.
    """
    user = " ".join(clean(user).split()) or USER
    file = read_card_file(source)
    card = read_card(file.card, str(source))
    name = name or file_name(card.title)
    if not name:
        raise PersonaError(f"{source}: no name for a file can be made of the card's name. Give one: --name NAME.")
    if not PERSONA_NAME.fullmatch(name):
        raise PersonaError(f"'{name[:80]}' is no name for a persona: it is made of small letters, digits, - and _, at most 64.")
    if not card.title:
        card = msgspec.structs.replace(card, name=name)
    seeds, alone = read_examples(card.mes_example, card.char, user, card.title)
    texts = {"md": persona_file(card, models, user).encode(), "card.json": file.card}
    if seeds:
        texts["seeds.jsonl"] = "".join(f"{json.dumps(msgspec.to_builtins(seed), ensure_ascii=False)}\n" for seed in seeds).encode()
    if file.container != "json":
        texts[f"card.{file.container}"] = file.data
    stale = [folder / f"{name}.{kind}" for kind in _KINDS if kind != "seeds.jsonl" or seeds]
    replaced = [path for path in stale if path.exists()]
    if replaced and not force:
        raise Conflict(
            f"There is {replaced[0]} already. Choose another name (--name NAME), or replace it (--force).", code="persona_exists"
        )
    written = _write(folder, name, texts, replaced)
    return Imported(name, card, _fields(card, seeds, alone, folder, name), _notes(file, card, alone), written, replaced)


def persona_file(card: Card, models: list[str], user: str) -> str:
    """The text of the persona's file."""
    names = {"user": user} if card.char == card.title else {"user": user, "char": card.char}
    front: dict[str, Any] = {
        "title": card.title,
        "greeting": greeting(card, user),
        "models": models,
        "variables": names,
        "ratings": _REASONS,
    }
    return f"---\n{yaml.dump(front, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=130)}---\n{card_prompt(card)}\n"


def greeting(card: Card, user: str) -> str:
    """What the persona says first."""
    return as_plain(card.first_mes, {"char": card.char, "user": user}).strip()


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as they are, and short lists on one line."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


def _list(dumper: yaml.SafeDumper, items: list[Any]) -> yaml.Node:
    return dumper.represent_sequence("tag:yaml.org,2002:seq", items, flow_style=True)


_Dumper.add_representer(str, _text)
_Dumper.add_representer(list, _list)


def _write(folder: Path, name: str, texts: Mapping[str, bytes], replaced: list[Path]) -> list[Path]:
    """Write the files beside their places and read them as the service would; only then put them there, the persona's own one last."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".import-") as beside:
            made = Path(beside)
            for kind, text in texts.items():
                (made / f"{name}.{kind}").write_bytes(text)
            _check(made, name)
            return put_in_place(made, [folder / f"{name}.{kind}" for kind in reversed(_KINDS) if kind in texts], replaced)
    except OSError as error:
        raise PersonaError(f"The persona cannot be written to {folder}: {error.strerror}.") from error


def _check(made: Path, name: str) -> None:
    try:
        read_persona(made / f"{name}.md")
    except PersonaError as error:
        raise PersonaError(error.message.replace(f"{made}{os.sep}", "")) from error


def put_in_place(made: Path, places: list[Path], replaced: list[Path]) -> list[Path]:
    """Move the files of `made` to their places; raise `OSError` when one cannot be moved, and then all is as it was."""
    kept = {path: path.with_name(f"{path.name}.bak") for path in replaced}
    for path, copy in kept.items():
        shutil.copy2(path, copy)
    try:
        for path in places:
            (made / path.name).replace(path)
        for path in set(replaced) - set(places):
            path.unlink()
    except OSError:
        for path in places:
            path.unlink(missing_ok=True)
        for path, copy in kept.items():
            shutil.copy2(copy, path)
        raise
    return places[::-1]


def _fields(card: Card, seeds: list[Seed], alone: list[str], folder: Path, name: str) -> list[tuple[str, str]]:
    """What became of every field that says anything."""
    became = {"name": "title", "first_mes": "greeting", **dict.fromkeys(SECTIONS, "prompt"), "nickname": "what {{char}} says"}
    became["post_history_instructions"] = "prompt, at its end (no place after the history)"
    became["mes_example"] = f"{_count(len(seeds), 'seed sample')} to train on" + (
        f", {_count(len(alone), 'part')} left over" if alone else ""
    )
    book = read_lorebook(folder, name, {"char": card.char, "user": USER})
    if book and find_book({"data": card.fields}) is not None:
        became["character_book"] = f"lorebook of {_count(len(book.books[0].entries), 'entry', 'entries')}"
        if off := book.books[0].left_out:
            became["character_book"] += f", and {off} that are switched off or can never be found"
    told = {key: value for key, value in card.fields.items() if value not in (None, "", [], {})}
    return [(key, became.get(key, "kept in the card, not used")) for key in told]


def _notes(file: CardFile, card: Card, alone: list[str]) -> list[str]:
    """What the owner should know."""
    used = [getattr(card, field) for field in (*SECTIONS, "first_mes", "mes_example")]
    notes = [*file.notes, *card.notes]
    notes += [f"left over in mes_example, because it has no partner: {_quoted(part)}" for part in alone]
    if any(varies(text) for text in used):
        notes.append("{{random}}, {{pick}} and {{roll}} have chosen once and for all: a prompt is the same each time")
    if unknown := [macro for text in used for macro in unknown_macros(text)]:
        notes.append(f"macros that mean nothing here stay as they are written: {', '.join(map(_quoted, dict.fromkeys(unknown)))}")
    if card.creator_notes.strip():
        notes.append(f"its creator says: {_quoted(card.creator_notes, 500)}")
    return notes


def _quoted(text: str, longest: int = _LONGEST_QUOTE) -> str:
    line = " ".join(clean(text).split())
    return f"{line[:longest]}..." if len(line) > longest else line


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or f'{one}s'}"
