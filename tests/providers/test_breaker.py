"""The circuit breaker, in a time of the test's own."""

import pytest

from service.providers.breaker import Breaker


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock of the test's own."""
    return Clock()


def _fail(breaker: Breaker, times: int = 5) -> None:
    for _ in range(times):
        breaker.failed(probe=False)


def test_four_failures_in_a_row_are_borne(clock: Clock) -> None:
    """A success in between starts the count again."""
    breaker = Breaker(clock)
    _fail(breaker, 4)
    breaker.succeeded()
    _fail(breaker, 4)
    assert breaker.admit()
    assert not breaker.open


def test_the_fifth_failure_opens_it(clock: Clock) -> None:
    """Open, it admits nobody until its rest is over; then one, and nobody else until that one is back."""
    breaker = Breaker(clock)
    _fail(breaker)
    assert breaker.open
    assert not breaker.admit()
    clock.now += 1.9
    assert not breaker.admit()
    clock.now += 0.1
    assert [breaker.admit(), breaker.admit(), breaker.admit()] == [True, False, False]


def test_a_probe_that_succeeds_closes_it(clock: Clock) -> None:
    """Closed again, it bears four failures again."""
    breaker = Breaker(clock)
    _fail(breaker)
    clock.now += 2
    assert breaker.admit()
    breaker.succeeded()
    assert not breaker.open
    _fail(breaker, 4)
    assert [breaker.admit(), breaker.admit()] == [True, True]


def test_each_probe_that_fails_doubles_the_rest_up_to_a_minute(clock: Clock) -> None:
    """2 seconds, 4, 8, ... and never more than 60."""
    breaker = Breaker(clock)
    _fail(breaker)
    for rest in (2, 4, 8, 16, 32, 60, 60):
        clock.now += rest - 0.5
        assert not breaker.admit(), rest
        clock.now += 0.5
        assert breaker.admit(), rest
        breaker.failed(probe=True)


def test_calls_that_were_under_way_do_not_lengthen_the_rest(clock: Clock) -> None:
    """Thirty calls that fail together open it once, for as long as five would."""
    breaker = Breaker(clock)
    _fail(breaker, 30)
    clock.now += 2
    assert breaker.admit()


def test_a_probe_that_is_let_go_makes_room_for_the_next(clock: Clock) -> None:
    """Whoever leaves before the answer decided nothing."""
    breaker = Breaker(clock)
    _fail(breaker)
    clock.now += 2
    assert breaker.admit()
    breaker.undecided(probe=False)
    assert not breaker.admit()
    breaker.undecided(probe=True)
    assert breaker.admit()


def test_it_remembers_when_it_last_failed(clock: Clock) -> None:
    """Among several that are open, the one that failed longest ago is the likeliest to be back."""
    breaker = Breaker(clock)
    clock.now += 7
    breaker.failed(probe=False)
    clock.now += 7
    assert breaker.failed_at == 107.0
