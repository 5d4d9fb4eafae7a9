"""Reading a persona file: YAML front matter between two lines of `---`, the system prompt after them.

Every complaint names file and line, and an unknown key the nearest known one.
"""

import re
from pathlib import Path

from service.errors import PersonaError
from service.personas.lorebook_file import read_lorebook
from service.personas.markup import read_text, read_yaml
from service.personas.persona import Persona, PersonaSettings

SAFETY_FILE = "safety.txt"
SAFETY_SEEDS = "safety.seeds.jsonl"
SHARED_PROBES = "all.probes.yaml"
PERSONA_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


def read_persona(path: Path, safety: str = "") -> Persona:
    """Read one persona, to be served with this safety text; raise `PersonaError` with file and line when it does not say what it must."""
    if not PERSONA_NAME.fullmatch(path.stem):
        raise PersonaError(f"{path}: a persona's name is made of small letters, digits, - and _, at most 64.")
    if f"{path.stem}.seeds.jsonl" == SAFETY_SEEDS:
        raise PersonaError(
            f"{path}: no persona can be named {path.stem}, because {SAFETY_SEEDS} is about all of them. Choose another name."
        )
    text = read_text(path)
    front, body, line = split_front_matter(path, text)
    settings = read_yaml(path, front, PersonaSettings, first_line=2)
    line += body[: len(body) - len(body.lstrip())].count("\n")
    lorebook = read_lorebook(path.parent, path.stem, {"char": settings.title, "user": "User", **settings.variables})
    persona = Persona(
        name=path.stem,
        settings=settings,
        template=body.strip(),
        origin=str(path),
        line=line,
        text=text,
        safety=safety,
        lorebook=lorebook,
    )
    prompt = persona.prompt()
    if not prompt:
        raise PersonaError(f"{path}:{line}: the system prompt is missing; write it below the front matter.")
    if not _keepable(prompt):
        raise PersonaError(f"{path}:{line}: the system prompt renders a character that no database keeps, NUL or half a surrogate pair.")
    return persona


def read_safety(folder: Path) -> str:
    """The safety text beside the personas, without blank space around it; none where there is no such file. Raises `PersonaError`."""
    try:
        return read_text(folder / SAFETY_FILE).strip()
    except PersonaError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            return ""
        raise


def _keepable(text: str) -> bool:
    return "\x00" not in text and text == text.encode(errors="ignore").decode()


def split_front_matter(path: Path, text: str) -> tuple[str, str, int]:
    """The front matter, the body, and the line of the file where the body begins."""
    lines = text.replace("\r\n", "\n").split("\n")
    if lines[0].strip() != "---":
        raise PersonaError(f"{path}:1: the file must begin with a line of ---, the settings, and another line of ---.")
    for number, line in enumerate(lines[1:], start=1):
        if line.rstrip() == "---":
            return "\n".join(lines[1:number]), "\n".join(lines[number + 1 :]), number + 2
    raise PersonaError(f"{path}:1: the settings are never closed; put a line of --- after them.")
