import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.errors import Conflict, Invalid, NotFound, PersonaError
from service.personas.card_export import Exported, export_card
from service.personas.card_files import read_card_file
from service.personas.card_import import import_card
from service.personas.card_png import plain_picture
from service.personas.shelf import read_personas
from tests.personas.cards import V1, V2, V3, charx, chunk, chunks_of, png, text, written

FRIEND = """---
title: Friend
greeting: Hey.
models: [local:starter]
variables: {user: someone, town: Ghent}
---
You are {{ char }} of {{ town }}. {% if user %}You talk with {{ user }}.{% endif %} {{ '{{' }}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one persona that never was a card."""
    folder = tmp_path / "personas"
    folder.mkdir()
    (folder / "friend.md").write_text(FRIEND)
    return folder


def bring_in(folder: Path, data: bytes) -> None:
    """Import this card as the persona ada."""
    source = folder.parent / "source"
    source.write_bytes(data)
    import_card(source, folder, name="ada", models=["local:starter"], force=True)


def give_back(folder: Path, ending: str, name: str = "ada", **options: Any) -> tuple[bytes, Exported]:
    """What comes out, and what is said about it."""
    target = folder.parent / f"out.{ending}"
    done = export_card(read_personas(folder), folder, name, target, force=True, **options)
    assert sorted(path.name for path in folder.parent.glob(".out*")) == []
    return target.read_bytes(), done


def edit(folder: Path, old: str, new: str) -> None:
    """Change the persona's file as its owner would."""
    path = folder / "ada.md"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def card_in(folder: Path, data: bytes) -> Any:
    """The card in a file of these bytes, read by the service."""
    path = folder.parent / "again"
    path.write_bytes(data)
    return json.loads(read_card_file(path).card)


PICTURE = png(text("chara", written(V2)), chunk(b"tEXt", b"Comment\x00mine"), text("ccv3", written(V3))) + b"behind"
ARCHIVE = charx(written(V3), **{"assets/icon/images/main.png": b"picture", "risu.json": b"{}"})


@pytest.mark.parametrize(
    ("data", "ending", "version"),
    [
        (written(V1), "json", 1),
        (written(V2), "json", 2),
        (b"\xef\xbb\xbf" + json.dumps(V3, indent=3).encode(), "json", 3),
        (PICTURE, "png", 3),
        (png(chunk(b"iTXt", b"Chara\x00\x00\x00\x00\x00" + text("", written(V1))[9:-4])), "png", 1),
        (ARCHIVE, "charx", 3),
    ],
    ids=["v1", "v2", "v3", "png", "itxt", "charx"],
)
def test_a_card_comes_back_as_it_came(folder: Path, data: bytes, ending: str, version: int) -> None:
    """Nothing was edited, so the very same bytes go out, of any version and in any container."""
    bring_in(folder, data)
    out, done = give_back(folder, ending)
    assert out == data
    assert (done.version, done.edited, done.notes) == (version, [], [])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, derandomize=True, max_examples=60)
@given(
    extensions=st.dictionaries(
        st.text(),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
            max_leaves=10,
        ),
        max_size=4,
    ),
    field=st.text(min_size=1).filter(lambda key: key not in V3["data"]),
    indent=st.sampled_from([None, 1, "\t"]),
)
def test_no_field_is_lost(folder: Path, extensions: dict[str, Any], field: str, indent: Any) -> None:
    """Whatever other programs keep in a card survives, byte for byte; and where a field was edited, all others do."""
    card = {**V3, "data": {**V3["data"], "extensions": extensions, field: extensions}}
    data = json.dumps(card, indent=indent, ensure_ascii=bool(indent)).encode("utf-8", "surrogatepass")
    bring_in(folder, data)
    assert give_back(folder, "json")[0] == data
    edit(folder, "A storm.", "A calm.")
    out, done = give_back(folder, "json")
    assert out == data.replace(b"A storm.", b"A calm.") and done.edited == ["scenario"]


def test_edited_words_win_in_their_fields(folder: Path) -> None:
    """Each part of the persona's file goes back into the field that it came from, with the names as macros; no other field changes."""
    bring_in(folder, written(V2))
    edit(folder, "title: Ada", "title: Ada B.")
    edit(folder, "Come in, User!", "Out!")
    edit(folder, "keeps a lighthouse", "keeps {{ user }}'s secrets {{ '{{' }}")
    edit(folder, "{# card: personality -#}\nPersonality: dry, warm\n", "")
    edit(folder, "models: ['local:starter']", "models: ['ollama:llama3.2']")
    seeds = folder / "ada.seeds.jsonl"
    seeds.write_text('{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ho"}]}\n')
    out, done = give_back(folder, "json")
    assert done.edited == ["name", "first_mes", "description", "personality", "mes_example"]
    assert json.loads(out)["data"] == {
        **V2["data"],
        "name": "Ada B.",
        "first_mes": "*The door opens.* Out!",
        "description": "{{char}} keeps {{user}}'s secrets {{. {{user}} is her guest.",
        "personality": "",
        "mes_example": "<START>\n{{user}}: Hi\n{{char}}: Ho",
    }


def test_words_without_a_place_become_the_description(folder: Path) -> None:
    """A prompt whose comments the owner took out is all description; the other fields say nothing twice."""
    bring_in(folder, written(V3))
    path = folder / "ada.md"
    front = path.read_text().partition("\n---\n")[0]
    path.write_text(f"{front}\n---\nYou are {{{{ char }}}}, and that is all.\n")
    data = json.loads(give_back(folder, "json")[0])["data"]
    assert data["description"] == "You are {{char}}, and that is all."
    assert {data[field] for field in ("system_prompt", "personality", "scenario", "post_history_instructions")} == {""}


def test_a_v1_card_has_no_place_for_instructions(folder: Path) -> None:
    """There, edited instructions go into the description, so that programs of that time read them."""
    bring_in(folder, written(V1))
    edit(folder, "Write only what {{ char }} says and does.", "Be kind.")
    out, done = give_back(folder, "json")
    assert done.edited == ["description"]
    assert json.loads(out) == {
        **V1,
        "description": f"You are {{{{char}}}}. You talk with {{{{user}}}}. Be kind.\n\n{V1['description']}",
    }


def test_fields_that_stand_twice_change_twice(folder: Path) -> None:
    """Some programs write the V1 fields beside `data` as well: no reader may find the old words."""
    bring_in(folder, written({**V2, "scenario": "A storm.", "fav": True}))
    edit(folder, "A storm.", "A calm.")
    assert json.loads(give_back(folder, "json")[0]) == {
        **V2,
        "data": {**V2["data"], "scenario": "A calm."},
        "scenario": "A calm.",
        "fav": True,
    }


def test_a_nickname_can_be_edited(folder: Path) -> None:
    """The variable `char` is the nickname of a V3 card."""
    bring_in(folder, written(V3))
    edit(folder, "char: The Keeper", "char: Keeper")
    out, done = give_back(folder, "json")
    assert json.loads(out)["data"]["nickname"] == "Keeper" and done.edited == ["nickname"]


def test_an_edited_card_stays_in_its_picture(folder: Path) -> None:
    """The pixels and every other chunk keep their bytes; the copy for older programs would lie, and goes."""
    bring_in(folder, PICTURE)
    edit(folder, "A storm.", "A calm.")
    out, done = give_back(folder, "png")
    assert done.notes == ["the V2 copy in the picture would be older than the card, and is left out"]
    cards = {b"chara", b"ccv3"}
    before, after = (
        [each for each in chunks_of(data[: data.index(b"IEND") + 8]) if each[1][:5].rstrip(b"\x00") not in cards] for data in (PICTURE, out)
    )
    assert before == [each for each in after if not each[1].startswith(b"ccv3\x00")] and out.endswith(b"behind")
    assert card_in(folder, out) == {**V3, "data": {**V3["data"], "scenario": "A calm."}}


def test_an_edited_card_stays_among_its_assets(folder: Path) -> None:
    """The other members of a CHARX file stay."""
    bring_in(folder, ARCHIVE)
    edit(folder, "A storm.", "A calm.")
    out, _ = give_back(folder, "charx")
    with zipfile.ZipFile(io.BytesIO(out)) as archive:
        assert {name: archive.read(name) for name in archive.namelist() if name != "card.json"} == {
            "assets/icon/images/main.png": b"picture",
            "risu.json": b"{}",
        }
    assert card_in(folder, out)["data"]["scenario"] == "A calm."


def test_another_container_says_what_it_cannot_carry(folder: Path) -> None:
    """The card itself goes into any container that may hold its version; pictures and assets that cannot go with it are named."""
    bring_in(folder, ARCHIVE)
    assert give_back(folder, "json") == (
        written(V3),
        Exported(3, [], ["2 of the CHARX file's files are left out; export to a .charx file to keep them"]),
    )
    out, done = give_back(folder, "png")
    assert card_in(folder, out) == V3 and len(done.notes) == 2
    assert chunks_of(out)[0] == chunks_of(plain_picture())[0]
    bring_in(folder, PICTURE)
    assert give_back(folder, "json")[1].notes == ["the picture is left out; export to a .png file to keep it"]
    out, done = give_back(folder, "charx")
    with zipfile.ZipFile(io.BytesIO(out)) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {
            "card.json": written(V3),
            "assets/icon/images/main.png": PICTURE,
        }


@pytest.mark.parametrize(("spec", "version", "keyword"), [(None, 3, b"ccv3"), ("v3", 3, b"ccv3"), ("v2", 2, b"chara")])
def test_a_persona_that_never_was_a_card_becomes_one(folder: Path, spec: Any, version: int, keyword: bytes) -> None:
    """Its prompt is the description, with the names as macros and all else as it is rendered; its seeds are the examples."""
    (folder / "friend.seeds.jsonl").write_text(
        '{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ho"}]}\n'
    )
    book = {
        "entries": [{"keys": ["a"], "content": "b", "extensions": {}, "enabled": True, "insertion_order": 0, "use_regex": False}],
        "extensions": {},
    }
    (folder / "friend.lorebook.json").write_text(json.dumps({"spec": "lorebook_v3", "data": book}))
    out, done = give_back(folder, "png", name="friend", spec=spec)
    assert [body.partition(b"\x00")[0] for kind, body in chunks_of(out) if kind == b"tEXt"] == [keyword]
    assert done == Exported(version, [], ["the card has no picture; it stands in a plain grey one"])
    card = card_in(folder, out)
    wanted = set(V2["data"]) | ({"group_only_greetings"} if version == 3 else set())
    assert (card["spec"], card["spec_version"], set(card["data"])) == (f"chara_card_v{version}", f"{version}.0", wanted)
    assert card["data"]["description"] == "You are {{char}} of Ghent. You talk with {{user}}. {{"
    told = card["data"]
    assert (told["name"], told["first_mes"], told["character_book"]) == ("Friend", "Hey.", book)
    assert told["mes_example"] == "<START>\n{{user}}: Hi\n{{char}}: Ho"


def test_a_fresh_card_comes_back_as_the_same_persona(folder: Path) -> None:
    """What goes out as a card comes in as a persona that says the same."""
    out, _ = give_back(folder, "charx", name="friend")
    bring_in(folder, out)
    ada, friend = read_personas(folder).get("ada"), read_personas(folder).get("friend")
    assert friend.prompt({"user": "Ben"}) in ada.prompt({"user": "Ben"})
    assert (ada.settings.title, ada.settings.greeting) == ("Friend", "Hey.")


def test_a_lorebook_beside_a_card_is_no_part_of_it(folder: Path) -> None:
    """It is the owner's, not the card's; that it stays behind is said."""
    bring_in(folder, written(V2))
    (folder / "ada.lorebook.json").write_text('{"spec": "lorebook_v3", "data": {"entries": []}}')
    out, done = give_back(folder, "json")
    assert out == written(V2) and "ada.lorebook.json is no part of the card" in done.notes[0]


@pytest.mark.parametrize(
    ("name", "target", "options", "error", "words"),
    [
        ("nobody", "out.json", {}, NotFound, "no persona 'nobody'"),
        ("ada", "out.webp", {}, Invalid, "ends with .json, .png or .charx"),
        ("ada", "out.charx", {}, Invalid, "A CHARX file holds cards of V3 only, and this one is of V2"),
        ("ada", "out.json", {"spec": "v3"}, Invalid, "came as a card of V2 and goes out as one"),
        ("ada", "personas/ada.md.json", {}, Conflict, "Choose another name, or replace it (--force)"),
        ("ada", "nowhere/out.json", {}, PersonaError, "the file cannot be written: No such file"),
    ],
)
def test_what_cannot_be_written_is_said(
    folder: Path, name: str, target: str, options: dict[str, Any], error: type[Exception], words: str
) -> None:
    """Each refusal says why and what would do, and writes nothing."""
    bring_in(folder, written(V2))
    (folder / "ada.md.json").write_text("mine")
    with pytest.raises(error) as refused:
        export_card(read_personas(folder), folder, name, folder.parent / target, **options)
    assert words in str(refused.value)
    assert (folder / "ada.md.json").read_text() == "mine" and not (folder.parent / target).with_name("out.json").exists()
