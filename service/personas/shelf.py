"""All personas of a folder, and the seed samples and probes that lie beside each."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec

from service.errors import NotFound, PersonaError
from service.personas.file import read_persona
from service.personas.markup import read_text, read_yaml
from service.personas.persona import Persona


class Message(msgspec.Struct, frozen=True):
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


class Seed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A sample written by the owner: turns that end with the persona's reply."""

    messages: list[Message]


class Expectation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What can be checked about any good reply to a probe."""

    contains: list[str] = []
    avoids: list[str] = []
    min_words: int = 1
    max_words: int = 200
    question: bool | None = None


class Probe(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A fixed question with an expectation."""

    ask: str
    about: Literal["identity", "honesty", "safety", "kindness", "disagreement", "form"]
    expect: Expectation = Expectation()


class Personas:
    """The personas known by name, as they stood in their files when read."""

    def __init__(self, personas: dict[str, Persona], folder: Path) -> None:
        self._personas = personas
        self._folder = folder

    def __iter__(self) -> Iterator[Persona]:
        return iter(self._personas.values())

    def get(self, name: str) -> Persona:
        """Return the persona; raise `NotFound` naming those there are."""
        try:
            return self._personas[name]
        except KeyError:
            raise NotFound(
                f"There is no persona '{name}'. There are: {', '.join(self._personas)}.", code="persona_not_found", param="model"
            ) from None

    def seeds(self, name: str) -> list[Seed]:
        """The seed samples beside the persona's file, none if there is no such file."""
        path = self._folder / f"{name}.seeds.jsonl"
        if not path.exists():
            return []
        # Not splitlines(): it would also cut at characters that JSON allows within a text, such as U+2028.
        return [_seed(path, number, line) for number, line in enumerate(read_text(path).split("\n"), 1) if line.strip()]

    def probes(self, name: str) -> list[Probe]:
        """The probes beside the persona's file, none if there is no such file."""
        path = self._folder / f"{name}.probes.yaml"
        return read_yaml(path, read_text(path), list[Probe]) if path.exists() else []


def read_personas(folder: Path) -> Personas:
    """Read every `*.md` of the folder; raise `PersonaError` for the first that is wrong, and when there is none."""
    found = {path.stem: read_persona(path) for path in sorted(folder.glob("*.md"))}
    if not found:
        raise PersonaError(f"There is no persona in {folder}. Write one there, such as friend.md, or set ATTUNE_PERSONAS.")
    return Personas(found, folder)


def _seed(path: Path, number: int, line: str) -> Seed:
    try:
        seed = msgspec.json.decode(line, type=Seed)
    except msgspec.DecodeError as error:
        raise PersonaError(f"{path}:{number}: {error}") from error
    roles = [message.role for message in seed.messages]
    if len(roles) < 2 or roles != ["user", "assistant"] * (len(roles) // 2):
        raise PersonaError(f"{path}:{number}: a seed is user and assistant in turn, and ends with the assistant.")
    return seed
