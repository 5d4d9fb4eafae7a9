"""Keeps folders under the hash of what is in them, and gives them back only whole."""

import hashlib
import shutil
from pathlib import Path

import msgspec

from service.artifacts.manifest import MANIFEST, Kind, Manifest, make_manifest, measure, read_manifest, require_digest, write_manifest
from service.artifacts.place import FolderPlace, Place, UrlPlace
from service.errors import ArtifactError
from service.settings import Settings

_READ_BACK = 64 * 2**20
"""Files up to this many bytes are read back after they were sent away; of larger ones the size is compared."""

_FOLDERS: dict[Kind, str] = {"adapter": "adapters", "dataset": "datasets"}


class Kept(msgspec.Struct, frozen=True):
    """What is kept: its digest, the size of all its files, and their number."""

    digest: str
    bytes: int
    files: int
    kind: Kind = "adapter"


class Store:
    """The kept artifacts: at `settings.artifact_url`, or in the folder `kept` beside the working copies."""

    def __init__(self, settings: Settings) -> None:
        self._is_here = not settings.artifact_url
        self._place: Place = FolderPlace(settings.artifact_folder / "kept") if self._is_here else UrlPlace(settings.artifact_url)

    def keep(self, folder: Path, kind: Kind) -> Kept:
        """Keep all files of the folder; one that is kept already is sent only where it is not whole. `artifact.json` is written last.

        Raises `ArtifactError` for files that are not kept (`contents.py`), and when what arrived differs from what was sent.
        """
        manifest = make_manifest(folder, kind)
        home = f"{_FOLDERS[kind]}/{manifest.digest}"
        whole = self._place.size(f"{home}/{MANIFEST}") is not None
        for name, file in manifest.files.items():
            if not whole or self._place.size(f"{home}/{name}") != file.bytes:
                self._place.put(folder / name, f"{home}/{name}")
                self._require_arrived(f"{home}/{name}", file.sha256, file.bytes)
        if not whole:
            self._place.write(write_manifest(manifest), f"{home}/{MANIFEST}")
        return _kept(manifest)

    def fetch(self, digest: str, into: Path) -> Path:
        """Bring an artifact to the folder `into`, which appears when it is whole; one that is there and whole is left alone.

        Raises `ArtifactError` when it is not kept, or naming the file whose content is not what the digest says; nothing is left then.
        A fetch that was cut off goes on where it was: in `<into>.partial`.
        """
        home, manifest = self._find(digest)
        if into.exists() or into.is_symlink():
            self._require_whole(into, manifest)
            return into
        partial = into.with_name(f"{into.name}.partial")
        if partial.is_symlink():
            raise ArtifactError(f"{partial} is a link; remove it first.")
        partial.mkdir(parents=True, exist_ok=True)
        for name, file in manifest.files.items():
            target = partial / name
            if target.is_symlink() or not target.resolve().is_relative_to(partial.resolve()):
                raise ArtifactError(f"{name} was not fetched: a link is in its way in {partial}.")
            if not (target.is_file() and measure(target).sha256 == file.sha256):
                target.parent.mkdir(parents=True, exist_ok=True)
                self._place.get(f"{home}/{name}", target)
        self._require_fetched(partial, manifest)
        partial.rename(into)
        return into

    def survey(self) -> list[Kept]:
        """All that is kept whole, by kind and digest; raise `ArtifactError` for a damaged manifest."""
        return [_kept(self._find(digest)[1]) for _, digest in self.digests()]

    def digests(self) -> list[tuple[Kind, str]]:
        """Kind and digest of all that has a manifest."""
        found = [(kind, digest) for kind, folder in _FOLDERS.items() for digest in self._place.folders(folder)]
        return [(kind, digest) for kind, digest in found if self._place.size(f"{_FOLDERS[kind]}/{digest}/{MANIFEST}") is not None]

    def find_damage(self, digest: str) -> list[str]:
        """Read every file of an artifact again; the names of those that are gone or not what the digest says."""
        try:
            home, manifest = self._find(digest)
        except ArtifactError:
            return [MANIFEST]
        return [name for name, file in manifest.files.items() if self._hash(f"{home}/{name}") != file.sha256]

    def holds(self, digest: str) -> bool:
        """Whether an artifact is kept."""
        require_digest(digest)
        return any(self._place.size(f"{folder}/{digest}/{MANIFEST}") is not None for folder in _FOLDERS.values())

    def delete(self, digest: str) -> None:
        """Delete an artifact; gone already is fine."""
        require_digest(digest)
        for folder in _FOLDERS.values():
            self._place.delete(f"{folder}/{digest}")

    def _find(self, digest: str) -> tuple[str, Manifest]:
        require_digest(digest)
        for folder in _FOLDERS.values():
            home = f"{folder}/{digest}"
            if self._place.size(f"{home}/{MANIFEST}") is not None:
                return home, read_manifest(self._place.read(f"{home}/{MANIFEST}"), digest)
        raise ArtifactError(f"No artifact {digest[:16]} is kept. See: attune artifacts list", code="artifact_not_kept")

    def _require_fetched(self, partial: Path, manifest: Manifest) -> None:
        """The hashes are those of the digest, nothing else lies there, and no file is of a form that is not kept; or nothing is left."""
        try:
            for name, file in manifest.files.items():
                if measure(partial / name) != file:
                    raise ArtifactError(f"{name} is damaged where it is kept: its SHA-256 is not {file.sha256[:16]}... Train it again.")
            self._require_whole(partial, manifest)
        except ArtifactError:
            shutil.rmtree(partial, ignore_errors=True)
            raise

    def _require_whole(self, folder: Path, manifest: Manifest) -> None:
        if make_manifest(folder, manifest.kind).digest != manifest.digest:
            raise ArtifactError(f"{folder} is there with other files than {manifest.digest[:16]} has. Remove it, and fetch it again.")

    def _require_arrived(self, name: str, sha256: str, size: int) -> None:
        if self._place.size(name) != size or (size <= _READ_BACK and not self._is_here and self._hash(name) != sha256):
            raise ArtifactError(f"{name} did not arrive as it was sent. Try again, and look at the storage.")

    def _hash(self, name: str) -> str | None:
        if self._place.size(name) is None:
            return None
        hashed = hashlib.sha256()
        for piece in self._place.pieces(name):
            hashed.update(piece)
        return hashed.hexdigest()


def _kept(manifest: Manifest) -> Kept:
    return Kept(manifest.digest, manifest.bytes, len(manifest.files), manifest.kind)
