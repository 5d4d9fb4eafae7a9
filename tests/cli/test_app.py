"""The root of the command line: help, exit codes, and errors in a sentence."""

import json
import subprocess
import sys

import pytest

from service.cli.app import run
from tests.cli.conftest import Shell
from tests.processes import ROOT

_COMMANDS = ["up", "serve", "worker", "nightly", "persona", "exchanges", "review", "model", "keys", "db", "openapi", "version"]


def test_help_lists_every_command_and_stays_light() -> None:
    """`attune --help` names every command with its sentence and the exit codes, and loads no framework, no torch, no workflow engine."""
    script = (
        "import json, sys\n"
        "from service.cli.app import run\n"
        "code = run(['--help'])\n"
        "heavy = [name for name in ('litestar', 'uvicorn', 'torch', 'transformers', 'dbos', 'trl') if name in sys.modules]\n"
        "print(json.dumps([code, heavy]), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(done.stderr) == [0, []]
    for command in _COMMANDS:
        assert f"│ {command} " in done.stdout
    assert "Exit codes: 0 ok, 1 failure, 2 usage, 3 not found" in " ".join(done.stdout.split())


def test_every_command_explains_itself() -> None:
    """Each command and subcommand answers `--help` with exit 0 and says in a sentence what it does."""
    script = (
        "import sys\n"
        "import rich_click as click\n"
        "from service.cli.app import attune, run\n"
        "def walk(command, path):\n"
        "    assert command.help, path\n"
        "    assert run([*path, '--help']) == 0, path\n"
        "    for name in command.list_commands(None) if isinstance(command, click.Group) else []:\n"
        "        walk(command.get_command(None, name), [*path, name])\n"
        "walk(attune, [])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    for usage in ("attune model promote [OPTIONS] PERSONA VERSION", "attune nightly [OPTIONS] PERSONA", "attune keys create [OPTIONS]"):
        assert usage in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["dance"], "No such command 'dance'"),
        (["keys", "create", "--scope", "everything"], "'everything' is not one of 'chat', 'rate', 'operate'"),
        (["model", "promote", "friend"], "Missing argument 'VERSION'"),
        (["exchanges", "list", "--limit", "0"], "0 is not in the range 1<=x<=1000"),
        (["nightly", "friend", "--now"], "No such option"),
    ],
)
def test_wrong_usage_is_exit_2(capsys: pytest.CaptureFixture[str], arguments: list[str], words: str) -> None:
    """What cannot be understood ends with exit 2 and words on stderr; stdout stays empty."""
    assert run(arguments) == 2
    said = capsys.readouterr()
    assert words in " ".join(said.err.replace("│", " ").split())
    assert said.out == ""


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["nightly", "ghost"], 3, "There is no persona 'ghost'. There are: friend, mentor."),
        (["keys", "revoke", "none"], 3, "There is no key none. See: attune keys list"),
        (["model", "rollback", "friend", "--json"], 7, "there is nothing to roll back to."),
    ],
)
def test_every_error_is_one_sentence_and_its_exit_code(attune: Shell, arguments: list[str], code: int, words: str) -> None:
    """A command that fails says why in one line on stderr, prints nothing to stdout, and its exit code says of which kind it was."""
    ended = attune(*arguments)
    assert (ended.code, ended.out) == (code, "")
    assert ended.err.startswith("attune: ")
    assert ended.err.endswith(f"{words}\n")
    assert ended.err.count("\n") == 1


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"ATTUNE_PROT": "8000"}, "There is no setting ATTUNE_PROT. Did you mean ATTUNE_PORT?"),
        ({"ATTUNE_PERSONAS": "/nowhere"}, "There is no persona in /nowhere."),
    ],
)
def test_wrong_settings_are_exit_2(attune: Shell, settings: dict[str, str], words: str) -> None:
    """A setting that cannot be used stops the command with its name."""
    ended = attune("model", "list", "--json", **settings)
    assert (ended.code, ended.out) == (2, "")
    assert words in ended.err
    assert "Traceback" not in ended.err
