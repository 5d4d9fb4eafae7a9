"""Which host makes trained versions servable."""

from service.hosting.base import Host
from service.hosting.engine import EngineHost
from service.settings import Settings


def make_host(settings: Settings) -> Host:
    """The embedded engine: so far the only host."""
    return EngineHost(settings.engine_url, settings.artifact_folder)
