"""A circuit breaker: whoever fails again and again is left alone for a while, then asked once, and left alone longer if that fails, too."""

from collections.abc import Callable

_FAILURES = 5
_FIRST_REST, _LONGEST_REST = 2.0, 60.0


class Breaker:
    """Closed (ask), open (do not), or half-open (one call at a time may try). Times are seconds of `clock`, which only goes forward."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._failures = 0
        self._rest = 0.0
        """How long it stays open; 0 when it is closed."""
        self._until = 0.0
        self._probing = False
        self.failed_at = clock()
        """When it was last seen to fail."""

    @property
    def open(self) -> bool:
        """Whether it failed too often; also while it is being tried again."""
        return self._rest > 0

    def admit(self) -> bool:
        """Whether to ask now. When it was open, the answer yes goes to one caller, until that one says how it went."""
        if self.open:
            if self._probing or self._clock() < self._until:
                return False
            self._probing = True
        return True

    def succeeded(self) -> None:
        """It answered: close."""
        self._failures, self._rest, self._probing = 0, 0.0, False

    def failed(self, *, probe: bool) -> None:
        """It failed. Only the probe makes the rest longer: of many calls under way at the opening, each would."""
        self._failures += 1
        self.failed_at = self._clock()
        if probe:
            self._probing = False
            self._open(min(self._rest * 2, _LONGEST_REST))
        elif not self.open and self._failures >= _FAILURES:
            self._open(_FIRST_REST)

    def undecided(self, *, probe: bool) -> None:
        """It was let go before it had answered or failed."""
        self._probing = self._probing and not probe

    def _open(self, rest: float) -> None:
        self._rest = rest
        self._until = self._clock() + rest
