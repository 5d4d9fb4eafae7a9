"""Reading a persona file: YAML front matter between two lines of `---`, the system prompt after them.

Every complaint names file and line, and an unknown key the nearest known one.
"""

import difflib
import re
from pathlib import Path
from typing import Any

import msgspec
import yaml

from service.errors import PersonaError
from service.personas.persona import Persona, PersonaSettings

_NAME = re.compile(r"^[a-z0-9][a-z0-9_-]{0,63}$")


def read_persona(path: Path) -> Persona:
    """Read one persona; raise `PersonaError` with file and line when it does not say what it must."""
    if not _NAME.match(path.stem):
        raise PersonaError(f"{path}: a persona's name is made of small letters, digits, - and _, at most 64.")
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PersonaError(f"{path}: the file cannot be read as UTF-8 text.") from error
    front, body = _split(path, text)
    settings = _settings(path, front)
    if not body.strip():
        raise PersonaError(f"{path}: the system prompt is missing; write it below the front matter.")
    persona = Persona(name=path.stem, settings=settings, template=body.strip(), origin=str(path))
    persona.prompt()
    return persona


def _split(path: Path, text: str) -> tuple[str, str]:
    lines = text.replace("\r\n", "\n").split("\n")
    if lines[0].strip() != "---":
        raise PersonaError(f"{path}:1: the file must begin with a line of ---, the settings, and another line of ---.")
    for number, line in enumerate(lines[1:], start=1):
        if line.strip() == "---":
            return "\n".join(lines[1:number]), "\n".join(lines[number + 1 :])
    raise PersonaError(f"{path}:1: the settings are never closed; put a line of --- after them.")


def _settings(path: Path, front: str) -> PersonaSettings:
    try:
        tree = yaml.compose(front, Loader=yaml.SafeLoader)
        values = yaml.safe_load(front)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise PersonaError(f"{path}:{mark.line + 2 if mark else 2}: this is not YAML: {getattr(error, 'problem', error)}.") from error
    if not isinstance(values, dict):
        raise PersonaError(f"{path}:2: the settings must be `key: value` lines.")
    _refuse_unknown(path, tree, PersonaSettings)
    try:
        return msgspec.convert(values, PersonaSettings)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `")
        raise PersonaError(
            f"{path}:{_line_of(tree, where.rstrip('`'))}: {where.rstrip('`').removeprefix('$.') or 'settings'}: {what}."
        ) from error


def _refuse_unknown(path: Path, node: Any, kind: Any) -> None:
    if not isinstance(node, yaml.MappingNode):
        return
    known = {field.name: field.type for field in msgspec.structs.fields(kind)}
    for key, value in node.value:
        if key.value not in known:
            near = difflib.get_close_matches(str(key.value), known, n=1, cutoff=0.0)
            line = key.start_mark.line + 2
            raise PersonaError(f"{path}:{line}: unknown key '{key.value}'. The nearest known key is '{near[0]}'.")
        if isinstance(known[key.value], type) and issubclass(known[key.value], msgspec.Struct):
            _refuse_unknown(path, value, known[key.value])


def _line_of(tree: Any, where: str) -> int:
    """The line of the file that a path such as `$.sampling.temperature` points to; the front matter begins in line 2."""
    node, line = tree, 2
    for part in re.findall(r"[A-Za-z_]\w*", where):
        if not isinstance(node, yaml.MappingNode):
            break
        found = next(((key, value) for key, value in node.value if key.value == part), None)
        if found is None:
            break
        line, node = found[0].start_mark.line + 2, found[1]
    return line
