"""Text and YAML that must say what they should: every complaint names file and line, and an unknown key the nearest known one."""

import difflib
import re
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

import msgspec
import yaml

from service.errors import PersonaError

T = TypeVar("T")
_TEXT = "tag:yaml.org,2002:str"


class _Loader(yaml.SafeLoader):
    """The safe loader, which also refuses a key that is given twice and says where a value of the wrong form stands."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Build a mapping; raise `yaml.YAMLError` for a key that stands there twice."""
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(problem=f"the key '{key.value}' is given twice", problem_mark=key.start_mark)
                seen.add(key.value)
        return super().construct_mapping(node, deep)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """Build a value; raise `yaml.YAMLError` also for one such as the date 2024-13-45, where the library raises `ValueError`."""
        try:
            return super().construct_object(node, deep)
        except ValueError as error:
            raise yaml.constructor.ConstructorError(problem=str(error), problem_mark=node.start_mark) from error


def read_text(path: Path) -> str:
    """Read a file of UTF-8, with or without a byte order mark; raise `PersonaError` when it is anything else."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise PersonaError(f"{path}: the file cannot be read as UTF-8 text.") from error


def read_yaml(path: Path, text: str, kind: type[T], first_line: int = 1) -> T:
    """Turn YAML into a `kind`; `first_line` is the line of the file where `text` begins. Raise `PersonaError` with file and line."""
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        values = loader.construct_document(node) if node is not None else None
    except yaml.YAMLError as error:
        line, problem = _place(error, text)
        raise PersonaError(f"{path}:{first_line + line}: this is not YAML: {problem}.") from error
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and not isinstance(values, dict):
        raise PersonaError(f"{path}:{first_line}: there must be `key: value` lines here.")
    _refuse_unknown(path, node, kind, first_line)
    try:
        return msgspec.convert(values, kind)
    except msgspec.ValidationError as error:
        what, where = _split_complaint(str(error))
        name = where.removeprefix("$").removeprefix(".")
        complaint = f"{name}: {what}" if name else what
        raise PersonaError(f"{path}:{first_line + _line_of(node, where)}: {complaint}.") from error


def _place(error: yaml.YAMLError, text: str) -> tuple[int, str]:
    """The line (counted from 0) and the words of what the YAML library complains about."""
    if isinstance(error, yaml.reader.ReaderError):
        return text[: error.position].count("\n"), "a control character is not allowed"
    mark = getattr(error, "problem_mark", None)
    return mark.line if mark else 0, getattr(error, "problem", None) or "it cannot be read"


def _refuse_unknown(path: Path, node: Any, kind: Any, first_line: int) -> None:
    if get_origin(kind) is list and isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _refuse_unknown(path, item, get_args(kind)[0], first_line)
    if not (isinstance(kind, type) and issubclass(kind, msgspec.Struct) and isinstance(node, yaml.MappingNode)):
        return
    known = {field.name: field.type for field in msgspec.structs.fields(kind)}
    for key, value in node.value:
        if key.value not in known:
            near = difflib.get_close_matches(str(key.value), known, n=1, cutoff=0.0)
            line = first_line + key.start_mark.line
            raise PersonaError(f"{path}:{line}: unknown key '{key.value}'. The nearest known key is '{near[0]}'.")
        _refuse_unknown(path, value, known[key.value], first_line)


def _split_complaint(message: str) -> tuple[str, str]:
    """Cut msgspec's "what - at `$.where`" (or "what - at `key` in `$.where`") into what and where."""
    what, _, where = message.partition(" - at `")
    if where.startswith("key` in `"):
        return f"{what} as a key", where.removeprefix("key` in `").rstrip("`")
    return what, where.rstrip("`")


def _line_of(node: Any, where: str) -> int:
    """The line, counted from 0, that a path such as `$.sampling.temperature` or `$[3].ask` points to."""
    line = 0
    for name, index in re.findall(r"([A-Za-z_]\w*)|\[(\d+|\.\.\.)\]", where):
        if isinstance(node, yaml.MappingNode):
            # The path does not name the entry of a free mapping (`...`): it is the first whose value is no text.
            pairs = [(key, value) for key, value in node.value if key.value == name or (index and value.tag != _TEXT)]
            if not pairs:
                break
            line, node = pairs[0][0].start_mark.line, pairs[0][1]
        elif isinstance(node, yaml.SequenceNode) and index.isdigit():
            node = node.value[int(index)]
            line = node.start_mark.line
    return line
