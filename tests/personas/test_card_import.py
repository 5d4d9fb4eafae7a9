import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.errors import Conflict, PersonaError
from service.personas.card_examples import read_examples, write_examples
from service.personas.card_import import Imported, import_card, put_in_place
from service.personas.card_macros import as_plain
from service.personas.file import read_persona
from service.personas.persona import Persona
from service.personas.shelf import Message, Seed, read_personas
from tests.personas.cards import V1, V2, V3, charx, png, text, written

MODELS = ["local:starter"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the personas go."""
    return tmp_path / "personas"


def brought_in(folder: Path, card: Any, **options: Any) -> Imported:
    """Import this card."""
    source = folder.parent / "card"
    source.write_bytes(card if isinstance(card, bytes) else written(card))
    return import_card(source, folder, models=options.pop("models", MODELS), **options)


def persona_of(folder: Path, name: str) -> Persona:
    """The persona as the service reads it."""
    return read_persona(folder / f"{name}.md")


def test_a_card_becomes_a_persona(folder: Path) -> None:
    """Every field that a model should read is in the prompt in its place, with the names as variables; the greeting greets."""
    done = brought_in(folder, V2, models=["ollama:llama3.2", "local:starter"])
    persona = persona_of(folder, "ada")
    assert persona.prompt({"user": "Ben"}) == (
        "Stay Ada. You are Ada. You talk with Ben. Write only what Ada says and does.\n\n"
        "Ada keeps a lighthouse. Ben is her guest.\n\n"
        "Personality: dry, warm\n\n"
        "Scenario: A storm.\n\n"
        "Answer briefly."
    )
    told = persona.settings
    assert (told.title, told.greeting, told.models) == ("Ada", "*The door opens.* Come in, User!", ["ollama:llama3.2", "local:starter"])
    assert told.variables == {"user": "User"} and "boring" in told.ratings.down
    assert read_personas(folder).seeds("ada") == [
        Seed(
            [
                Message("user", "Is it far?"),
                Message("assistant", "Far enough.\nSit down."),
                Message("user", "Thanks."),
                Message("assistant", "Tea?"),
            ]
        )
    ]
    assert (folder / "ada.card.json").read_bytes() == written(V2)
    assert [path.name for path in done.written] == ["ada.md", "ada.seeds.jsonl", "ada.card.json"]
    assert sorted(path.name for path in folder.iterdir()) == sorted(path.name for path in done.written)


def test_what_became_of_each_field_is_told(folder: Path) -> None:
    """Every field that says anything is named with what it became, also those that are only kept."""
    told = dict(brought_in(folder, V3).fields)
    assert list(told) == [key for key, value in V3["data"].items() if value]
    assert told["first_mes"] == "greeting" and told["scenario"] == "prompt" and told["nickname"] == "what {{char}} says"
    assert told["mes_example"] == "1 seed sample to train on"
    assert told["character_book"] == "lorebook of 2 entries, and 1 that are switched off or can never be found"
    assert told["alternate_greetings"] == told["a_field_of_the_future"] == "kept in the card, not used"


def test_the_owner_hears_what_else_matters(folder: Path) -> None:
    """Parts without a partner, macros that chose or mean nothing, and the words of the card's creator."""
    card = {**V1, "description": "{{random:a,b}} {{time}}", "mes_example": "By the fire.\n<START>\n{{char}}: Hm?\n<start>\n{{user}}: Bye."}
    done = brought_in(folder, {**card, "creator_notes": "Have\x1b[2J fun"})
    assert done.notes == [
        "left over in mes_example, because it has no partner: By the fire.",
        "left over in mes_example, because it has no partner: Hm?",
        "left over in mes_example, because it has no partner: Bye.",
        "{{random}}, {{pick}} and {{roll}} have chosen once and for all: a prompt is the same each time",
        "macros that mean nothing here stay as they are written: {{time}}",
        "its creator says: Have[2J fun",
    ]
    assert not (folder / "ada.seeds.jsonl").exists()


def test_a_nickname_is_what_the_prompt_calls_the_persona(folder: Path) -> None:
    """The title stays the name, and {{char}} says the nickname, in prompt, greeting, seeds and lorebook."""
    brought_in(folder, {**V3, "data": {**V3["data"], "first_mes": "I am {{char}}, {{user}}."}}, user="Guest")
    persona = persona_of(folder, "ada")
    assert persona.settings.title == "Ada" and persona.settings.greeting == "I am The Keeper, Guest."
    assert "The Keeper keeps a lighthouse. Guest is her guest." in persona.prompt()
    assert persona.lorebook is not None
    assert [entry.content for entry in persona.lorebook.select(["The lamp!"], len)] == ["The lamp of The Keeper is lit for Guest."]


def test_the_container_is_kept(folder: Path) -> None:
    """Picture and CHARX stay beside the persona byte for byte, and the card out of them as it was."""
    picture, archive = png(text("chara", written(V2)), text("ccv3", written(V3))), charx(written(V3), **{"assets/a.png": b"x"})
    brought_in(folder, picture, name="one")
    brought_in(folder, archive, name="two")
    assert (folder / "one.card.png").read_bytes() == picture and (folder / "two.card.charx").read_bytes() == archive
    assert (folder / "one.card.json").read_bytes() == (folder / "two.card.json").read_bytes() == written(V3)


def test_a_name_that_is_taken_is_not_taken_away(folder: Path) -> None:
    """A second card of the same name is refused with both ways out; replacing keeps what was there, and drops what no longer belongs."""
    brought_in(folder, png(text("chara", written(V2))))
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    for taken in ({}, {"name": "ada"}):
        with pytest.raises(Conflict, match=r"ada\.md already\. Choose another name \(--name NAME\), or replace it \(--force\)"):
            brought_in(folder, V1, **taken)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    done = brought_in(folder, {**V1, "mes_example": ""}, force=True)
    assert [path.name for path in done.replaced] == ["ada.md", "ada.card.json", "ada.card.png"]
    assert sorted(path.name for path in folder.iterdir()) == [
        *("ada.card.json", "ada.card.json.bak", "ada.card.png.bak", "ada.md", "ada.md.bak", "ada.seeds.jsonl")
    ]
    assert (folder / "ada.md.bak").read_bytes() == before["ada.md"]
    assert (folder / "ada.seeds.jsonl").read_bytes() == before["ada.seeds.jsonl"]


@pytest.mark.parametrize(
    ("card", "options", "words"),
    [
        ({**V1, "name": "葉月"}, {}, "Give one: --name NAME"),
        (V1, {"name": "../ada"}, "is no name for a persona"),
        (V1, {"name": "Ada"}, "is no name for a persona"),
        (V1, {"models": ["starter"]}, "models[0]: Expected `str` matching"),
        (V1, {"models": []}, "models: Expected `array` of length >= 1"),
        ({**V1, "description": "x" * 200_000}, {}, "longer than 100000 characters"),
        ({**V2, "data": {**V2["data"], "character_book": {"entries": 5}}}, {}, "the lorebook is not as it should be: Expected `array`"),
        (png(text("chara", written(V1)))[:-20], {}, "cut off"),
    ],
    ids=["letters", "outside", "capital", "model", "no_model", "long", "lorebook", "cut_off"],
)
def test_what_cannot_become_a_persona_leaves_nothing_behind(folder: Path, card: Any, options: dict[str, Any], words: str) -> None:
    """Every refusal says what is wrong without naming a file that nobody can find, and the folder stays empty."""
    with pytest.raises(PersonaError) as refused:
        brought_in(folder, card, **options)
    assert words in refused.value.message and ".import-" not in refused.value.message
    assert not folder.exists() or list(folder.iterdir()) == []


def test_a_card_made_to_be_slow_is_as_fast_as_any(folder: Path) -> None:
    """Half a million blanks or braces, wherever text is taken apart, cost what half a million letters cost."""
    blank, braces, spaces = "\n" * 500_000, "{{" * 250_000, f"@@depth x{' ' * 500_000}y"
    book = {"entries": [{"keys": ["a"], "content": content} for content in (blank, braces, spaces, f"@@depth 1{blank}{spaces}")]}
    brought_in(folder, {**V1, "mes_example": blank + braces, "description": blank, "first_mes": f"{blank}Hi.", "character_book": book})
    assert persona_of(folder, "ada").settings.greeting == "Hi."


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    """A sentence with the folder's name, no traceback."""
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(PersonaError, match="cannot be written to"):
        brought_in(tmp_path / "file", V1, name="ada")


def test_a_place_that_is_no_file_is_left_alone(folder: Path) -> None:
    """Where a folder stands in the place of a file, even replacing ends in a sentence, and the folder is as it was."""
    (folder / "ada.md" / "inside").mkdir(parents=True)
    with pytest.raises(PersonaError, match="cannot be written to"):
        brought_in(folder, V1, force=True)
    assert [path.name for path in folder.iterdir()] == ["ada.md"]


def test_a_move_that_fails_is_undone(folder: Path) -> None:
    """When one file cannot be put in its place, the ones before it are as they were: new ones go, replaced ones come back."""
    (folder / "made").mkdir(parents=True)
    for name in ("ada.card.json", "ada.seeds.jsonl"):
        (folder / "made" / name).write_text("new")
    (folder / "ada.card.json").write_text("old")
    places = [folder / name for name in ("ada.card.json", "ada.seeds.jsonl", "ada.md")]
    with pytest.raises(FileNotFoundError):
        put_in_place(folder / "made", places, [folder / "ada.card.json"])
    assert (folder / "ada.card.json").read_text() == "old"
    assert not (folder / "ada.seeds.jsonl").exists()


def test_a_card_without_a_name_takes_the_file_s(folder: Path) -> None:
    """A persona needs a title: the name that was given for it."""
    brought_in(folder, {**V1, "name": ""}, name="keeper")
    assert persona_of(folder, "keeper").settings.title == "keeper"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, derandomize=True, max_examples=60)
@given(
    name=st.text(max_size=20),
    said=st.fixed_dictionaries({field: st.text(max_size=60) for field in ("description", "first_mes", "mes_example", "scenario")}),
)
def test_any_card_becomes_a_persona_that_reads(folder: Path, name: str, said: dict[str, str]) -> None:
    """Whatever characters a card holds, the persona's file says them: title, greeting, prompt and seeds come back from it."""
    card = {"name": name, **said, "description": f"Keeper {said['description']}"}
    done = brought_in(folder, json.dumps(card).encode(), name="any", force=True)
    persona = persona_of(folder, "any")
    names = {"char": persona.settings.title, "user": "User"}
    assert persona.settings.greeting == as_plain(card["first_mes"], names).strip()
    assert as_plain(card["description"], names).strip() in persona.prompt()
    seeds, _ = read_examples(card["mes_example"], names["char"], "User", names["char"])
    assert not seeds or read_personas(folder).seeds("any") == seeds
    assert done.name == "any"


def test_examples_come_back_from_seeds() -> None:
    """What is written as examples is read as the same seeds."""
    seeds = [Seed([Message("user", "a"), Message("assistant", "b\nc")]), Seed([Message("user", "d"), Message("assistant", "e")])]
    assert write_examples(seeds) == "<START>\n{{user}}: a\n{{char}}: b\nc\n<START>\n{{user}}: d\n{{char}}: e"
    assert read_examples(write_examples(seeds), "Ada", "User", "Ada") == (seeds, [])


def test_one_speaker_s_lines_are_one_turn() -> None:
    """Lines of the same speaker are joined, empty ones are nobody's, and the older name of the user is known."""
    told = "<START>\nYou: one\n{{user}}: two\nAda:\n{{char}}: three\nBen: stays in the text"
    assert read_examples(told, "Ada", "User", "Ada") == (
        [Seed([Message("user", "one\ntwo"), Message("assistant", "three\nBen: stays in the text")])],
        [],
    )
