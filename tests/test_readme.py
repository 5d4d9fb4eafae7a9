"""The README tells the truth: its tree, its example, its commands and its settings."""

import re
from pathlib import Path

import msgspec

from service.cli.app import _COMMANDS
from service.settings import Settings
from tests.conftest import Up
from tests.processes import ROOT, attune

README = (ROOT / "README.md").read_text(encoding="utf-8")


def block(after: str, kind: str = "") -> str:
    """The first code block of a kind after some words."""
    found = re.search(rf"```{kind}\n(.*?)```", README[README.index(after) :], re.DOTALL)
    assert found is not None
    return found[1]


def test_every_path_of_the_tree_exists() -> None:
    """Whoever looks for a file where the README says finds it."""
    folder = ROOT
    for line in block("## What is where").splitlines():
        name = line.lstrip("├└│─ ").split()[0]
        path = (ROOT / "service" if line.startswith(("├", "└", "│")) else folder) / name
        assert path.exists(), name


def test_the_example_chats_and_rates(up: Up) -> None:
    """The README's Python, with the printed address and key in it, runs as it stands."""
    lines = [line.removeprefix("   ") for line in block("**Or let an app chat.**", "python").splitlines()]
    code = "\n".join(lines).replace('"http://127.0.0.1:8000"', repr(up.url)).replace('"at_..."', repr(up.key))
    names: dict[str, object] = {}
    exec(compile(code, "README.md", "exec"), names)
    names["client"].close()

    listed = attune(up.environment, "exchanges", "list", "--limit", "1", "--json").stdout
    exchange = msgspec.json.decode(listed)[0]
    assert exchange["id"] == names["answer"].id.removeprefix("chatcmpl-")
    assert exchange["rating"] == "up"


def test_every_command_and_setting_is_named() -> None:
    """Nothing that can be called or set is missing from the reference."""
    for command in _COMMANDS:
        assert re.search(rf"\b{command}\b", README[README.index("### Commands") :]), command
    for field in msgspec.structs.fields(Settings):
        vendor = field.name.startswith(("openai", "ollama"))
        assert (field.name.upper() if vendor else f"ATTUNE_{field.name.upper()}") in README, field.name


def test_the_settings_by_example_are_settings(tmp_path: Path) -> None:
    """Every line of deploy/.env.example is accepted when its mark is removed."""
    from service.settings import read_settings

    lines = [line.removeprefix("# ") for line in (ROOT / "deploy" / ".env.example").read_text().splitlines()[1:]]
    pairs = dict(line.split("=", 1) for line in lines)

    assert read_settings({**pairs, "ATTUNE_HOME": str(tmp_path)}).port == 8000
