"""What the owner sets from outside: read once from the environment, checked, and never changed while running."""

import difflib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import msgspec
from croniter import croniter

from service.errors import SettingsError

_PREFIX = "ATTUNE_"
_SECRETS = ("openai_api_key",)
_IN_URL = re.compile(r"(?<=://)[^/@\s]*(?=@)|(?<=password=)[^&\s]+")
"""Where a URL may hold a password."""

_VENDOR_NAMES = {"OPENAI_API_KEY": "openai_api_key", "OPENAI_BASE_URL": "openai_base_url", "OLLAMA_HOST": "ollama_host"}

Limit = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
"""How many: messages a minute (`limit_...`) or replies at once (`replies_...`); 0 is without a bound."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every setting with its default; `ATTUNE_HOME` is the field `home`, and so on.

    `artifacts` is a folder or an fsspec URL such as `s3://bucket/attune`. `launcher` is a command line that training is started through,
    such as `accelerate launch --num_processes 2`.
    `limit_begin` counts the conversations that one address begins without a key. `trust_proxy` is how many proxies stand before the
    service: the address is then taken from `X-Forwarded-For`, which anybody could make up where no proxy writes it.
    """

    home: Path = Path("data")
    database_url: str = ""
    personas: Path = Path("persona_prompts")
    host: str = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 8000
    nightly: str = "0 3 * * *"
    timezone: str = "UTC"
    artifacts: str = ""
    launcher: str = ""
    engine: str = ""
    providers: Path = Path("attune.toml")
    openai_api_key: str = ""
    openai_base_url: str = "https://api.openai.com/v1"
    ollama_host: str = "http://127.0.0.1:11434"
    limit_key: Limit = 6_000
    limit_visitor: Limit = 30
    limit_begin: Limit = 20
    replies_key: Limit = 200
    replies_visitor: Limit = 2
    trust_proxy: Annotated[int, msgspec.Meta(ge=0, le=10)] = 0

    def __repr__(self) -> str:
        """The settings as errors and logs may show them: without a key or a password."""
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [(name, _shown(name, getattr(self, name))) for name in self.__struct_fields__]

    @property
    def database(self) -> str:
        """The database URL: what was set, or a SQLite file in the home."""
        return self.database_url or f"sqlite:///{(self.home / 'attune.sqlite').absolute()}"

    @property
    def workflow_database(self) -> str:
        """Where the durable workflows keep their steps: the same PostgreSQL server, or a SQLite file of their own."""
        if self.database.startswith("sqlite"):
            return f"sqlite:///{(self.home / 'workflows.sqlite').absolute()}"
        return f"postgresql:{self.database.partition(':')[2]}"

    @property
    def artifact_folder(self) -> Path:
        """The folder of datasets, training runs and versions on this machine; a working copy when they are kept behind a URL."""
        return (self.home / "artifacts").absolute() if not self.artifacts or self.artifact_url else Path(self.artifacts).absolute()

    def version_folder(self, model: str) -> Path:
        """Where the embedded engine finds a version of ours, or a base that was fetched."""
        return self.artifact_folder / "versions" / model

    @property
    def artifact_url(self) -> str:
        """Where artifacts are kept besides, as an fsspec URL; empty when the folder is all there is."""
        return self.artifacts if "://" in self.artifacts else ""

    @property
    def engine_url(self) -> str:
        """Where the embedded engine listens: `attune up` says so; by default the port above the web's."""
        return self.engine or f"http://127.0.0.1:{self.port + 1}"


def _shown(name: str, value: Any) -> Any:
    if name in _SECRETS:
        return "***" if value else value
    return _IN_URL.sub("***", value) if isinstance(value, str) else value


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Read the settings from `environ`; raise `SettingsError` for an unknown `ATTUNE_*` name or a value that cannot be.

    An empty value means the default, as in a .env file whose lines are not filled in.
    """
    fields = {field.name for field in msgspec.structs.fields(Settings)}
    values: dict[str, Any] = {}
    for name, value in environ.items():
        if name in _VENDOR_NAMES and value:
            values[_VENDOR_NAMES[name]] = value
        elif name.startswith(_PREFIX):
            field = _field_of(name, fields - set(_VENDOR_NAMES.values()))
            if value:
                values[field] = value
    try:
        settings = msgspec.convert(values, Settings, strict=False, dec_hook=lambda kind, value: kind(value))
    except msgspec.ValidationError as error:
        raise SettingsError(f"A setting has a wrong value: {_in_words(str(error))}") from error
    _check_schedule(settings)
    return settings


def _check_schedule(settings: Settings) -> None:
    if not croniter.is_valid(settings.nightly, second_at_beginning=True):
        raise SettingsError(f"ATTUNE_NIGHTLY='{settings.nightly}' is no schedule such as '0 3 * * *'.")
    try:
        ZoneInfo(settings.timezone)
    except (KeyError, ValueError, OSError) as error:
        raise SettingsError(f"ATTUNE_TIMEZONE='{settings.timezone}' is no time zone such as UTC or Europe/Berlin.") from error


def _field_of(name: str, fields: set[str]) -> str:
    field = name.removeprefix(_PREFIX).lower()
    if field in fields:
        return field
    known = {**{vendor.lower(): vendor for vendor in _VENDOR_NAMES}, **{each: f"{_PREFIX}{each.upper()}" for each in fields}}
    near = difflib.get_close_matches(field, known, n=1)
    hint = f" Did you mean {known[near[0]]}?" if near else ""
    raise SettingsError(f"There is no setting {name}.{hint}")


def _in_words(message: str) -> str:
    what, _, where = message.partition(" - at `$.")
    return f"{_PREFIX}{where.rstrip('`').upper()}: {what}" if where else what
