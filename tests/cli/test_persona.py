"""`attune persona`: the personas as their files say, and as they said before."""

import os
import pty
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from service.chat.revision import introduce
from service.db.engine import transaction
from service.personas.persona import fingerprint
from service.personas.shelf import read_personas
from tests.cli.conftest import Shell
from tests.processes import ROOT

_SEED = '{"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hey"}]}\n'


def serve(shell: Shell) -> None:
    """Keep the texts of the folder, as the web process does before they serve."""
    with shell.database() as engine, transaction(engine) as session:
        introduce(session, read_personas(shell.personas))


def rewrite(shell: Shell, prompt: str, name: str = "friend") -> str:
    """Give a persona another prompt; the new text's fingerprint."""
    path = shell.personas / f"{name}.md"
    path.write_text(f"{path.read_text().rpartition('---')[0]}---\n{prompt}\n")
    return fingerprint(path.read_text())


@pytest.fixture
def engine() -> Iterator[str]:
    """The address of somebody who listens, as the embedded engine would."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def test_personas_are_listed_and_shown(bare: Shell) -> None:
    """The list carries the fingerprints that are stamped on every exchange, of file and prompt; no database is made for that."""
    (bare.personas / "safety.txt").write_text("Be careful.\n")
    listed = bare("persona", "list", "--json")
    assert (listed.code, listed.err) == (0, "")
    mark, revision = fingerprint("You are Friend."), fingerprint((bare.personas / "friend.md").read_text())
    assert listed.document[0] == {
        "name": "friend",
        "title": "Friend",
        "models": ["local:starter"],
        "revision": revision,
        "fingerprint": mark,
        "state": "ok",
    }
    shown = bare("persona", "show", "friend", "--json").document
    assert (shown["name"], shown["revision"], shown["fingerprint"], shown["prompt"]) == ("friend", revision, mark, "You are Friend.")
    assert (shown["safety"], shown["settings"]["greeting"]) == ("Be careful.", "Hello from Friend.")
    assert bare("persona", "show", "friend").out == "You are Friend.\n"
    assert not bare.home.exists()


def test_a_broken_file_is_listed_with_its_mistake(here: Shell) -> None:
    """The others are listed all the same; showing the broken one says file and line."""
    (here.personas / "friend.md").write_text("---\ntitle: Friend\nmodels: [a:b]\ngreting: Hi\n---\nHi\n")
    words = f"{here.personas / 'friend.md'}:4: unknown key 'greting'. The nearest known key is 'greeting'."
    listed = here("persona", "list", "--json").document
    assert [(row["name"], row["state"]) for row in listed] == [("friend", words), ("mentor", "ok")]
    table = here("persona", "list")
    assert (table.code, table.err) == (0, f"{words}\n")
    assert [line.split()[-1] for line in table.out.splitlines()] == ["state", "broken", "ok"]
    shown = here("persona", "show", "friend")
    assert (shown.code, shown.out, shown.err) == (2, "", f"attune: {words}\n")
    assert here("persona", "show", "ghost").code == 3


def test_a_good_folder_passes_its_check(here: Shell, engine: str) -> None:
    """Counts to stdout, nothing to stderr, exit 0."""
    (here.personas / "friend.seeds.jsonl").write_text(_SEED)
    (here.personas / "friend.golden.jsonl").write_text(_SEED * 3)
    (here.personas / "safety.seeds.jsonl").write_text(_SEED.replace("{", '{"kind": "unsafe", ', 1) * 2)
    (here.personas / "friend.probes.yaml").write_text("- {ask: 'Who are you?', about: identity}\n- {ask: 'Sure?', about: honesty}\n")
    table = here("persona", "check", ATTUNE_ENGINE=engine)
    assert (table.code, table.err) == (0, "")
    columns, friend, _ = (line.split() for line in table.out.splitlines())
    assert dict(zip(columns, friend, strict=True)).items() >= {"name": "friend", "seeds": "1", "probes": "2"}.items()
    document = here("persona", "check", "--json", ATTUNE_ENGINE=engine).document
    assert (document["ok"], document["problems"], document["notes"], document["safety_seeds"]) == (True, [], [], 2)
    report = document["personas"][0]
    assert (report["name"], report["seeds"], report["golden"], report["probes"], report["lore"]) == ("friend", 1, 3, 2, 0)
    assert (report["fingerprint"], report["prompt_tokens"] > 0) == (fingerprint("You are Friend."), True)


def test_every_mistake_of_every_file_is_told(here: Shell, engine: str) -> None:
    """Settings, prompt, seeds, golden rows, probes, safety text and seeds, and providers: all at once, each with its file, and exit 6."""
    folder = here.personas
    (folder / "bad.md").write_text("---\ntitle: 5\nmodels: [local:x]\ngreting: Hi\nexamples: many\n---\nHi\n")
    (folder / "other.md").write_text("---\ntitle: Other\nmodels: [local:x, nowhere:x, nowhere:y]\n---\nHi\n")
    (folder / "friend.seeds.jsonl").write_text("{\n" + _SEED + "[]\n")
    (folder / "friend.golden.jsonl").write_text('{"messages": []}\n')
    (folder / "friend.probes.yaml").write_text("- {ask: 'Sure?', about: weather}\n- {ask: 'Sure?'}\n")
    (folder / "safety.txt").write_bytes(b"\xff")
    (folder / "safety.seeds.jsonl").write_text(_SEED)
    ended = here("persona", "check", "--json", ATTUNE_ENGINE=engine)
    assert ended.code == 6
    starts = [
        f"{folder}/safety.txt: the file cannot be read",
        f"{folder}/bad.md:4: unknown key 'greting'",
        f"{folder}/bad.md:2: title: Expected `str`, got `int`",
        f"{folder}/bad.md:5: examples: Expected `int`, got `str`",
        f"{folder}/friend.seeds.jsonl:1: ",
        f"{folder}/friend.seeds.jsonl:3: Expected `object`, got `array`",
        f"{folder}/friend.golden.jsonl:1: a golden row ends with",
        f"{folder}/friend.probes.yaml:1: [0].about: Invalid enum value 'weather'",
        f"{folder}/friend.probes.yaml:2: [1]: Object missing required field `about`",
        f"{folder}/safety.seeds.jsonl:1: the kind of a seed is one of unsafe, look_alike in this file.",
        f"{folder}/other.md: models: there is no provider 'nowhere'. Name it in attune.toml.",
    ]
    problems = ended.document["problems"]
    assert [problem[: len(start)] for problem, start in zip(problems, starts, strict=True)] == starts
    plain = here("persona", "check", ATTUNE_ENGINE=engine)
    assert (plain.code, plain.err.splitlines()) == (6, problems)


def test_a_provider_that_does_not_answer_is_told_but_is_no_mistake(here: Shell) -> None:
    """It may be started later; where it was looked for is said, without what its address may hide."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        closed = server.getsockname()[1]
    (here.personas / "friend.md").write_text("---\ntitle: Friend\nmodels: [ollama:x, openai:y]\n---\nHi\n")
    settings = {"ATTUNE_ENGINE": f"http://127.0.0.1:{closed}", "OLLAMA_HOST": f"http://ann:s3cret@127.0.0.1:{closed}"}
    ended = here("persona", "check", **settings)
    assert ended.code == 0
    assert sorted(ended.err.splitlines()) == [
        f"Note: The provider local does not answer at http://127.0.0.1:{closed} now. Start it: attune up",
        f"Note: The provider ollama does not answer at http://127.0.0.1:{closed} now.",
        "Note: The provider openai has no key. Set OPENAI_API_KEY.",
    ]


def test_an_empty_folder_fails_its_check(here: Shell) -> None:
    """It says what to write where."""
    for path in here.personas.iterdir():
        path.unlink()
    ended = here("persona", "check")
    assert ended.code == 6
    assert "There is no persona in" in ended.err
    assert here("persona", "list", "--json").document == []


def test_the_texts_of_a_persona_are_listed_newest_first(here: Shell) -> None:
    """Each with its time, the exchanges it served, and which one the file holds now."""
    first = fingerprint((here.personas / "friend.md").read_text())
    serve(here)
    second = rewrite(here, "You are Friend, always.")
    serve(here)
    rows = here("persona", "revisions", "friend", "--json").document
    assert [(row["revision"], row["exchanges"], row["present"]) for row in rows] == [(second, 0, True), (first, 0, False)]
    assert rows[0]["created_at"] > rows[1]["created_at"]
    assert first in here("persona", "revisions", "friend").out
    kept = here("persona", "show", "friend", "--revision", first[:8])
    assert (kept.code, fingerprint(kept.out)) == (0, first)
    shown = here("persona", "show", "friend", "--revision", first[:8], "--json").document
    assert (shown["revision"], fingerprint(shown["text"])) == (first, first)


def test_the_safety_text_has_revisions_too(here: Shell) -> None:
    """It is called by the name of its file."""
    (here.personas / "safety.txt").write_text("Be careful.\n")
    serve(here)
    (here.personas / "safety.txt").write_text("Be very careful.\n")
    rows = here("persona", "revisions", "safety.txt", "--json").document
    assert [(row["revision"], row["present"]) for row in rows] == [(fingerprint("Be careful."), False)]
    assert here("persona", "diff", "safety.txt").out.splitlines()[-2:] == ["-Be careful.", "+Be very careful."]


def test_a_change_is_shown_line_by_line(here: Shell) -> None:
    """By default the file now against the newest kept text that differs, also when the file is broken; or any two by their names."""
    first = fingerprint((here.personas / "friend.md").read_text())
    serve(here)
    assert here("persona", "diff", "friend")[:2] == (0, "")
    second = rewrite(here, "Two.")
    serve(here)
    for prompt in ("Three.", "{{ broken"):
        rewrite(here, prompt)
        shown = here("persona", "diff", "friend")
        lines = shown.out.splitlines()
        assert (shown.code, lines[0].startswith(f"--- friend {second}")) == (0, True)
        assert lines[1] == f"+++ {here.personas / 'friend.md'}"
        assert lines[-2:] == ["-Two.", f"+{prompt}"]
    assert here("persona", "diff", "friend", first[:10]).out.splitlines()[-2:] == ["-You are Friend.", "+{{ broken"]
    assert here("persona", "diff", "friend", second, first).out.splitlines()[-2:] == ["-Two.", "+You are Friend."]
    same = here("persona", "diff", "friend", first, first)
    assert (same.code, same.out, same.err) == (0, "", "Nothing differs.\n")
    rewrite(here, "Two.")
    assert here("persona", "diff", "friend").out.splitlines()[-2:] == ["-You are Friend.", "+Two."]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["diff", "ghost"], "There is no persona 'ghost', and there was none."),
        (["revisions", "ghost"], "There is no persona 'ghost', and there was none."),
        (["diff", "friend", "ffffffffff"], "No kept text has a fingerprint that begins with 'ffffffffff'."),
        (["show", "friend", "--revision", "zz"], "No kept text has a fingerprint that begins with 'zz'."),
    ],
)
def test_what_was_never_there_is_exit_3(here: Shell, arguments: list[str], words: str) -> None:
    """An unknown persona or revision is one sentence."""
    serve(here)
    ended = here("persona", *arguments)
    assert (ended.code, ended.out) == (3, "")
    assert words in ended.err


def test_a_persona_whose_file_is_gone_still_has_its_texts(here: Shell) -> None:
    """They can be listed and compared; against the file they cannot."""
    first = fingerprint((here.personas / "friend.md").read_text())
    serve(here)
    second = rewrite(here, "Two.")
    serve(here)
    (here.personas / "friend.md").unlink()
    assert len(here("persona", "revisions", "friend", "--json").document) == 2
    assert here("persona", "diff", "friend", first, second).out.splitlines()[-1] == "+Two."
    refused = here("persona", "diff", "friend")
    assert refused.code == 3
    assert "Name two revisions: attune persona revisions friend" in refused.err


def test_on_a_terminal_a_change_has_colours(here: Shell) -> None:
    """What went is red, what came is green, and nothing in the text steers the terminal."""
    serve(here)
    rewrite(here, "Two. \x1b[2J")
    ours, theirs = pty.openpty()
    environment = {**here.environment, "TERM": "xterm-256color"}
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        command = [sys.executable, "-m", "service", "persona", "diff", "friend"]
        process = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=theirs, stderr=subprocess.DEVNULL)
        os.close(theirs)
        shown = b""
        try:
            while part := terminal.read(4096):
                shown += part
        except OSError:  # so ends a terminal whose other side is closed
            pass
        assert process.wait(60) == 0
    assert b"\x1b[31m-You are Friend." in shown and b"\x1b[32m+Two." in shown
    assert b"\x1b[2J" not in shown
