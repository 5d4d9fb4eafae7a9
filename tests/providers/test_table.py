"""attune.toml: what cannot be meant is refused at the start, with the file, the place, and the way out."""

from pathlib import Path

import pytest

from service.errors import SettingsError
from service.providers.table import read_tables

GOOD = 'base_url = "http://h/v1"\n'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the file lies."""
    return tmp_path / "attune.toml"


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ("[providers.mine]\nbase_url = oops\n", "Invalid value (at line 2, column 12)"),
        ("[provider.mine]\n" + GOOD, "there is no 'provider' in the file. Did you mean providers?"),
        ("providers = 3\n", "'providers' must hold tables such as [providers.mine]."),
        ("[providers]\nmine = 3\n", "'mine' must be a table: [providers.mine]"),
        ("[providers.mine]\nkey_env = 'K'\n", "[providers.mine]: base_url must be there and begin with http:// or https://."),
        ("[providers.mine]\nbase_url = 'localhost:1234/v1'\n", "[providers.mine]: base_url must be there and begin with http://"),
        ("[providers.mine]\nbase_url = 7\n", "[providers.mine]: base_url: Expected `str`, got `int`. It is a text"),
        ("[providers.mine]\nbase_urll = 'http://h'\n", "there is no 'base_urll' in [providers.mine]. Did you mean base_url?"),
        ("[providers.mine]\nkey = 'sk-secret'\n" + GOOD, "there is no 'key' in [providers.mine]. Did you mean key_env?"),
        ("[providers.mine]\nxyzzy = 1\n" + GOOD, "there is no 'xyzzy' in [providers.mine]. There are: kind, base_url, key_env, timeouts,"),
        ("[providers.mine]\nkind = 'azur'\n" + GOOD, "[providers.mine]: kind: Invalid enum value 'azur'. It is openai, azure, ollama or"),
        ("[providers.mine]\ntimeouts = {first_tokn = 3}\n" + GOOD, "in the timeouts of [providers.mine]. Did you mean first_token?"),
        ("[providers.mine]\ntimeouts = {connect = 0}\n" + GOOD, "timeouts.connect: Expected `float` > 0.0. They are seconds"),
        ("[providers.mine]\ntimeouts = 30\n" + GOOD, "[providers.mine]: timeouts: Expected `object`, got `int`."),
        ("[providers.mine]\nretries = -1\n" + GOOD, "[providers.mine]: retries: Expected `int` >= 0. It is a number from 0 to 10."),
        ("[providers.mine]\nnum_ctx = 99\n" + GOOD, "num_ctx is for providers of kind 'ollama'; this one is of kind 'openai'."),
        ("[providers.mine]\napi_version = '2024-10-21'\n" + GOOD, "api_version is for providers of kind 'azure'; this one"),
        ("[providers.mine]\nkind = 'ollama'\nkeep_alive = 'soon'\n" + GOOD, "It is a duration such as \"30m\""),
        ("[providers.openai]\n" + GOOD, "base_url is set by the environment (OPENAI_BASE_URL and OPENAI_API_KEY). Remove it"),
        ("[providers.ollama]\nkind = 'ollama'\n", "'ollama' is built in, and kind is set by the environment (OLLAMA_HOST)."),
        ("[providers.local]\nkey_env = 'K'\n", "'local' is built in, and key_env is set by the environment (ATTUNE_ENGINE)."),
        ("[providers.openai]\nnum_ctx = 99\n", "num_ctx is for providers of kind 'ollama'; this one is of kind 'openai'."),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused(file: Path, toml: str, words: str) -> None:
    """The error names the file, the table and the key, and how to mend it; it shows no value that could be a secret."""
    file.write_text(toml)
    with pytest.raises(SettingsError) as raised:
        read_tables(file)
    assert raised.value.message.startswith(f"{file}: ")
    assert words in raised.value.message
    assert "sk-secret" not in raised.value.message


def test_a_file_that_is_no_text_is_refused(file: Path) -> None:
    """A file of another encoding, or a folder of that name, is refused by its name."""
    file.write_bytes(b"# caf\xe9")
    with pytest.raises(SettingsError, match=r"attune\.toml"):
        read_tables(file)
    file.unlink()
    file.mkdir()
    with pytest.raises(SettingsError, match=r"attune\.toml"):
        read_tables(file)


def test_no_file_and_an_empty_one_are_no_tables(file: Path) -> None:
    """Without further providers there is nothing to write."""
    assert read_tables(file) == {}
    file.write_text("# nothing yet\n")
    assert read_tables(file) == {}


def test_the_example_is_one_that_can_be_meant(file: Path) -> None:
    """Every line of the example that ships works once its comment sign is taken away."""
    example = Path(__file__).parents[2] / "deploy" / "attune.toml.example"
    lines = [line.removeprefix("#: ") for line in example.read_text().splitlines() if line.startswith("#: ")]
    file.write_text("\n".join(lines))
    assert set(read_tables(file)) == {"local", "ollama", "vllm", "card", "azure", "garage"}
