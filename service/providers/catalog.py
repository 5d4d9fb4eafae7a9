"""Which provider a name such as `local:starter` or `ollama:llama3.2` means. The only place that builds providers."""

import os
import tomllib
from pathlib import Path

import msgspec

import service
from service.errors import ProviderError, SettingsError
from service.providers.base import Provider
from service.providers.ollama import OllamaProvider
from service.providers.openai import OpenAIProvider
from service.settings import Settings

STARTER = Path(service.__file__).parent / "starter" / "weights"
"""The checkpoint folder of the model that ships."""

_OURS = ("local", "openai", "ollama")


class _Further(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One `[providers.NAME]` table of attune.toml; the key is read from the environment variable `key_env`."""

    base_url: str
    key_env: str = ""


class Providers:
    """The providers by name; each is built when it is first asked for."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._further = _read_further(settings.providers)
        self._built: dict[str, Provider] = {}

    def get(self, name: str) -> Provider:
        """Return the provider; raise `ProviderError` when there is none of that name."""
        if name not in self._built:
            self._built[name] = self._build(name)
        return self._built[name]

    async def close(self) -> None:
        """Close all that were built."""
        for provider in self._built.values():
            await provider.close()

    def _build(self, name: str) -> Provider:
        match name:
            case "local":
                return OpenAIProvider(f"{self._settings.engine_url}/v1", name="local")
            case "openai":
                return OpenAIProvider(self._settings.openai_base_url, self._settings.openai_api_key)
            case "ollama":
                return OllamaProvider(self._settings.ollama_host)
        if name in self._further:
            further = self._further[name]
            return OpenAIProvider(further.base_url, os.environ.get(further.key_env, ""), name=name)
        raise ProviderError(f"There is no provider '{name}'. Name it in {self._settings.providers}.", code="provider_unknown")


def checkpoint_folder(model: str, settings: Settings) -> Path:
    """The folder of a model of the embedded engine: the starter, or a version of ours."""
    return STARTER if model == "starter" else settings.artifact_folder / "versions" / model


def served_name(provider: str, model: str, settings: Settings) -> str:
    """What the provider itself calls the model: the embedded engine loads folders, all others know names."""
    return str(checkpoint_folder(model, settings)) if provider == "local" else model


def split_model(text: str) -> tuple[str, str]:
    """Cut `provider:model`; raise `ProviderError` without a colon."""
    provider, colon, model = text.partition(":")
    if not colon or not provider or not model:
        raise ProviderError(f"'{text}' is not of the form provider:model, such as local:starter.")
    return provider, model


def _read_further(path: Path) -> dict[str, _Further]:
    if not path.exists():
        return {}
    try:
        further = msgspec.convert(tomllib.loads(path.read_text("utf-8")).get("providers", {}), dict[str, _Further])
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise SettingsError(f"{path}: {error}") from error
    for name, one in further.items():
        if name in _OURS:
            raise SettingsError(f"{path}: the provider '{name}' is built in and set by the environment; give yours another name.")
        if not one.base_url.startswith(("http://", "https://")):
            raise SettingsError(f"{path}: the base_url of '{name}' must begin with http:// or https://.")
    return further
