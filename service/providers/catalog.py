"""Which provider a name such as `local:starter` or `ollama:llama3.2` means. The only place that builds providers."""

import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec
import structlog

import service
from service.errors import ProviderError
from service.providers.base import Provider, Timeouts
from service.providers.lent import Lent
from service.providers.ollama import DEFAULT_CONTEXT, OllamaProvider
from service.providers.openai import AzureProvider, OpenAIProvider
from service.providers.steady import RETRIES, SteadyProvider
from service.providers.table import BUILT_IN, Table, TimeoutTable, read_tables
from service.settings import Settings

STARTER = Path(service.__file__).parent / "starter" / "weights"
"""The checkpoint folder of the model that ships."""

# A model may have to be loaded before its first token: the embedded engine takes seconds, Ollama minutes for a large one.
_LOADING = {"local": Timeouts(first_token=120.0, between_tokens=60.0), "ollama": Timeouts(first_token=300.0, between_tokens=60.0)}

log = structlog.get_logger()


class Providers:
    """The providers by name; each is built when it is first asked for. `clock` is the time of their circuit breakers."""

    def __init__(self, settings: Settings, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._tables = {**{name: Table() for name in BUILT_IN}, **read_tables(settings.providers)}
        self._lent = Lent(settings.home)
        self._built: dict[str, Provider] = {}

    def get(self, name: str) -> Provider:
        """Return the provider; raise `ProviderError` when there is none of that name."""
        if name not in self._built:
            table = self._tables.get(name)
            if table is None:
                raise ProviderError(f"There is no provider '{name}'. Name it in {self._settings.providers}.", code="provider_unknown")
            retries = RETRIES if table.retries is None else table.retries
            self._built[name] = SteadyProvider(
                self._build(name, table),
                name,
                retries=retries,
                clock=self._clock,
                is_lent=partial(self._lent.__contains__, name),
                sleeps=BUILT_IN.get(name, table.kind) == "vllm",  # asked while it sleeps, vLLM may crash
            )
        return self._built[name]

    async def close(self) -> None:
        """Close all that were built."""
        for provider in self._built.values():
            await provider.close()

    def _build(self, name: str, table: Table) -> Provider:
        kind = BUILT_IN.get(name, table.kind)
        timeouts = _timeouts(name if name in _LOADING else kind, table.timeouts)
        match name:
            case "local":
                return OpenAIProvider(f"{self._settings.engine_url}/v1", name=name, timeouts=timeouts, engine=True)
            case "openai":
                return OpenAIProvider(self._settings.openai_base_url, self._settings.openai_api_key, timeouts=timeouts)
        url, key = (self._settings.ollama_host, "") if name == "ollama" else (table.base_url, key_of(name, table))
        match kind:
            case "azure":
                return AzureProvider(url, key, api_version=table.api_version, name=name, timeouts=timeouts)
            case "ollama":
                window = table.num_ctx or DEFAULT_CONTEXT
                return OllamaProvider(url, key, name=name, timeouts=timeouts, keep_alive=table.keep_alive, num_ctx=window)
        return OpenAIProvider(url, key, name=name, timeouts=timeouts)


def checkpoint_folder(model: str, settings: Settings) -> Path:
    """The folder of a model of the embedded engine: the starter, or a version of ours."""
    return STARTER if model == "starter" else settings.version_folder(model)


def served_name(provider: str, model: str, settings: Settings) -> str:
    """What the provider itself calls the model: the embedded engine loads folders, all others know names."""
    return str(checkpoint_folder(model, settings)) if provider == "local" else model


def split_model(text: str) -> tuple[str, str]:
    """Cut `provider:model`; raise `ProviderError` without a colon."""
    provider, colon, model = text.partition(":")
    if not colon or not provider or not model:
        raise ProviderError(f"'{text}' is not of the form provider:model, such as local:starter.", code="provider_unknown")
    return provider, model


def _timeouts(usual: str, patience: TimeoutTable) -> Timeouts:
    chosen = {name: value for name, value in msgspec.structs.asdict(patience).items() if value is not None}
    return msgspec.structs.replace(_LOADING.get(usual, Timeouts()), **chosen)


def key_of(name: str, table: Table) -> str:
    """The key from the environment. Some servers need none; where one is named and missing, the log says so."""
    if table.key_env and table.key_env not in os.environ:
        log.warning("provider_key_missing", provider=name, variable=table.key_env)
    return os.environ.get(table.key_env, "")
