"""What an artifact is: a set of files, named by the SHA-256 of their names and contents; `artifact.json` lists them."""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec

from service.artifacts.contents import list_names, require_name
from service.errors import ArtifactError

Kind = Literal["adapter", "dataset"]
MANIFEST = "artifact.json"
_SHA256 = re.compile(r"[0-9a-f]{64}")


class KeptFile(msgspec.Struct, frozen=True):
    """One file of an artifact."""

    sha256: str
    bytes: int


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `artifact.json` says. `digest` follows from `files`; `form` is the number of this way of writing it down."""

    kind: Kind
    digest: str
    files: dict[str, KeptFile]
    form: Literal[1] = 1

    @property
    def bytes(self) -> int:
        """The size of all files."""
        return sum(file.bytes for file in self.files.values())


def make_manifest(folder: Path, kind: Kind) -> Manifest:
    """Read every file of the folder; raise `ArtifactError` for one that is not kept, and for a folder without any."""
    files = {name: measure(folder / name) for name in list_names(folder) if name != MANIFEST}
    if not files:
        raise ArtifactError(f"There is no file in {folder} to keep.")
    return Manifest(kind, digest_of(files), files)


def measure(path: Path) -> KeptFile:
    """The hash and size of a file."""
    with path.open("rb") as stream:
        return KeptFile(hashlib.file_digest(stream, "sha256").hexdigest(), path.stat().st_size)


def digest_of(files: Mapping[str, KeptFile]) -> str:
    """The SHA-256 of a line per file, sorted by name: its hash, two spaces, its name; as `sha256sum` writes them."""
    lines = (f"{files[name].sha256}  {name}\n" for name in sorted(files))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def require_digest(digest: str) -> str:
    """Return a well-formed digest; raise `ArtifactError` for anything else."""
    if not _SHA256.fullmatch(digest):
        raise ArtifactError(f"{digest[:80]!r} is no digest of an artifact: 64 hexadecimal digits are.")
    return digest


def write_manifest(manifest: Manifest) -> bytes:
    """The one way to write it: equal manifests are equal bytes."""
    return msgspec.json.encode(manifest, order="sorted") + b"\n"


def read_manifest(content: bytes, digest: str) -> Manifest:
    """What `artifact.json` of the artifact `digest` says; raise `ArtifactError` where it is another's, or names what may not be."""
    try:
        manifest = msgspec.json.decode(content, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ArtifactError(f"{MANIFEST} of {digest[:16]} cannot be understood: the artifact is damaged.") from error
    for name, file in manifest.files.items():
        require_name(name)
        if not _SHA256.fullmatch(file.sha256) or file.bytes < 0 or name == MANIFEST:
            raise ArtifactError(f"{MANIFEST} of {digest[:16]} is damaged at {name}.")
    if not manifest.files or manifest.digest != digest or digest_of(manifest.files) != digest:
        raise ArtifactError(f"{MANIFEST} of {digest[:16]} describes another artifact: it was damaged or changed.")
    return manifest
