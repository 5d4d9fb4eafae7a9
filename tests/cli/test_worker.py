"""`attune worker`: the process that runs nights; what it does is tested in tests/test_worker.py."""

from tests.cli.conftest import Shell


def test_a_wrong_schedule_is_refused_at_start(attune: Shell) -> None:
    """A schedule that is none stops the worker before it runs, with exit 2 and the name of the setting."""
    refused = attune("worker", ATTUNE_NIGHTLY="at three")
    assert (refused.code, refused.out) == (2, "")
    assert "ATTUNE_NIGHTLY='at three'" in refused.err
