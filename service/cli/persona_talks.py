"""The conversations that a prompt bench asks: of a file, or the persona's probes."""

from pathlib import Path

import msgspec

from service.errors import Invalid
from service.personas.markup import read_text, read_yaml, refuse
from service.personas.shelf import Expectation, Message, Probe
from service.providers.base import Turn


class Talk(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation that ends with a person's message, and what a good reply to it must be, where that is known."""

    turns: list[Turn]
    expect: Expectation | None = None


class _Conversation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    messages: list[Message]


_Written = str | list[str] | _Conversation


def talks_of_file(path: Path) -> list[Talk]:
    """Read `.yaml` (a list) or `.jsonl` (one per line), or any other file as one message per line; raise `PersonaError` with file and line.

    An item of the first two is a message, a list of messages in turn, or `{messages: [{role, content}]}`. A reply at the end of one, as
    in a file of seeds, is left out: it is what is asked for.
    """
    text = read_text(path)
    match path.suffix:
        case ".yaml" | ".yml":
            written: list[_Written] = read_yaml(path, text, list[_Written])
            found = [(number, _talk(item)) for number, item in enumerate(written, 1)]
            refuse(f"{path}: conversation {number}: {talk}" for number, talk in found if isinstance(talk, str))
        case ".jsonl":
            found = [(number, _decoded(line)) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
            refuse(f"{path}:{number}: {talk}" for number, talk in found if isinstance(talk, str))
        case _:
            found = [(number, _talk(line.strip())) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    talks = [talk for _, talk in found if isinstance(talk, Talk)]
    if not talks:
        raise Invalid(f"There is nothing to ask in {path}. Write one message per line.")
    return talks


def talks_of_probes(probes: list[Probe]) -> list[Talk]:
    """The persona's own questions, with what it expects."""
    return [Talk(turns=[Turn("user", probe.ask)], expect=probe.expect) for probe in probes]


def _decoded(line: str) -> Talk | str:
    try:
        return _talk(msgspec.json.decode(line, type=_Written))
    except msgspec.DecodeError as error:
        return str(error)


def _talk(written: _Written) -> Talk | str:
    """The conversation, or what is wrong with it."""
    match written:
        case str():
            turns = [Turn("user", written)]
        case list():
            turns = [Turn(("user", "assistant")[place % 2], text) for place, text in enumerate(written)]
        case _:
            turns = [Turn(message.role, message.content) for message in written.messages]
    if turns and turns[-1].role == "assistant":
        turns.pop()
    if not turns or [turn.role for turn in turns] != ["user", *["assistant", "user"] * (len(turns) // 2)]:
        return "a conversation is user and assistant in turn, begins with the user, and holds a message to answer."
    if not turns[-1].content.strip():
        return "the message to answer is empty."
    return Talk(turns=turns)
