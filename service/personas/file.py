"""Reading a persona file: YAML front matter between two lines of `---`, the system prompt after them.

Every complaint names file and line, and an unknown key the nearest known one.
"""

import re
from pathlib import Path

from service.errors import PersonaError
from service.personas.markup import read_text, read_yaml
from service.personas.persona import Persona, PersonaSettings

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


def read_persona(path: Path) -> Persona:
    """Read one persona; raise `PersonaError` with file and line when it does not say what it must."""
    if not _NAME.fullmatch(path.stem):
        raise PersonaError(f"{path}: a persona's name is made of small letters, digits, - and _, at most 64.")
    front, body, line = _split(path, read_text(path))
    settings = read_yaml(path, front, PersonaSettings, first_line=2)
    line += body[: len(body) - len(body.lstrip())].count("\n")
    persona = Persona(name=path.stem, settings=settings, template=body.strip(), origin=str(path), line=line)
    if not persona.prompt():
        raise PersonaError(f"{path}:{line}: the system prompt is missing; write it below the front matter.")
    return persona


def _split(path: Path, text: str) -> tuple[str, str, int]:
    """The front matter, the body, and the line of the file where the body begins."""
    lines = text.replace("\r\n", "\n").split("\n")
    if lines[0].strip() != "---":
        raise PersonaError(f"{path}:1: the file must begin with a line of ---, the settings, and another line of ---.")
    for number, line in enumerate(lines[1:], start=1):
        if line.rstrip() == "---":
            return "\n".join(lines[1:number]), "\n".join(lines[number + 1 :]), number + 2
    raise PersonaError(f"{path}:1: the settings are never closed; put a line of --- after them.")
