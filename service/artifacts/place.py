"""Where kept files lie: a folder here, or anything fsspec can reach by a URL. Their errors become ours in this file."""

import os
import re
import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from service.errors import ArtifactError

_PIECE = 2**20
_IN_URL = re.compile(r"(?<=://)[^/@\s]*@|[?#].*$")
"""Where a URL may hold a password or a token."""


class Place(ABC):
    """Files under names with `/`. Every method raises `ArtifactError` naming the place, without what is secret in its address."""

    @abstractmethod
    def put(self, source: Path, name: str) -> None:
        """Store a copy of a file; one of that name is replaced."""

    @abstractmethod
    def write(self, content: bytes, name: str) -> None:
        """Store these bytes."""

    @abstractmethod
    def pieces(self, name: str) -> Iterator[bytes]:
        """The content of a file, piece by piece."""

    @abstractmethod
    def get(self, name: str, target: Path) -> None:
        """Fetch a file."""

    @abstractmethod
    def size(self, name: str) -> int | None:
        """The bytes of a file; None when there is none."""

    @abstractmethod
    def folders(self, name: str) -> list[str]:
        """The names of the folders in a folder, sorted; none when it is not there."""

    @abstractmethod
    def delete(self, name: str) -> None:
        """Delete a folder with all that is in it; gone already is fine."""

    def read(self, name: str) -> bytes:
        """All of a file."""
        return b"".join(self.pieces(name))


class FolderPlace(Place):
    """A folder on this machine. A file is a second name (hard link) of the original where the disk allows that, so it takes no room."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, source: Path, name: str) -> None:
        """See `Place.put`."""
        with self._ours("kept"):
            target = self._root / name
            target.parent.mkdir(parents=True, exist_ok=True)
            beside = target.with_name(f".{target.name}.partial")
            beside.unlink(missing_ok=True)
            try:
                os.link(source, beside, follow_symlinks=False)
            except OSError:
                shutil.copyfile(source, beside)
            beside.replace(target)
            beside.unlink(missing_ok=True)  # where both were the same file already, replacing leaves it there

    def write(self, content: bytes, name: str) -> None:
        """See `Place.write`."""
        with self._ours("kept"):
            target = self._root / name
            target.parent.mkdir(parents=True, exist_ok=True)
            beside = target.with_name(f".{target.name}.partial")
            with beside.open("wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            beside.replace(target)

    def pieces(self, name: str) -> Iterator[bytes]:
        """See `Place.pieces`."""
        with self._ours("read"):
            if (self._root / name).is_symlink():
                raise ArtifactError(f"{name} is a link; a kept file is none.")
            with (self._root / name).open("rb") as stream:
                yield from iter(partial(stream.read, _PIECE), b"")

    def get(self, name: str, target: Path) -> None:
        """See `Place.get`. A copy, not a link: what a process does to it must not reach what is kept."""
        with self._ours("fetched"), target.open("wb") as copy:
            copy.writelines(self.pieces(name))

    def size(self, name: str) -> int | None:
        """See `Place.size`."""
        path = self._root / name
        return path.stat().st_size if path.is_file() else None

    def folders(self, name: str) -> list[str]:
        """See `Place.folders`."""
        path = self._root / name
        return sorted(each.name for each in path.iterdir() if each.is_dir()) if path.is_dir() else []

    def delete(self, name: str) -> None:
        """See `Place.delete`."""
        with self._ours("deleted"), suppress(FileNotFoundError):
            shutil.rmtree(self._root / name)

    @contextmanager
    def _ours(self, done: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise ArtifactError(
                f"An artifact could not be {done} in {self._root}: {error.strerror}. Look at the disk, or set ATTUNE_ARTIFACTS to another."
            ) from error


class UrlPlace(Place):
    """A URL that fsspec understands, such as `s3://bucket/attune`; credentials come from the environment, as its package reads them."""

    def __init__(self, url: str) -> None:
        self._shown = _IN_URL.sub("", url)
        self._files, self._root = _open(url, self._shown)

    def put(self, source: Path, name: str) -> None:
        """See `Place.put`."""
        with self._ours("kept"):
            self._files.put_file(str(source), self._at(name))

    def write(self, content: bytes, name: str) -> None:
        """See `Place.write`."""
        with self._ours("kept"):
            self._files.pipe_file(self._at(name), content)

    def pieces(self, name: str) -> Iterator[bytes]:
        """See `Place.pieces`."""
        with self._ours("read"), self._files.open(self._at(name), "rb") as stream:
            yield from iter(partial(stream.read, _PIECE), b"")

    def get(self, name: str, target: Path) -> None:
        """See `Place.get`."""
        with self._ours("fetched"):
            self._files.get_file(self._at(name), str(target))

    def size(self, name: str) -> int | None:
        """See `Place.size`."""
        with self._ours("looked at"):
            self._files.invalidate_cache()
            try:
                return int(self._files.info(self._at(name))["size"])
            except FileNotFoundError:
                return None

    def folders(self, name: str) -> list[str]:
        """See `Place.folders`."""
        with self._ours("listed"):
            self._files.invalidate_cache()
            try:
                found = self._files.ls(self._at(name), detail=True)
            except FileNotFoundError:
                return []
            return sorted(each["name"].rstrip("/").rpartition("/")[2] for each in found if each["type"] == "directory")

    def delete(self, name: str) -> None:
        """See `Place.delete`."""
        with self._ours("deleted"), suppress(FileNotFoundError):
            self._files.rm(self._at(name), recursive=True)

    def _at(self, name: str) -> str:
        return f"{self._root.rstrip('/')}/{name}"

    @contextmanager
    def _ours(self, done: str) -> Iterator[None]:
        try:
            yield
        except ArtifactError:
            raise
        except Exception as error:  # each protocol's package has errors of its own, and their words may hold a key
            raise ArtifactError(
                f"An artifact could not be {done} at {self._shown} ({type(error).__name__}). Look at ATTUNE_ARTIFACTS and its credentials."
            ) from None


def _open(url: str, shown: str) -> tuple[Any, str]:
    """The file system of a URL and the path in it."""
    from fsspec.core import url_to_fs  # type: ignore[import-untyped]  # noqa: PLC0415  # a folder needs neither
    from fsspec.registry import known_implementations  # type: ignore[import-untyped]  # noqa: PLC0415

    protocol = url.partition("://")[0]
    options = {"auto_mkdir": True} if protocol in {"file", "local"} else {}
    try:
        return url_to_fs(url, use_listings_cache=False, **options)  # type: ignore[no-any-return]
    except ImportError as error:
        hint = known_implementations.get(protocol, {}).get("err", "Its package is missing.")
        package = re.search(r"[Ii]nstall (?:the )?([a-z0-9_-]+)", hint)
        way = f"pip install {package[1].lower()}" if package else hint
        raise ArtifactError(f"ATTUNE_ARTIFACTS names {protocol}://, whose package is not installed: {way}") from error
    except Exception as error:  # as in `_ours`
        raise ArtifactError(f"ATTUNE_ARTIFACTS={shown} cannot be opened ({type(error).__name__}).") from None
