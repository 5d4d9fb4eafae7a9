"""A host lends its memory to a training on the same card, and takes it back after, however the training ended."""

from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from service.errors import AttuneError
from service.hosting.base import Host
from service.hosting.catalog import ENGINE, make_host
from service.hosting.engine import PROVIDER
from service.providers.lent import Lent
from service.settings import Settings

_ROOM = 0.9  # of what is free: the host goes on answering, and its own needs grow with what it is asked

log = structlog.get_logger()


def needs_release(needed: int | None, free: int) -> bool:
    """Whether a training that needs so many bytes cannot run beside the host, with so many free; None where nobody can say."""
    return needed is None or needed > free * _ROOM


@contextmanager
def lending(settings: Settings, name: str) -> Iterator[list[str]]:
    """Let the host of that name go without its memory while the block runs; yields sentences about what did not go as it should.

    Exchanges meanwhile go to the persona's other models. What a killed process left lent is taken back by `take_back_all`.
    """
    host, lent, provider = make_host(settings, name), Lent(settings.home), provider_of(name)
    lent.lend(provider)
    troubles = [trouble] if (trouble := host.release()) else []
    log.info("memory_lent", host=name, troubles=len(troubles))
    try:
        yield troubles
    finally:
        _take_back(lent, provider, name, host)


def take_back_all(settings: Settings) -> None:
    """Have every host that has lent its memory take it back: at the start of a worker, when nothing trains."""
    lent = Lent(settings.home)
    for provider in lent.names():
        name = ENGINE if provider == PROVIDER else provider
        try:
            _take_back(lent, provider, name, make_host(settings, name))
        except AttuneError as error:
            lent.take_back(provider)
            log.warning("memory_not_taken_back", host=name, reason=error.message)


def provider_of(name: str) -> str:
    """The provider that answers with what the host of that name holds."""
    return PROVIDER if name == ENGINE else name


def _take_back(lent: Lent, provider: str, name: str, host: Host) -> None:
    trouble = host.take_back()
    lent.take_back(provider)
    log.info("memory_taken_back", host=name, trouble=trouble)
