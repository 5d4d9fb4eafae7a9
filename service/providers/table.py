"""The `[providers.NAME]` tables of attune.toml: further providers, and how patient to be with the built-in ones."""

import difflib
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from service.errors import SettingsError

BUILT_IN = {"local": "openai", "openai": "openai", "ollama": "ollama"}
"""The providers that are always there, and the kind of each."""

_ENVIRONMENT = {"local": "ATTUNE_ENGINE", "openai": "OPENAI_BASE_URL and OPENAI_API_KEY", "ollama": "OLLAMA_HOST"}
_SET_BY_ENVIRONMENT = ("kind", "base_url", "key_env")
_OF_ONE_KIND = {"api_version": "azure", "keep_alive": "ollama", "num_ctx": "ollama", "adapters": "vllm"}

_MEANT = {
    "kind": "It is openai, azure, ollama or vllm.",
    "timeouts": "They are seconds, such as { connect = 5, first_token = 60, between_tokens = 30 }.",
    "retries": "It is a number from 0 to 10.",
    "keep_alive": 'It is a duration such as "30m", or a number of seconds; -1 means for ever.',
    "num_ctx": "It is a number of tokens, such as 8192.",
}
_TEXT = "It is a text in quotation marks."

_Seconds = Annotated[float, msgspec.Meta(gt=0, le=3600)]
_Duration = Annotated[str, msgspec.Meta(pattern=r"^-?([0-9]+(\.[0-9]+)?(ns|us|ms|s|m|h))+$")]


class TimeoutTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Seconds; what is not set is the default of the kind."""

    connect: _Seconds | None = None
    first_token: _Seconds | None = None
    between_tokens: _Seconds | None = None


class Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One provider. Its key is read from the environment variable `key_env`, so that the file holds no secret.

    `adapters` is where a vLLM server sees the artifacts folder, if not under the same path.
    """

    kind: Literal["openai", "azure", "ollama", "vllm"] = "openai"
    base_url: str = ""
    key_env: str = ""
    timeouts: TimeoutTable = TimeoutTable()
    retries: Annotated[int, msgspec.Meta(ge=0, le=10)] | None = None
    api_version: str = ""
    keep_alive: _Duration | int | None = None
    num_ctx: Annotated[int, msgspec.Meta(ge=1)] | None = None
    adapters: str = ""


def read_tables(path: Path) -> dict[str, Table]:
    """Read the file; without one there are no tables. Raise `SettingsError` with file, table and the way out."""
    if not path.exists():
        return {}
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path}: {error}") from error
    _check_keys(path, "the file", document, ["providers"])
    tables = document.get("providers", {})
    if not isinstance(tables, dict):
        raise SettingsError(f"{path}: 'providers' must hold tables such as [providers.mine].")
    return {name: _read_table(path, name, table) for name, table in tables.items()}


def _read_table(path: Path, name: str, raw: Any) -> Table:
    where = f"[providers.{name}]"
    if not isinstance(raw, dict):
        raise SettingsError(f"{path}: '{name}' must be a table: {where}, with base_url = \"http://...\" below it.")
    _check_keys(path, where, raw, list(Table.__struct_fields__))
    if isinstance(raw.get("timeouts"), dict):
        _check_keys(path, f"the timeouts of {where}", raw["timeouts"], list(TimeoutTable.__struct_fields__))
    try:
        table = msgspec.convert(raw, Table)
    except msgspec.ValidationError as error:
        what, _, key = str(error).partition(" - at `$.")
        key = key.rstrip("`")
        raise SettingsError(f"{path}: {where}: {key}: {what}. {_MEANT.get(key.partition('.')[0], _TEXT)}") from error
    _check_meaning(path, name, where, raw, table)
    return table


def _check_meaning(path: Path, name: str, where: str, raw: dict[str, Any], table: Table) -> None:
    kind = BUILT_IN.get(name, table.kind)
    for key in (key for key in raw if _OF_ONE_KIND.get(key, kind) != kind):
        raise SettingsError(f"{path}: {where}: {key} is for providers of kind '{_OF_ONE_KIND[key]}'; this one is of kind '{kind}'.")
    if name in BUILT_IN:
        for key in (key for key in _SET_BY_ENVIRONMENT if key in raw):
            raise SettingsError(
                f"{path}: {where}: '{name}' is built in, and {key} is set by the environment ({_ENVIRONMENT[name]}). "
                "Remove it, or give your provider another name."
            )
    elif not table.base_url.startswith(("http://", "https://")):
        raise SettingsError(f"{path}: {where}: base_url must be there and begin with http:// or https://.")


def _check_keys(path: Path, where: str, found: dict[str, Any], known: list[str]) -> None:
    for key in found:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"Did you mean {near[0]}?" if near else f"There are: {', '.join(known)}."
            raise SettingsError(f"{path}: there is no '{key}' in {where}. {hint}")
