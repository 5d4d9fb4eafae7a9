"""`attune doctor`: what is there, what is wrong, and the way out."""

from pathlib import Path

from tests.cli.conftest import Shell
from tests.fakes.ollama_host import OllamaServer

NOWHERE = "http://127.0.0.1:1"


def checks(told: object) -> dict[str, dict[str, str]]:
    """The checks by what they are about."""
    return {f"{check['about']} {check['name']}": check for check in told}  # type: ignore[attr-defined]


def test_it_says_what_there_is_and_what_a_night_could_train(here: Shell, engine_url: str) -> None:
    """Machine, libraries, database, providers and personas each have a line; a provider that nobody needs is only noted."""
    told = here("doctor", "--json", ATTUNE_ENGINE=engine_url, OLLAMA_HOST=NOWHERE)
    found = checks(told.document)
    assert told.code == 0
    assert {check["state"] for check in told.document} <= {"ok", "note"}
    assert "torch" in found["machine libraries"]["words"]
    assert found["service database"]["state"] == "ok"
    assert (found["service worker"]["state"], found["service worker"]["fix"]) == ("note", "attune up")
    assert found["provider local"]["state"] == "ok"
    assert found["provider ollama"]["state"] == "note"
    assert "KTO on" in found["persona friend"]["words"]
    assert "GiB of memory and" in found["persona friend"]["words"]
    table = here("doctor", ATTUNE_ENGINE=engine_url, OLLAMA_HOST=NOWHERE).out
    assert "attune up" in table


def test_a_provider_that_a_persona_needs_and_nobody_reaches_is_told_by_the_exit_code(here: Shell) -> None:
    """The engine is away: 5, and the command that starts it."""
    told = here("doctor", "--json", ATTUNE_ENGINE=NOWHERE, OLLAMA_HOST=NOWHERE)
    found = checks(told.document)
    assert told.code == 5
    assert (found["provider local"]["state"], found["provider local"]["fix"]) == ("broken", "attune up")


def test_the_models_of_ollama_are_named(here: Shell) -> None:
    """A server without a model says so."""
    with OllamaServer() as server:
        told = here("doctor", "--json", ATTUNE_ENGINE=NOWHERE, OLLAMA_HOST=server.url)
    assert checks(told.document)["provider ollama"]["words"].startswith("it answers")


def test_what_is_wrong_with_personas_providers_and_launcher_has_a_way_out(here: Shell, tmp_path: Path) -> None:
    """A base that is not there, a host nobody knows, a key that is not set, a launcher that is no program: each broken, each with a fix."""
    for name, learning in (("lost", "{base: org/lost}"), ("homeless", "{host: nowhere}"), ("away", "{trainer: openai, base: gpt-x}")):
        text = (here.personas / "friend.md").read_text().replace("models:", f"learning: {learning}\nmodels:")
        (here.personas / f"{name}.md").write_text(text)
    (here.personas / "torn.md").write_text("---\ntitle: Torn\n")
    providers = tmp_path / "attune.toml"
    providers.write_text('[providers.mine]\nbase_url = "http://127.0.0.1:1/v1"\nkey_env = "SECRET_OF_MINE"\n')
    told = here("doctor", "--json", ATTUNE_ENGINE=NOWHERE, ATTUNE_PROVIDERS=str(providers), ATTUNE_LAUNCHER="no-such-launcher")
    found = checks(told.document)
    assert told.code == 1
    assert (found["persona lost"]["state"], found["persona lost"]["fix"]) == ("broken", "attune model fetch org/lost")
    assert "There is no host 'nowhere'" in found["persona homeless"]["words"]
    assert "trains gpt-x at openai" in found["persona away"]["words"]
    assert found["persona torn"]["state"] == "broken"
    assert found["provider mine"]["fix"] == "set SECRET_OF_MINE"
    assert "no-such-launcher" in found["machine launcher"]["words"]
