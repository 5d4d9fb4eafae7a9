"""Lists of words, kept in files beside this one."""

from pathlib import Path


def read_words(name: str) -> frozenset[str]:
    """The words of a file, in lower case; lines that begin with # are remarks."""
    lines = (Path(__file__).parent / name).read_text(encoding="utf-8").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())


def read_lines(name: str) -> tuple[str, ...]:
    """The lines of a file but for remarks, as they stand."""
    lines = (Path(__file__).parent / name).read_text(encoding="utf-8").splitlines()
    return tuple(line for line in lines if not line.startswith("#"))
