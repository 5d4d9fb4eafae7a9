"""Which host makes a persona's versions servable: `learning.host` names it."""

from service.errors import HostingError
from service.hosting.base import Host
from service.hosting.engine import EngineHost
from service.hosting.ollama import OllamaHost
from service.hosting.vllm import VllmHost
from service.providers.catalog import key_of
from service.providers.table import Table, read_tables
from service.settings import Settings

ENGINE = "engine"
OLLAMA = "ollama"


def make_host(settings: Settings, name: str = ENGINE) -> Host:
    """The host of that name: the embedded engine, Ollama, or a provider of attune.toml that can be given adapters.

    Raises `HostingError` for a name that nobody answers to.
    """
    if name == ENGINE:
        return EngineHost(settings.engine_url, settings.artifact_folder)
    if name == OLLAMA:
        return OllamaHost(settings.ollama_host, artifacts=settings.artifact_folder)
    table = read_tables(settings.providers).get(name)
    if table is None:
        raise HostingError(
            f"There is no host '{name}'. Set learning.host to {ENGINE}, to {OLLAMA}, or to a provider of kind vllm or ollama in "
            f"{settings.providers}."
        )
    return _of_table(name, table, settings)


def _of_table(name: str, table: Table, settings: Settings) -> Host:
    match table.kind:
        case "vllm":
            return VllmHost(table.base_url, key_of(name, table), provider=name, artifacts=settings.artifact_folder, seen_as=table.adapters)
        case "ollama":
            return OllamaHost(table.base_url, provider=name, artifacts=settings.artifact_folder)
    raise HostingError(
        f"The provider '{name}' is of kind {table.kind}, which takes no adapters; vllm and ollama do. Set learning.host to one."
    )
