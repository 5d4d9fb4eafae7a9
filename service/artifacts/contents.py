"""What a kept file may be: a plain file of a form that runs no code when it is read, whatever its name says."""

import json
import math
import os
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import Any

from service.errors import ArtifactError

TEXT = frozenset({".json", ".jsonl", ".jinja", ".txt", ".md", ".svg"})
FORMS = TEXT | {".safetensors", ".model"}

_MAGIC = {b"PK\x03\x04": "a zip archive", **{bytes([0x80, version]): "a pickle" for version in range(2, 6)}}
_HEAD = 4096
_HEADER_LIMIT = 100_000_000
_BITS = {"BOOL": 8, "U8": 8, "I8": 8, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "U16": 16, "I16": 16, "F16": 16, "BF16": 16}
_BITS |= {"U32": 32, "I32": 32, "F32": 32, "U64": 64, "I64": 64, "F64": 64, "C64": 64, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6}


def require_name(name: str) -> str:
    """Return a file's name relative to its folder, with `/`; raise `ArtifactError` where it leads out of it or is of no kept form."""
    path = PurePosixPath(name)
    unsafe = "\\" in name or ":" in name or not name.isprintable() or path.is_absolute() or str(path) != name
    if unsafe or any(part in {".", ".."} for part in path.parts):
        raise ArtifactError(f"The file name {name[:200]!r} leads out of its folder or is no plain name.")
    if path.suffix.lower() not in FORMS:
        raise ArtifactError(
            f"{name} is not kept: only {', '.join(sorted(FORMS))} are, because other forms (pickles such as .bin and .pt) may run code."
        )
    return name


def require_contents(path: Path, name: str) -> None:
    """Raise `ArtifactError` where the file at `path` is a link, or is not what its name says."""
    if path.is_symlink() or not path.is_file():
        raise ArtifactError(f"{name} is not kept: it is a link or no plain file.")
    with path.open("rb") as stream:
        head = stream.read(_HEAD)
    for magic, what in _MAGIC.items():
        # A safetensors file begins with the length of its header, which may look like a pickle's first two bytes; its parser decides.
        if head.startswith(magic) and (path.suffix.lower() != ".safetensors" or not _is_header(head)):
            raise ArtifactError(f"{name} is not kept: it is {what} under another name.")
    if path.suffix.lower() == ".safetensors":
        _require_tensors(path, name)
    elif path.suffix.lower() in TEXT and b"\0" in head:
        raise ArtifactError(f"{name} is not kept: it is no text.")


def _is_header(head: bytes) -> bool:
    return len(head) > 8 and head[8:9] == b"{"


def _require_tensors(path: Path, name: str) -> None:
    """The form: 8 bytes with the header's length (little endian), a JSON header, then the tensors without a hole (safetensors format)."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if not 2 <= length <= min(_HEADER_LIMIT, size - 8):
            raise ArtifactError(f"{name} is no whole safetensors file: its header is cut short.")
        header = stream.read(length)
    try:
        parsed = json.loads(header)
        if not header.startswith(b"{"):
            raise ValueError("no object")
        spans = sorted(_span(tensor) for key, tensor in parsed.items() if key != "__metadata__")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ArtifactError(f"{name} is no whole safetensors file: its header cannot be understood.") from error
    ends = [(0, 0), *spans, (size - 8 - length, 0)]
    if any(before[1] != after[0] for before, after in pairwise(ends)):
        raise ArtifactError(f"{name} is no whole safetensors file: its tensors do not fill it.")


def _span(tensor: dict[str, Any]) -> tuple[int, int]:
    begin, end = tensor["data_offsets"]
    if not all(isinstance(number, int) and number >= 0 for number in (begin, end, *tensor["shape"])):
        raise ValueError("no offsets")
    if (end - begin) * 8 != math.prod(tensor["shape"]) * _BITS[tensor["dtype"]]:
        raise ValueError("a wrong length")
    return begin, end


def list_names(folder: Path) -> list[str]:
    """The names of all files below the folder, sorted; raise `ArtifactError` for a link, a strange form or a missing folder."""
    if folder.is_symlink() or not folder.is_dir():
        raise ArtifactError(f"There is no folder {folder} to keep.")
    names = []
    for place, folders, files in os.walk(folder):
        if linked := next((each for each in folders if (Path(place) / each).is_symlink()), None):
            raise ArtifactError(f"{linked} is not kept: it is a link.")
        names += [(Path(place) / file).relative_to(folder).as_posix() for file in files]
    for name in names:
        require_contents(folder / require_name(name), name)
    return sorted(names)
