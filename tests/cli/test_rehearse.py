"""`attune rehearse`, in a service of its own."""

import json
from pathlib import Path

from tests.cli.conftest import Shell
from tests.processes import ROOT, attune, environment

_TASTE = """
def asks(messages, reply):
    assert messages[-1]["role"] == "user"
    return "up" if "?" in reply else "down"

def never(messages, reply):
    return "down"
"""


def test_a_rehearsal_reports_every_version_and_night(tmp_path: Path, engine_url: str) -> None:
    """The real service comes up in a folder of its own, people talk and rate, a night says why it did not train, and a document says so."""
    taste = tmp_path / "taste.py"
    taste.write_text(_TASTE)
    env = environment(tmp_path / "mine", ATTUNE_ENGINE=engine_url)
    done = attune(
        env,
        *("rehearse", "friend", "--rater", f"{taste}:asks", "--hostile", f"0.5:{taste}:never", "--people", "2", "--exchanges", "8"),
        *("--nights", "1", "--times", "1", "--rated", "1", "--noise", "0", "--keep", str(tmp_path / "kept")),
        *("--plot", str(tmp_path / "plot.svg"), "--json"),
        seconds=240,
    )

    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert [version["version"] for version in document["versions"]] == ["v0"]
    assert document["versions"][0]["low"] <= document["versions"][0]["satisfaction"] <= document["versions"][0]["high"]
    assert document["hostile"][0]["satisfaction"] == 0
    night = document["nights"][0]
    assert (night["outcome"], night["champion"], night["up"] + night["down"]) == ("skipped", "v0", 8)
    assert night["down"] >= 2, "the hostile half likes nothing"
    assert (tmp_path / "plot.svg").read_text().startswith("<svg")
    assert (tmp_path / "kept" / "home" / "attune.sqlite").exists()
    assert not (tmp_path / "mine" / "attune.sqlite").exists()
    assert "burst: 0" in (tmp_path / "kept" / "personas" / "friend.md").read_text()
    assert "burst" not in (ROOT / "persona_prompts" / "friend.md").read_text()


def test_what_cannot_be_rehearsed_is_told_before_anything_starts(here: Shell) -> None:
    """A persona, a rater or a share that is not there ends with words and the exit code of such a mistake."""
    assert here("rehearse", "nobody", "--rater", "x:y").code == 3
    refused = here("rehearse", "friend", "--rater", "no_such_module_at_all:taste")
    assert (refused.code, "cannot be imported" in refused.err) == (2, True)
    assert here("rehearse", "friend").code == 2
