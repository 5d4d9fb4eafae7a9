"""Calls to a host of fine-tuning, none of which may make a thing twice.

The SDK sends no idempotency key and repeats a call whose answer was lost. Here a call that creates is sent once; where its answer is lost,
the thing is looked for, for as long as it takes, before it is asked for again.
"""

import time
from collections.abc import Callable
from typing import Self

import openai
import structlog
from openai import OpenAI

from service.errors import TrainingError
from service.training.openai_account import is_passing, told

_TRIES = 3
_MOST_PAUSE = 60.0

log = structlog.get_logger()


class Leaving(Exception):
    """The process ends; what goes on at the host does not."""


class Calls:
    """One account at one host, from entering it until it is left, which closes its connections.

    `pause` is seconds between two looks at something; `patience` is seconds to look for something lost. Once `is_leaving`, whoever sleeps
    or is about to raises `Leaving`.
    """

    def __init__(self, base_url: str, key: str, *, pause: float, patience: float, is_leaving: Callable[[], bool]) -> None:
        self.url = base_url
        self.pause = pause
        # Two attempts more for what only asks; what creates something is asked once.
        self.client = OpenAI(base_url=base_url, api_key=key or "none", max_retries=2, timeout=120)
        self.once = self.client.with_options(max_retries=0)
        self._patience = patience
        self._is_leaving = is_leaving

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    def sleep(self, seconds: float) -> None:
        """Sleep, and wake up to leave."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if self._is_leaving():
                raise Leaving
            time.sleep(min(0.2, left))

    def longer(self, pause: float) -> float:
        """The pause after this one: hosts take minutes to hours."""
        return min(pause * 1.5, max(self.pause, _MOST_PAUSE))

    def make(self, create: Callable[[], str], find: Callable[[], str | None], what: str) -> str:
        """The id of what `create` makes, which `find` finds if it is there already; `TrainingError` when the host will not have it."""
        for attempt in range(_TRIES):
            with told(what):
                try:
                    return create()
                except (openai.APIConnectionError, openai.InternalServerError):
                    if found := self._find(find, what):
                        return found
                    if attempt == _TRIES - 1:
                        raise
        raise AssertionError("every attempt returns or raises")

    def _find(self, find: Callable[[], str | None], what: str) -> str | None:
        end, pause = time.monotonic() + self._patience, self.pause
        while True:
            self.sleep(pause)
            try:
                return find()
            except TrainingError as error:
                if not is_passing(error.__cause__):
                    raise
                if time.monotonic() > end:
                    raise TrainingError(
                        f"The connection broke when the host was asked to {what}, and it was away from then on. Look at its account page "
                        "for what it did all the same, before you run the night again."
                    ) from error
            pause = self.longer(pause)
