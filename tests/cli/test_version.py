"""`attune version`."""

from importlib.metadata import version

from tests.cli.conftest import Shell


def test_the_version_is_the_packages(attune: Shell) -> None:
    """For programs and for people it is the number under which Attune was installed."""
    assert attune("version", "--json").document == {"version": version("attune")}
    assert attune("version").out == f"attune {version('attune')}\n"
