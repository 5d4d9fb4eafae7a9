"""Versions that a host lost: vLLM forgets its adapters when it is started again."""

from collections.abc import Iterable
from pathlib import Path

import structlog
from msgspec import Struct

from service.errors import HostingError
from service.hosting.catalog import make_host
from service.settings import Settings

log = structlog.get_logger()


class Published(Struct, frozen=True):
    """A version as it was published: by the host of which name, under which name, and from what."""

    host: str
    name: str
    base: Path
    adapter: Path


def restore(settings: Settings, versions: Iterable[Published]) -> list[str]:
    """Publish again what its host does not have any more; return a sentence for each version that could not be. Never raises for a host."""
    troubles = []
    for version in versions:
        try:
            make_host(settings, version.host).publish(version.name, version.base, version.adapter)
        except HostingError as error:
            log.warning("version_not_restored", host=version.host, version=version.name, reason=error.message)
            troubles.append(f"{version.name}: {error.message}")
    return troubles
