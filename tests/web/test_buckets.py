"""How many requests a caller may make: never more than allowed, in bounded memory, by a clock that the test turns."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.web.buckets import Allowance, Buckets, allowance_headers


class Clock:
    """A clock that stands until it is turned."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@given(
    limit=st.integers(1, 200),
    steps=st.lists(st.tuples(st.floats(0, 40, allow_nan=False), st.integers(1, 60)), max_size=40),
)
def test_no_pattern_of_requests_gets_more_than_is_allowed(limit: int, steps: list[tuple[float, int]]) -> None:
    """In whatever bursts they come: at most a full bucket and what flowed in since is let through, as many as `remaining` said."""
    clock = Clock()
    buckets = Buckets(limit, clock)
    began, let = clock.now, 0
    for pause, burst in steps:
        clock.now += pause
        promised = None
        for _ in range(burst):
            taken = buckets.take("a")
            assert taken is not None
            assert 0 <= taken.remaining < limit
            if promised is not None:
                assert (taken.wait == 0) == (promised > 0)
            promised, let = taken.remaining, let + (taken.wait == 0)
        assert let <= limit + (clock.now - began) * limit / 60 + 1e-3


@given(limit=st.integers(1, 600), used=st.integers(1, 700))
def test_after_the_wait_there_is_room_and_not_before(limit: int, used: int) -> None:
    """Whoever waits as long as told gets one more; whoever comes a moment earlier does not."""
    clock = Clock()
    buckets = Buckets(limit, clock)
    waits = [taken.wait for _ in range(used) if (taken := buckets.take("a"))]
    assert all(wait == 0 for wait in waits[:limit])
    if used > limit:
        assert waits[-1] > 0
        clock.now += waits[-1] * 0.9
        early = buckets.take("a")
        assert early is not None and early.wait > 0
        clock.now += early.wait + 1e-6
        late = buckets.take("a")
        assert late is not None and late.wait == 0


def test_after_a_minute_the_bucket_is_full_again() -> None:
    """A minute of silence gives everything back, and no more than that."""
    clock = Clock()
    buckets = Buckets(30, clock)
    assert [buckets.take("a") for _ in range(30)][-1] == Allowance(30, 0, 60.0, 0.0)
    assert buckets.take("a") == Allowance(30, 0, 60.0, 2.0)
    clock.now += 60
    assert buckets.take("a") == Allowance(30, 29, 2.0, 0.0)
    clock.now += 100_000
    assert buckets.take("a") == Allowance(30, 29, 2.0, 0.0)


def test_callers_do_not_use_up_each_others() -> None:
    """Each name has a bucket of its own."""
    buckets = Buckets(1, Clock())
    assert [taken.wait == 0 for name in "abab" if (taken := buckets.take(name))] == [True, True, False, False]


def test_no_limit_counts_nobody() -> None:
    """0 is off: nothing is counted and nothing remembered."""
    buckets = Buckets(0, Clock())
    assert buckets.take("a") is None
    assert len(buckets) == 0


@pytest.mark.parametrize("pause", [0.0, 61.0])
def test_memory_is_bounded_however_many_callers_come(pause: float) -> None:
    """Never more names than allowed are kept, at once or over time; whoever was here last is still known."""
    clock = Clock()
    buckets = Buckets(1, clock, most=100)
    for number in range(1000):
        buckets.take(f"caller {number}")
        clock.now += pause / 100
        assert len(buckets) <= 100
    taken = buckets.take("caller 999")
    assert taken is not None and taken.wait > 0


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0.0, b"0ms"), (0.12, b"120ms"), (1.0, b"1s"), (1.55, b"1.6s"), (59.0, b"59s"), (60.0, b"1m0s"), (90.5, b"1m30.5s")],
)
def test_the_headers_are_openais(seconds: float, told: bytes) -> None:
    """Names and times are written as OpenAI's clients and their users know them."""
    assert allowance_headers(Allowance(600, 599, seconds, 0.0)) == [
        (b"x-ratelimit-limit-requests", b"600"),
        (b"x-ratelimit-remaining-requests", b"599"),
        (b"x-ratelimit-reset-requests", told),
    ]
