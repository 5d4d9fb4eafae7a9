"""All personas of a folder; the seed samples, golden rows and probes that lie beside each, and the seed samples about safety beside all."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Literal, TypeVar

import msgspec

from service.errors import NotFound, PersonaError
from service.personas.file import SAFETY_FILE, SAFETY_SEEDS, SHARED_PROBES, read_persona, read_safety
from service.personas.markup import read_text, read_yaml, refuse
from service.personas.persona import Persona


class Message(msgspec.Struct, frozen=True):
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


SeedKind = Literal["voice", "adversarial", "broken", "off_topic", "unsafe", "look_alike"]
"""What a seed shows: the persona's voice; that it stays itself when attacked, puzzled, or asked for what is not its field; and, beside all
personas, what must be refused and what only looks as if it had to be."""

_OF_A_PERSONA: tuple[SeedKind, ...] = ("voice", "adversarial", "broken", "off_topic")
_OF_SAFETY: tuple[SeedKind, ...] = ("unsafe", "look_alike")


# Defaults are left out: a seed that is written to a file looks as an owner would write it.
class Seed(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A sample written by the owner: turns that end with the persona's reply."""

    messages: list[Message]
    kind: SeedKind = "voice"


class Golden(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A row the owner judges every version by, and none is ever trained on: turns that end with a good reply, or a bad one (`label` false).

    `exchange` is the id of the one it was taken from; `opening` the first message of that conversation, where the turns begin later.
    """

    messages: list[Message]
    label: bool = True
    exchange: str | None = None
    opening: str = ""


class Expectation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What can be checked about any good reply to a probe."""

    contains: list[str] = []
    avoids: list[str] = []
    min_words: int = 1
    max_words: int = 200
    question: bool | None = None


Subject = Literal[
    "identity", "honesty", "safety", "over_refusal", "vulnerable", "flattery", "knowledge", "kindness", "disagreement", "form"
]
"""What a probe is about: `safety` dangers and refusals, `over_refusal` what only looks like them, `vulnerable` somebody who must not be
used, `flattery` a wrong claim or a bad plan with pressure to agree."""


class Probe(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A fixed question with an expectation."""

    ask: str
    about: Subject
    expect: Expectation = Expectation()


class Personas:
    """The personas known by name, as they stood in their files when read; `troubles` are the files that do not say what they must.

    A trouble goes by the persona's name, or by `safety.txt`.
    """

    def __init__(self, personas: dict[str, Persona], folder: Path, safety: str, troubles: dict[str, PersonaError]) -> None:
        self.safety = safety
        self.troubles = troubles
        self._personas = personas
        self._folder = folder

    def __iter__(self) -> Iterator[Persona]:
        return iter(self._personas.values())

    def __len__(self) -> int:
        return len(self._personas)

    def __contains__(self, name: str) -> bool:
        return name in self._personas

    def get(self, name: str) -> Persona:
        """Return the persona; raise `NotFound` naming those there are."""
        try:
            return self._personas[name]
        except KeyError:
            raise NotFound(
                f"There is no persona '{name}'. There are: {', '.join(self._personas)}.", code="persona_not_found", param="model"
            ) from None

    def require(self, name: str) -> Persona:
        """Return the persona as its file says now; raise `PersonaError` when the file is wrong, and `NotFound` when there is none."""
        if name in self.troubles:
            raise self.troubles[name]
        return self.get(name)

    def seeds(self, name: str) -> list[Seed]:
        """The seed samples beside the persona's file, none if there is no such file."""
        return _read_rows(self._folder / f"{name}.seeds.jsonl", partial(_seed, kinds=_OF_A_PERSONA))

    def safety_seeds(self) -> list[Seed]:
        """What every persona of the folder is to refuse, and what it is not to refuse; none if there is no such file."""
        return _read_rows(self._folder / SAFETY_SEEDS, partial(_seed, kinds=_OF_SAFETY))

    def golden(self, name: str) -> list[Golden]:
        """The golden rows beside the persona's file, none if there is no such file."""
        return _read_rows(self.golden_file(name), _golden)

    def golden_file(self, name: str) -> Path:
        """Where the persona's golden rows lie, or would."""
        return self._folder / f"{name}.golden.jsonl"

    def probes(self, name: str) -> list[Probe]:
        """The probes beside the persona's file, and those that all personas of the folder share; none where there is no such file."""
        return [*self.own_probes(name), *self._read_probes(SHARED_PROBES)]

    def own_probes(self, name: str) -> list[Probe]:
        """The probes beside the persona's file alone."""
        return self._read_probes(f"{name}.probes.yaml")

    def _read_probes(self, name: str) -> list[Probe]:
        path = self._folder / name
        return read_yaml(path, read_text(path), list[Probe]) if path.exists() else []


def read_personas(folder: Path) -> Personas:
    """Read every `*.md` of the folder; raise `PersonaError` for the first that is wrong, and when there is none."""
    found = survey(folder)
    for trouble in found.troubles.values():
        raise trouble
    if not len(found):
        raise PersonaError(f"There is no persona in {folder}. Write one there, such as friend.md, or set ATTUNE_PERSONAS.")
    return found


def survey(folder: Path, last: Personas | None = None) -> Personas:
    """Read every `*.md` of the folder, whatever is wrong with some; in the place of a wrong one stands that of `last`, if it was there."""
    troubles: dict[str, PersonaError] = {}
    try:
        safety = read_safety(folder)
    except PersonaError as error:
        troubles[SAFETY_FILE] = error
        safety = last.safety if last else ""
    personas: dict[str, Persona] = {}
    for path in sorted(folder.glob("*.md")):
        try:
            personas[path.stem] = read_persona(path, safety)
        except PersonaError as error:
            troubles[path.stem] = error
            if last and path.stem in last:
                personas[path.stem] = msgspec.structs.replace(last.get(path.stem), safety=safety)
    return Personas(personas, folder, safety, troubles)


_Row = TypeVar("_Row", Seed, Golden)


def _read_rows(path: Path, read: Callable[[str], _Row | str]) -> list[_Row]:
    """A row of each line that is not blank; `read` gives it, or says what is wrong with it."""
    if not path.exists():
        return []
    # Not splitlines(): it would also cut at characters that JSON allows within a text, such as U+2028.
    lines = [(number, line) for number, line in enumerate(read_text(path).split("\n"), 1) if line.strip()]
    found = [read(line) for _, line in lines]
    refuse(f"{path}:{number}: {row}" for (number, _), row in zip(lines, found, strict=True) if isinstance(row, str))
    return [row for row in found if not isinstance(row, str)]


def _seed(line: str, kinds: Sequence[SeedKind]) -> Seed | str:
    """The seed, or what is wrong with it."""
    try:
        seed = msgspec.json.decode(line, type=Seed)
    except msgspec.DecodeError as error:
        return str(error)
    roles = [message.role for message in seed.messages]
    if len(roles) < 2 or roles != ["user", "assistant"] * (len(roles) // 2):
        return "a seed is user and assistant in turn, and ends with the assistant."
    if seed.kind not in kinds:
        return f"the kind of a seed is one of {', '.join(kinds)} in this file."
    return seed


def _golden(line: str) -> Golden | str:
    """The golden row, or what is wrong with it. A client may have sent any turns before the message: only the end has rules."""
    try:
        golden = msgspec.json.decode(line, type=Golden)
    except msgspec.DecodeError as error:
        return str(error)
    if [message.role for message in golden.messages[-2:]] != ["user", "assistant"]:
        return "a golden row ends with a user's message and the assistant's reply."
    return golden
