"""How much room things take, and saying so."""

from pathlib import Path

import msgspec

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


class Room(msgspec.Struct, frozen=True):
    """The bytes a version takes on disk while it is made: its adapter, the adapter written into its base, and its dataset."""

    adapter: int = 0
    served: int = 0
    dataset: int = 0

    @property
    def peak(self) -> int:
        """All of them at once."""
        return self.adapter + self.served + self.dataset


def count_bytes(folder: Path) -> int:
    """The bytes of all files below a folder, a file with several names in it once; 0 when it is not there."""
    found = [path.lstat() for path in folder.rglob("*") if path.is_file() and not path.is_symlink()] if folder.is_dir() else []
    return sum({(each.st_dev, each.st_ino): each.st_size for each in found}.values())


def in_words(size: int) -> str:
    """A size as people read it: 17 B, 4.2 MiB."""
    number, unit = float(size), 0
    while number >= 1024 and unit < len(_UNITS) - 1:
        number, unit = number / 1024, unit + 1
    return f"{number:.1f} {_UNITS[unit]}" if unit else f"{size} B"
