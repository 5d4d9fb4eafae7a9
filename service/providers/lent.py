"""Which providers have lent the memory they answer from: while something trains on their card, other models answer where there are any.

A file in the home that holds the names: the worker writes it, and every process that answers looks at it.
"""

from pathlib import Path

_FILE = "lent.txt"


class Lent:
    """The names in the file, read again when it was changed."""

    def __init__(self, home: Path) -> None:
        self._file = home / _FILE
        self._read_at = 0
        self._names: frozenset[str] = frozenset()

    def __contains__(self, name: str) -> bool:
        return name in self.names()

    def names(self) -> frozenset[str]:
        """Who has lent now."""
        try:
            changed = self._file.stat().st_mtime_ns
            if changed != self._read_at:
                self._names, self._read_at = frozenset(self._file.read_text("utf-8").split()), changed
        except FileNotFoundError:
            return frozenset()
        return self._names

    def lend(self, name: str) -> None:
        """From now on this provider is only asked when no other one answers."""
        self._write(self.names() | {name})

    def take_back(self, name: str) -> None:
        """From now on it answers again."""
        self._write(self.names() - {name})

    def _write(self, names: frozenset[str]) -> None:
        if not names:
            self._file.unlink(missing_ok=True)
            return
        self._file.parent.mkdir(parents=True, exist_ok=True)
        partial = self._file.with_suffix(".partial")
        partial.write_text("\n".join(sorted(names)), "utf-8")
        partial.replace(self._file)
