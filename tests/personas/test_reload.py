"""Hot reload: a folder of personas that is looked at again and again."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from service.errors import PersonaError
from service.personas.reload import Watch

SECRET = "Zebulonia"


def settle(watch: Watch) -> bool:
    """Look until nothing changes any more, and let what was read serve; whether there was something new."""
    readings = [watch.look() for _ in range(3)]
    for reading in readings:
        if reading is not None:
            watch.accept(reading)
            return True
    return False


def names(watch: Watch) -> list[str]:
    return [persona.name for persona in watch.personas]


def test_a_saved_text_serves_after_it_has_settled(write: Callable[..., Path], tmp_path: Path) -> None:
    """A change is read when two looks in a row saw the same files: nobody reads the half of a text that is being written."""
    path = write(prompt="Old.")
    watch = Watch(tmp_path)
    before = watch.personas.get("friend")
    assert (watch.look(), watch.look()) == (None, None)
    whole = path.read_text().replace("Old.", "New and longer.")
    path.write_text(whole[:-8])
    assert watch.look() is None
    path.write_text(whole)
    assert watch.look() is None
    reading = watch.look()
    assert reading is not None
    assert watch.personas.get("friend") is before
    watch.accept(reading)
    assert watch.personas.get("friend").prompt() == "New and longer."
    assert before.prompt() == "Old."
    assert watch.look() is None


def test_what_was_not_accepted_is_read_again(write: Callable[..., Path], tmp_path: Path) -> None:
    """As long as a new text could not be kept, it does not serve, and each look brings it again."""
    path = write()
    watch = Watch(tmp_path)
    path.write_text(path.read_text().replace("You are", "You always are"))
    watch.look()
    assert watch.look() is not None
    reading = watch.look()
    assert reading is not None
    watch.accept(reading)
    assert watch.personas.get("friend").prompt() == "You always are Friend."


def test_an_editor_that_renames_is_followed(write: Callable[..., Path], tmp_path: Path) -> None:
    """Another file put in the place of the old one, of the same size and with the same time, is a change."""
    path = write(prompt="Old.")
    watch = Watch(tmp_path)
    other = tmp_path / "friend.md.new"
    other.write_text(path.read_text().replace("Old.", "New."))
    shutil.copystat(path, other)
    other.replace(path)
    assert settle(watch)
    assert watch.personas.get("friend").prompt() == "New."


def test_personas_come_and_go_with_their_files(write: Callable[..., Path], tmp_path: Path) -> None:
    """A new file is a new persona, a removed one is offered no longer, and the log names both."""
    write()
    watch = Watch(tmp_path)
    write(name="mentor")
    with capture_logs() as logs:
        assert settle(watch)
        assert names(watch) == ["friend", "mentor"]
        (tmp_path / "friend.md").unlink()
        assert settle(watch)
    assert names(watch) == ["mentor"]
    assert watch.troubles == {}
    assert [line for line in logs if line["event"] == "personas_reloaded"] == [
        {"event": "personas_reloaded", "log_level": "info", "added": ["mentor"]},
        {"event": "personas_reloaded", "log_level": "info", "removed": ["friend"]},
    ]


def test_a_broken_edit_keeps_the_last_good_text(write: Callable[..., Path], tmp_path: Path) -> None:
    """The old text serves on, the trouble is told with file and line, once per save, and it is over when the file is mended."""
    write(prompt="Old.")
    write(name="mentor")
    watch = Watch(tmp_path)
    path = write("title: Friend\nmodels: [a:b]\ngreetings: Hi", "New.")
    with capture_logs() as logs:
        assert settle(watch)
        assert watch.personas.get("friend").prompt() == "Old."
        assert watch.troubles == {"friend": f"{path}:4: unknown key 'greetings'. The nearest known key is 'greeting'."}
        write(name="mentor", prompt="Another one.")
        assert settle(watch)
        assert watch.personas.get("mentor").prompt() == "Another one."
        path.write_text(path.read_text() + "\n")
        assert settle(watch)
        assert watch.personas.get("friend").prompt() == "Old."
        write(prompt="New.")
        assert settle(watch)
    assert watch.troubles == {}
    assert watch.personas.get("friend").prompt() == "New."
    warnings = [line for line in logs if line["log_level"] == "warning"]
    assert warnings == [{"event": "persona_broken", "log_level": "warning", "persona": "friend", "place": f"{path}:4"}] * 2
    assert [line["personas"] for line in logs if line["event"] == "personas_mended"] == [["friend"]]


def test_a_new_file_that_is_broken_offers_nothing(write: Callable[..., Path], tmp_path: Path) -> None:
    """Without a last good text there is no persona; the trouble is told all the same."""
    write()
    watch = Watch(tmp_path)
    write("title: X", name="mentor")
    assert settle(watch)
    assert names(watch) == ["friend"]
    assert list(watch.troubles) == ["mentor"]


@pytest.mark.parametrize("prompt", [f"{{{{ {SECRET} }}}}", f"{{{{ char | {SECRET} }}}}", f"{{% {SECRET} %}}"])
def test_neither_log_nor_trouble_quotes_the_prompt(write: Callable[..., Path], tmp_path: Path, prompt: str) -> None:
    """What Jinja says of a template may hold its words: outside of `attune persona check` only file and line are told."""
    write()
    watch = Watch(tmp_path)
    path = write(prompt=f"One.\n{prompt}")
    with capture_logs() as logs:
        assert settle(watch)
    assert watch.troubles == {"friend": f"{path}:6: the prompt cannot be rendered. See: attune persona check"}
    assert [line["place"] for line in logs] == [f"{path}:6"]
    assert SECRET not in str(logs)


def test_the_safety_text_is_followed_too(write: Callable[..., Path], tmp_path: Path) -> None:
    """A changed one serves with every persona, also with the last good text of a broken file; one that is no text changes nothing."""
    write()
    write(name="mentor")
    safety = tmp_path / "safety.txt"
    safety.write_text("Be careful.")
    watch = Watch(tmp_path)
    write("title: X")
    safety.write_text("Be very careful.")
    assert settle(watch)
    assert {persona.safety for persona in watch.personas} == {"Be very careful."}
    assert watch.personas.safety == "Be very careful."
    safety.write_bytes(b"\xff\xfe")
    assert settle(watch)
    assert {persona.safety for persona in watch.personas} == {"Be very careful."}
    assert set(watch.troubles) == {"friend", "safety.txt"}
    safety.unlink()
    assert settle(watch)
    assert {persona.safety for persona in watch.personas} == {""}
    assert set(watch.troubles) == {"friend"}


@pytest.mark.parametrize("name", ["friend.card.json", "friend.lorebook.json"])
def test_files_beside_a_persona_are_looked_at(write: Callable[..., Path], tmp_path: Path, name: str) -> None:
    """What a persona takes from beside its file is read again when it appears or changes; notes and seeds are not waited for."""
    write()
    watch = Watch(tmp_path)
    (tmp_path / "notes.txt").write_text("nothing")
    (tmp_path / "friend.seeds.jsonl").write_text("")
    assert not settle(watch)
    (tmp_path / name).write_text("{}")
    assert settle(watch)


@pytest.mark.parametrize("remove", [lambda folder: (folder / "friend.md").unlink(), shutil.rmtree], ids=["files", "folder"])
def test_without_any_file_the_last_ones_serve_on(write: Callable[..., Path], tmp_path: Path, remove: Callable[[Path], None]) -> None:
    """An empty or vanished folder, as when a mount is gone, takes nobody's persona away; it is told, and over when the files are back."""
    folder = tmp_path / "personas"
    folder.mkdir()
    text = write().read_text()
    (folder / "friend.md").write_text(text)
    watch = Watch(folder)
    remove(folder)
    assert settle(watch)
    assert names(watch) == ["friend"]
    assert list(watch.troubles) == ["personas"]
    folder.mkdir(exist_ok=True)
    (folder / "friend.md").write_text(text)
    assert settle(watch)
    assert (names(watch), watch.troubles) == (["friend"], {})


def test_a_file_that_may_not_be_read_is_a_broken_one(write: Callable[..., Path], tmp_path: Path) -> None:
    """A link that leads nowhere, or a folder of a persona's name, is told, and the last good text serves."""
    path = write()
    watch = Watch(tmp_path)
    path.unlink()
    path.mkdir()
    assert settle(watch)
    assert names(watch) == ["friend"]
    assert "cannot be read" in watch.troubles["friend"]
    path.rmdir()
    path.symlink_to(tmp_path / "nowhere")
    write(name="mentor")
    assert settle(watch)
    assert names(watch) == ["friend", "mentor"]


def test_a_broken_file_at_the_start_is_refused(write: Callable[..., Path], tmp_path: Path) -> None:
    """There is no last good text then."""
    write("title: X")
    with pytest.raises(PersonaError, match=r"friend\.md:2"):
        Watch(tmp_path)
