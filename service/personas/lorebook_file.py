"""Reading lorebooks: the `character_book` of a persona's card, and a lorebook of its own beside the persona.

NAME.card.json         {"spec": "chara_card_v3", "data": {..., "character_book": {...}}}
NAME.lorebook.json     {"spec": "lorebook_v3", "data": {...}}
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from service.errors import PersonaError
from service.personas.card_files import read_bytes
from service.personas.card_json import read_json
from service.personas.card_macros import as_plain, hidden_keys
from service.personas.lorebook import Book, Entry, Lorebook, Rule
from service.personas.lorebook_decorators import split_decorators
from service.personas.lorebook_keys import Keys, pattern_keys, plain_keys

_SCAN_DEPTH = 4
_TOKEN_BUDGET = 500
"""For a book that names no depth and no budget: the last two exchanges, and about a page."""

_MOST_ENTRIES = 5_000


class _EntryFile(msgspec.Struct):
    """An entry as cards have it: any field may be missing or null, and keys may be one text with commas."""

    keys: list[str] | str | None = None
    secondary_keys: list[str] | str | None = None
    content: str | None = None
    enabled: bool | None = None
    insertion_order: float | None = None
    priority: float | None = None
    case_sensitive: bool | None = None
    use_regex: bool | None = None
    constant: bool | None = None
    selective: bool | None = None
    id: Any = None
    position: Any = None
    extensions: Any = None


class _BookFile(msgspec.Struct):
    """A book as cards have it."""

    entries: list[_EntryFile]
    scan_depth: float | None = None
    token_budget: float | None = None
    recursive_scanning: bool | None = None


def read_lorebook(folder: Path, name: str, names: Mapping[str, str]) -> Lorebook | None:
    """What the files beside the persona know, None if nothing; `names` are what {{char}} and {{user}} say where nobody says otherwise."""
    books = []
    for kind in ("card", "lorebook"):
        path = folder / f"{name}.{kind}.json"
        if path.exists():
            book = find_book(read_json(read_bytes(path), str(path)))
            if book is None and kind == "lorebook":
                raise PersonaError(f'{path}: this is no lorebook: it should be {{"spec": "lorebook_v3", "data": {{"entries": [...]}}}}.')
            if book is not None:
                books.append(read_book(book, str(path), kind, names))
    return Lorebook(tuple(books)) if books else None


def find_book(document: Any) -> Any:
    """The lorebook within the JSON of a card or of a lorebook; None if there is none."""
    if not isinstance(document, dict):
        return None
    fields = document["data"] if isinstance(document.get("data"), dict) else document
    return fields if document.get("spec") == "lorebook_v3" else fields.get("character_book")


def read_book(book: Any, origin: str, kind: str, names: Mapping[str, str]) -> Book:
    """Make the entries of a book ready to be found; raise `PersonaError` naming `origin` for a book that is none."""
    try:
        told = msgspec.convert(book, _BookFile, strict=False)
    except msgspec.ValidationError as error:
        raise PersonaError(f"{origin}: the lorebook is not as it should be: {error}.") from error
    if len(told.entries) > _MOST_ENTRIES:
        raise PersonaError(f"{origin}: the lorebook has {len(told.entries)} entries; the limit is {_MOST_ENTRIES}.")
    ids = _ids(told.entries, kind)
    entries = [entry for each, id_ in zip(told.entries, ids, strict=True) if (entry := _read_entry(each, id_, names))]
    return Book(
        entries=tuple(entries),
        scan_depth=_SCAN_DEPTH if told.scan_depth is None else _bounded(told.scan_depth),
        token_budget=_TOKEN_BUDGET if told.token_budget is None else _bounded(told.token_budget),
        recursive=bool(told.recursive_scanning),
        left_out=len(told.entries) - len(entries),
    )


def _ids(entries: list[_EntryFile], kind: str) -> list[str]:
    """A name for each entry: its own number where every entry has another one, else its place."""
    own = [str(entry.id) for entry in entries]
    given = all(isinstance(entry.id, int | str) for entry in entries) and len(set(own)) == len(own)
    return [f"{kind}:{id_[:64]}" for id_ in own] if given else [f"{kind}:{place}" for place in range(len(entries))]


def _read_entry(told: _EntryFile, id_: str, names: Mapping[str, str]) -> Entry | None:
    """The entry; None if nothing could ever bring it into the prompt."""
    decorators, text = split_decorators((told.content or "").replace("\r\n", "\n"))
    if told.enabled is False or decorators.get("is_greeting") or (decorators.get("dont_activate") and not decorators.get("activate")):
        return None
    source = as_plain(text, {key: value for key, value in names.items() if key != "user"}).strip()
    rule = _read_rule(told, decorators, names)
    if not source or not (rule.always or rule.unconditional or all(rule.groups)):
        return None
    order = told.insertion_order or 0
    content = source.replace("{{user}}", names["user"])
    before = decorators.get("position", told.position) == "before_char"
    return Entry(
        id=id_,
        content=content,
        rule=rule,
        order=order,
        priority=order if told.priority is None else told.priority,
        position="before_char" if before else "after_char",
        depth=None if "position" in decorators else decorators.get("depth"),
        role=decorators.get("role", "system"),
        source=source,
        scanned="\n".join([content, *hidden_keys(text)]),
    )


def _read_rule(told: _EntryFile, decorators: Mapping[str, Any], names: Mapping[str, str]) -> Rule:
    return Rule(
        groups=_groups(told, decorators, names),
        excluded=Keys()
        if told.use_regex
        else plain_keys(decorators.get("exclude_keys", ()), bool(told.case_sensitive), _whole_words(told)),
        always=bool(told.constant) and not told.use_regex,
        unconditional=bool(decorators.get("activate")),
        scan_depth=decorators.get("scan_depth"),
        whole_conversation=bool(decorators.get("keep_activate_after_match")),
        first_reply=decorators.get("activate_only_after", 0),
        every_reply=decorators.get("activate_only_every", 1),
    )


def _groups(told: _EntryFile, decorators: Mapping[str, Any], names: Mapping[str, str]) -> tuple[Keys, ...]:
    """The keys, one of which must be found, and beside them the secondary and additional ones, of which one must be found too.

    The specification makes patterns out of all keys of an entry with `use_regex`: there additional ones are further choices.
    """
    sensitive = bool(told.case_sensitive)
    keys, additional = _listed(told.keys), decorators.get("additional_keys", [])
    if told.use_regex:
        return (pattern_keys([*keys, *additional], sensitive),)
    secondary = _listed(told.secondary_keys) if told.selective else []
    groups = [[as_plain(key, names) for key in group] for group in (keys, secondary, additional)]
    made = [plain_keys(group, sensitive, _whole_words(told)) for group in groups]
    return (made[0], *filter(None, made[1:]))


def _listed(keys: list[str] | str | None) -> list[str]:
    return keys.split(",") if isinstance(keys, str) else keys or []


def _whole_words(told: _EntryFile) -> bool:
    """Whether keys are whole words only: a choice that SillyTavern keeps among the extensions."""
    return isinstance(told.extensions, dict) and told.extensions.get("match_whole_words") is True


def _bounded(number: float) -> int:
    return int(min(max(number, 0), 1_000_000))
