"""Text and YAML that must say what they should: every complaint names file and line, and an unknown key the nearest known one.

All mistakes of a text are found at once. The first one is what the error says, and the others are `further`.
"""

import difflib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

import msgspec
import yaml

from service.errors import PersonaError

T = TypeVar("T")
_TEXT = "tag:yaml.org,2002:str"
_LARGEST = 20_000_000


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
    """Read a file of UTF-8, with or without a byte order mark; raise `PersonaError` when it is anything else, or holds NUL characters."""
    try:
        if path.stat().st_size > _LARGEST:
            raise PersonaError(f"{path}: the file is larger than {_LARGEST // 1_000_000} MB.")
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise PersonaError(f"{path}: the file cannot be read as UTF-8 text.") from error
    if "\x00" in text:
        raise PersonaError(f"{path}:{text[: text.index(chr(0))].count(chr(10)) + 1}: a NUL character is not allowed.")
    return text


def read_yaml(path: Path, text: str, kind: type[T], first_line: int = 1) -> T:
    """Turn YAML into a `kind`; `first_line` is the line of the file where `text` begins. Raise `PersonaError` with file and line."""
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        values = loader.construct_document(node) if node is not None else None
    except yaml.YAMLError as error:
        line, problem = _place(error, text)
        raise PersonaError(f"{path}:{first_line + line}: this is not YAML: {problem}.") from error
    if _is_struct(kind) and not isinstance(values, dict):
        raise PersonaError(f"{path}:{first_line}: there must be `key: value` lines here.")
    problems = [*_unknown_keys(node, kind), *_wrong_values(node, values, kind)]
    refuse(f"{path}:{first_line + line}: {words}." for line, words in problems)
    return msgspec.convert(values, kind)


def refuse(problems: Iterable[str]) -> None:
    """Raise `PersonaError` with the first of these problems, and the others as `further`; without any there is nothing to raise."""
    first, *further = [*problems, ""]
    if first:
        raise PersonaError(first, further=further[:-1])


def _place(error: yaml.YAMLError, text: str) -> tuple[int, str]:
    """The line (counted from 0) and the words of what the YAML library complains about."""
    if isinstance(error, yaml.reader.ReaderError):
        return text[: error.position].count("\n"), "a control character is not allowed"
    mark = getattr(error, "problem_mark", None)
    return mark.line if mark else 0, getattr(error, "problem", None) or "it cannot be read"


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _unknown_keys(node: Any, kind: Any) -> Iterator[tuple[int, str]]:
    """The line, counted from 0, and the words about every key that nobody knows."""
    if get_origin(kind) is list and isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _unknown_keys(item, get_args(kind)[0])
    if _is_struct(kind) and isinstance(node, yaml.MappingNode):
        known = {field.name: field.type for field in msgspec.structs.fields(kind)}
        for key, value in node.value:
            if key.value in known:
                yield from _unknown_keys(value, known[key.value])
            else:
                near = difflib.get_close_matches(str(key.value), known, n=1, cutoff=0.0)
                yield key.start_mark.line, f"unknown key '{key.value}'. The nearest known key is '{near[0]}'"


def _wrong_values(node: Any, value: Any, kind: Any, name: str = "", line: int = 0) -> Iterator[tuple[int, str]]:
    """The line, counted from 0, and the words about every value that is missing or is not what it should be.

    `name` is the path to the value, and `line` where its key stands.
    """
    if _is_struct(kind) and isinstance(value, dict) and isinstance(node, yaml.MappingNode):
        places = {key.value: (key.start_mark.line, below) for key, below in node.value}
        for field in msgspec.structs.fields(kind):
            if field.name in value:
                at, below = places[field.name]
                yield from _wrong_values(below, value[field.name], field.type, f"{name}.{field.name}".removeprefix("."), at)
            elif field.required:
                yield line, f"{f'{name}: ' if name else ''}Object missing required field `{field.name}`"
    elif get_origin(kind) is list and _is_struct(get_args(kind)[0]) and isinstance(value, list) and isinstance(node, yaml.SequenceNode):
        for number, (below, item) in enumerate(zip(node.value, value, strict=True)):
            yield from _wrong_values(below, item, get_args(kind)[0], f"{name}[{number}]", below.start_mark.line)
    else:
        try:
            msgspec.convert(value, kind)
        except msgspec.ValidationError as error:
            what, where = _split_complaint(str(error))
            path = name + where.removeprefix("$") if name else where.removeprefix("$").removeprefix(".")
            yield _line_of(node, where, line), f"{path}: {what}" if path else what


def _split_complaint(message: str) -> tuple[str, str]:
    """Cut msgspec's "what - at `$.where`" (or "what - at `key` in `$.where`") into what and where."""
    what, _, where = message.partition(" - at `")
    if where.startswith("key` in `"):
        return f"{what} as a key", where.removeprefix("key` in `").rstrip("`")
    return what, where.rstrip("`")


def _line_of(node: Any, where: str, line: int) -> int:
    """The line, counted from 0, that a path such as `$.sampling.temperature` or `$[3].ask` points to; `line` where it leads nowhere."""
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
