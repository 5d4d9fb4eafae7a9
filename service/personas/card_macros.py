"""The macros of Character Cards, such as {{char}} and <USER>: a card's text as a template of ours, or as plain words.

The specification wants {{random:a,b}} to be another word each time. A prompt has to be the same each time, because its fingerprint
stands on every exchange: so the choice depends on the words of the macro alone. Macros nobody knows stay as they are written.
"""

import random
import re
from collections.abc import Iterator, Mapping

ORIGINAL = re.compile(r"\{\{\s*original\s*\}\}", re.IGNORECASE)
"""Where a card's own instructions want the words that would stand there without them."""

_CHAR, _USER = "\ufdd0", "\ufdd1"
"""Two characters that no text holds: they stand for the names until it is known how the names are to be written."""

_NAMES = re.compile(r"\{\{\s*(?P<macro>char|user)\s*\}\}|<(?P<tag>char|bot|user)>", re.IGNORECASE)
_INNERMOST = re.compile(r"\{\{(?P<inside>[^{}]*)\}\}")
_CHOICE = re.compile(r"\s*(?:random|pick)\s*:(?P<options>.*)", re.IGNORECASE | re.DOTALL)
_ROLL = re.compile(r"\s*roll\s*:\s*d?(?P<sides>[0-9]{1,9})\s*", re.IGNORECASE)
_REVERSE = re.compile(r"\s*reverse\s*:(?P<text>.*)", re.IGNORECASE | re.DOTALL)
_HIDDEN_KEY = re.compile(r"\s*hidden_key\s*:(?P<key>.*)", re.IGNORECASE | re.DOTALL)
_COMMENT = re.compile(r"\s*(?://|comment\s*:).*", re.IGNORECASE | re.DOTALL)
_UNUSABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x84\x86-\x9f\ufdd0-\ufdef\ufffe\uffff]")
_OPENING = re.compile(r"\{+[%#]?")
_DEEPEST = 20


def clean(text: str) -> str:
    """The text without what no database keeps and no YAML allows: control characters, and halves of surrogate pairs (as U+FFFD)."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return _UNUSABLE.sub("", text)


def as_plain(text: str, names: Mapping[str, str]) -> str:
    """The words that the card's text says; a name not in `names` (char, user) stays as its macro."""
    return _named(_resolved(text), names.get("char", "{{char}}"), names.get("user", "{{user}}"))


def as_template(text: str) -> str:
    """A template that renders as the card's text with both names given by variables, whatever else the text holds."""
    pieces = re.split(f"([{_CHAR}{_USER}])", _resolved(text))
    last = len(pieces) - 1
    return "".join(
        _named(piece, "{{ char }}", "{{ user }}") if place % 2 else _harmless(piece, before_name=place < last)
        for place, piece in enumerate(pieces)
    )


def unknown_macros(text: str) -> list[str]:
    """The macros that stay as they are written, each once, in their order."""
    found = (match[0] for match in _INNERMOST.finditer(_resolved(ORIGINAL.sub("", text))))
    return list(dict.fromkeys(found))


def hidden_keys(text: str) -> list[str]:
    """What a lorebook entry wants to be found by in a recursive scan, though nobody reads it."""
    return [key["key"].strip() for key in _insides(text, _HIDDEN_KEY)]


def varies(text: str) -> bool:
    """Whether the text holds a macro that the specification wants to be different each time."""
    return any(True for _ in (*_insides(text, _CHOICE), *_insides(text, _ROLL)))


def _insides(text: str, kind: re.Pattern[str]) -> Iterator[re.Match[str]]:
    for macro in _INNERMOST.finditer(_NAMES.sub("", clean(text))):
        if match := kind.fullmatch(macro["inside"]):
            yield match


def _resolved(text: str) -> str:
    """The text with every macro but the names done, and the names as their two characters."""
    text = _NAMES.sub(lambda match: _USER if (match["macro"] or match["tag"]).lower() == "user" else _CHAR, clean(text))
    for _ in range(_DEEPEST):
        done = _INNERMOST.sub(_done, text)
        if done == text:
            break
        text = done
    return text


def _done(macro: re.Match[str]) -> str:
    inside = macro["inside"]
    if _COMMENT.fullmatch(inside) or _HIDDEN_KEY.fullmatch(inside):
        return ""
    if match := _REVERSE.fullmatch(inside):
        return match["text"][::-1]
    choice = random.Random(inside)  # The same for the same words, on every machine.
    if match := _CHOICE.fullmatch(inside):
        return choice.choice(_options(match["options"]))
    if (match := _ROLL.fullmatch(inside)) and int(match["sides"]):
        return str(choice.randint(1, int(match["sides"])))
    return macro[0]


def _options(text: str) -> list[str]:
    """What stands between commas, or between double colons, as some programs write it; `\\,` is a comma within an option."""
    text = text.removeprefix(":")
    parts = text.split("::") if "::" in text else re.split(r"(?<!\\),", text)
    return [part.replace("\\,", ",").strip() for part in parts]


def _named(text: str, char: str, user: str) -> str:
    # In one go: a name may itself hold anything.
    return re.sub(f"[{_CHAR}{_USER}]", lambda match: char if match[0] == _CHAR else user, text)


def _harmless(text: str, before_name: bool) -> str:
    """The text with every opening brace that a template would understand shown by an expression instead."""

    def shown(match: re.Match[str]) -> str:
        alone = match[0] == "{" and not (before_name and match.end() == len(text))
        return "{" if alone else "{{ '" + match[0] + "' }}"

    return _OPENING.sub(shown, text)
