import ollama
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.pretty import pretty_repr

from service.db.engine import open_engine
from service.errors import SettingsError
from service.settings import Settings, read_settings


def refusal(environ: dict[str, str]) -> str:
    with pytest.raises(SettingsError) as refused:
        read_settings(environ)
    return refused.value.message


def test_nothing_set_is_the_defaults() -> None:
    """With nothing set, everything is as the design's table of settings says."""
    settings = read_settings({"PATH": "/usr/bin", "HOME": "/root"})
    assert settings == Settings()
    assert (str(settings.home), str(settings.personas), str(settings.providers)) == ("data", "persona_prompts", "attune.toml")
    assert (settings.host, settings.port, settings.nightly, settings.timezone) == ("127.0.0.1", 8000, "0 3 * * *", "UTC")
    assert settings.openai_base_url == "https://api.openai.com/v1"
    assert (settings.limit_key, settings.limit_visitor, settings.limit_begin) == (6000, 30, 20)
    assert (settings.replies_key, settings.replies_visitor, settings.trust_proxy) == (200, 2, 0)


def test_each_setting_is_read_under_its_name() -> None:
    """Every documented name reaches its field."""
    settings = read_settings(
        {
            "ATTUNE_HOME": "/srv/attune",
            "ATTUNE_PERSONAS": "/srv/personas",
            "ATTUNE_HOST": "0.0.0.0",
            "ATTUNE_PORT": "8080",
            "ATTUNE_NIGHTLY": "30 2 * * 1",
            "ATTUNE_TIMEZONE": "Europe/Berlin",
            "ATTUNE_ARTIFACTS": "/srv/artifacts",
            "ATTUNE_ENGINE": "http://127.0.0.1:9000",
            "ATTUNE_LIMIT_KEY": "0",
            "ATTUNE_LIMIT_VISITOR": "60",
            "ATTUNE_LIMIT_BEGIN": "5",
            "ATTUNE_REPLIES_KEY": "10",
            "ATTUNE_REPLIES_VISITOR": "1",
            "ATTUNE_TRUST_PROXY": "2",
            "OPENAI_API_KEY": "k",
            "OPENAI_BASE_URL": "http://127.0.0.1:1/v1",
        }
    )
    assert str(settings.database) == "sqlite:////srv/attune/attune.sqlite"
    assert str(settings.workflow_database) == "sqlite:////srv/attune/workflows.sqlite"
    assert (settings.host, settings.port) == ("0.0.0.0", 8080)
    assert (settings.nightly, settings.timezone) == ("30 2 * * 1", "Europe/Berlin")
    assert str(settings.personas) == "/srv/personas"
    assert str(settings.artifact_folder) == "/srv/artifacts"
    assert settings.engine_url == "http://127.0.0.1:9000"
    assert (settings.limit_key, settings.limit_visitor, settings.limit_begin) == (0, 60, 5)
    assert (settings.replies_key, settings.replies_visitor, settings.trust_proxy) == (10, 1, 2)
    assert (settings.openai_api_key, settings.openai_base_url) == ("k", "http://127.0.0.1:1/v1")


def test_secrets_are_never_shown() -> None:
    """However the settings come into an error or a log, the key and every password within an address are left out."""
    settings = read_settings(
        {
            "OPENAI_API_KEY": "sk-s3cret",
            "ATTUNE_DATABASE_URL": "postgresql://ann:s3cret@db.example/attune?sslmode=require&password=s3cret",
            "OPENAI_BASE_URL": "https://ann:s3cret@models.example/v1",
            "OLLAMA_HOST": "https://:s3cret@box.example",
        }
    )
    for shown in (repr(settings), str(settings), f"{settings}", pretty_repr(settings), repr([settings])):
        assert "s3cret" not in shown
        assert "openai_api_key='***'" in shown and "***@db.example/attune?sslmode=require&password=***" in shown
        assert "port=8000" in shown and "personas=" in shown
    assert "openai_api_key=''" in repr(Settings())


def test_what_follows_from_the_home_and_the_port() -> None:
    """Artifacts lie in the home and the engine listens above the web, unless they are set."""
    settings = read_settings({"ATTUNE_HOME": "/srv", "ATTUNE_PORT": "9000"})
    assert str(settings.artifact_folder) == "/srv/artifacts"
    assert settings.engine_url == "http://127.0.0.1:9001"


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("ATTUNE_PROT", "ATTUNE_PORT"),
        ("ATTUNE_DATABSE_URL", "ATTUNE_DATABASE_URL"),
        ("ATTUNE_PERSONA", "ATTUNE_PERSONAS"),
        ("ATTUNE_TIME_ZONE", "ATTUNE_TIMEZONE"),
        ("ATTUNE_OPENAI_API_KEY", "OPENAI_API_KEY"),
        ("ATTUNE_OLLAMA_HOST", "OLLAMA_HOST"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(name: str, meant: str) -> None:
    """A misspelt name never passes in silence: the refusal says which name was meant."""
    assert refusal({name: "x"}) == f"There is no setting {name}. Did you mean {meant}?"
    assert name in refusal({name: ""})


def test_a_name_like_no_other_is_refused_without_a_guess() -> None:
    """Where nothing is near, no guess is made, and the value is not repeated: it may be a secret."""
    assert refusal({"ATTUNE_QQQ": "s3cret"}) == "There is no setting ATTUNE_QQQ."


@pytest.mark.parametrize("port", ["0", "-1", "65536", "99999999999999999999", "http", "80 80", "80.5", "nan"])
def test_a_bad_port_is_refused_by_name(port: str) -> None:
    """A port that no machine has is refused at start, by the name of its setting."""
    assert "ATTUNE_PORT" in refusal({"ATTUNE_PORT": port})


@pytest.mark.parametrize("schedule", ["nonsense", "0 3 * *", "61 3 * * *", "@never"])
def test_a_bad_schedule_is_refused(schedule: str) -> None:
    """A schedule that would never run is refused at start, not by the worker at night."""
    assert refusal({"ATTUNE_NIGHTLY": schedule}).startswith("ATTUNE_NIGHTLY=")


@pytest.mark.parametrize("zone", ["Mars/Olympus", "Europe", "../etc/passwd", "a\tb"])
def test_a_bad_time_zone_is_refused(zone: str) -> None:
    """A time zone that does not exist is refused at start."""
    assert refusal({"ATTUNE_TIMEZONE": zone}).startswith("ATTUNE_TIMEZONE=")


def test_an_empty_value_keeps_the_default() -> None:
    """A line of a .env file that is not filled in means the default, for every setting."""
    names = [f"ATTUNE_{field.upper()}" for field in Settings.__struct_fields__ if not field.startswith(("openai", "ollama"))]
    assert read_settings(dict.fromkeys([*names, "OPENAI_API_KEY", "OPENAI_BASE_URL", "OLLAMA_HOST"], "")) == Settings()


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("", "http://127.0.0.1:11434"),
        ("gpu-box", "http://gpu-box:11434"),
        ("gpu-box:8080", "http://gpu-box:8080"),
        ("http://gpu-box:8080", "http://gpu-box:8080"),
    ],
)
def test_ollama_host_means_what_it_means_to_ollama(host: str, address: str) -> None:
    """OLLAMA_HOST is Ollama's own setting: a name without a port is Ollama's port, not the web's."""
    client = ollama.Client(host=read_settings({"OLLAMA_HOST": host}).ollama_host)
    try:
        assert str(client._client.base_url).rstrip("/") == address
    finally:
        client._client.close()


@pytest.mark.parametrize("driver", ["", "+psycopg", "+asyncpg"])
def test_workflows_live_on_the_same_postgresql(driver: str) -> None:
    """On PostgreSQL the workflows use the same database, under a URL without a driver's name."""
    settings = read_settings({"ATTUNE_DATABASE_URL": f"postgresql{driver}://u:p@h:5432/attune"})
    assert settings.workflow_database == "postgresql://u:p@h:5432/attune"
    open_engine(settings.database).dispose()


@settings(deadline=None, derandomize=True)
@given(st.dictionaries(st.text(st.characters(codec="ascii"), max_size=12).map(lambda name: f"ATTUNE_{name}"), st.text(max_size=12)))
def test_any_environment_is_read_or_refused_in_words(environ: dict[str, str]) -> None:
    """Whatever stands in the environment, the answer is settings or one of our own sentences."""
    try:
        assert isinstance(read_settings(environ), Settings)
    except SettingsError as error:
        assert "ATTUNE_" in error.message
