"""`attune worker`: the process that runs nights; what it does is tested in tests/test_worker.py."""

import pytest

from tests.cli.conftest import Shell


@pytest.mark.parametrize(
    "settings", [{"ATTUNE_NIGHTLY": "at three"}, {"ATTUNE_TIMEZONE": "Atlantis/Poseidonis"}], ids=["schedule", "timezone"]
)
def test_a_wrong_schedule_is_refused_at_start(attune: Shell, settings: dict[str, str]) -> None:
    """A schedule that is none stops the worker before it runs, with exit 2 and the name of the setting."""
    refused = attune("worker", **settings)
    assert refused.code == 2
    assert refused.out == ""
    assert next(iter(settings)) in refused.err
