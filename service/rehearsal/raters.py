"""Raters: the hidden tastes of simulated people, any Python function `(messages, reply) -> "up" | "down" | None`."""

import importlib
import importlib.util
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from service.errors import Invalid

Message = dict[str, str]
"""`{"role": "user" | "assistant", "content": ...}`"""

Rater = Callable[[list[Message], str], str | None]
"""What a person thinks of a reply to these messages: `up`, `down`, or None for no opinion."""

_WORDS = ("up", "down", None)


class Hostile(NamedTuple):
    """Which share of the people is hostile, and what these people like."""

    share: float
    rater: Rater


def load_rater(text: str) -> Rater:
    """The function that `MODULE:FUNCTION` or `FILE.py:FUNCTION` names; raise `Invalid` in words when there is none."""
    where, colon, name = text.rpartition(":")
    if not colon or not where or not name:
        raise Invalid(f"'{text}' names no rater. Write MODULE:FUNCTION or FILE.py:FUNCTION, such as tastes.py:asks_a_question.")
    found = getattr(_load(where), name, None)
    if not callable(found):
        raise Invalid(f"There is no function '{name}' in {where}.")
    return _checked(found, text)


def load_hostile(text: str) -> Hostile:
    """`0.2:MODULE:FUNCTION`: a share from 0 to 1, and a rater; raise `Invalid` when it is not that."""
    share, _, rater = text.partition(":")
    try:
        value = float(share)
    except ValueError:
        value = -1
    if not 0 <= value <= 1:
        raise Invalid(f"'{text}' names no hostile people. Write a share from 0 to 1 and a rater: 0.2:tastes.py:likes_the_moon.")
    return Hostile(value, load_rater(rater))


def opinion(rater: Rater, messages: Sequence[Message], reply: str) -> str | None:
    """What the rater says; a copy of the messages, so that a function that changes them changes nothing."""
    return rater([dict(message) for message in messages], reply)


def _load(where: str) -> ModuleType:
    try:
        if where.endswith(".py") or Path(where).is_file():
            return _load_file(Path(where))
        sys.path.insert(0, str(Path.cwd()))  # as `python -m` would: the owner's module lies where the command is given
        try:
            return importlib.import_module(where)
        finally:
            sys.path.pop(0)
    except Exception as error:  # a module may raise anything while it is imported
        raise Invalid(f"The rater's module {where} cannot be imported: {type(error).__name__}: {error}") from error


def _load_file(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"rater_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ImportError("it is no Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _checked(rater: Callable[[list[Message], str], Any], text: str) -> Rater:
    def checked(messages: list[Message], reply: str) -> str | None:
        try:
            said = rater(messages, reply)
        except Exception as error:  # the owner's code, and the owner is to know what is wrong with it
            raise Invalid(f"The rater {text} broke off: {type(error).__name__}: {error}") from error
        if said not in _WORDS:
            raise Invalid(f"The rater {text} said {said!r}. A rater says 'up', 'down' or None.")
        return said  # type: ignore[no-any-return]  # one of the three words

    return checked
