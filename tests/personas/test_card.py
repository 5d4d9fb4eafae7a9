import json
from typing import Any

import pytest

from service.errors import PersonaError
from service.personas.card import Card, file_name, read_card
from service.personas.card_json import change_json, read_json
from tests.personas.cards import V1, V2, V3, written


def complaint(data: bytes) -> str:
    """What is said of bytes that are no card, after their name."""
    with pytest.raises(PersonaError) as refused:
        read_card(data, "ada.json")
    assert refused.value.message.startswith("ada.json")
    return refused.value.message.removeprefix("ada.json")


@pytest.mark.parametrize(("document", "version"), [(V1, 1), (V2, 2), (V3, 3)])
def test_every_version_is_read(document: dict[str, Any], version: int) -> None:
    """The six texts are the same in all versions, wherever they stand; every field is kept, known or not."""
    card = read_card(written(document), "ada.json")
    assert card.version == version
    assert [getattr(card, field) for field in V1] == list(V1.values())
    assert card.fields == document.get("data", document)
    assert card.char == ("The Keeper" if version == 3 else "Ada")
    assert card.notes == []


def test_a_newer_card_is_read_with_a_note() -> None:
    """A version that is not known yet is no reason to refuse a card."""
    newer = read_card(written({**V3, "spec_version": "3.1"}), "ada.json")
    assert newer.version == 3 and "3.1 is newer" in newer.notes[0]
    unknown = read_card(written({**V3, "spec": "chara_card_v9"}), "ada.json")
    assert unknown.version == 3 and "'chara_card_v9' is unknown" in unknown.notes[0]
    assert read_card(written({**V2, "spec_version": None}), "ada.json").notes == []


def test_a_card_of_the_wild_is_read() -> None:
    """Missing fields and null are empty texts; a byte order mark, odd numbers and half a surrogate pair do no harm."""
    data = (
        b'\xef\xbb\xbf{"name": "Ada", "description": "cut \\ud83d", "personality": null, "n": ' + b"9" * 5000 + b', "x": NaN, "y": 1e999}'
    )
    card = read_card(data, "ada.json")
    assert (card.description, card.personality, card.first_mes) == ("cut \ud83d", "", "")
    assert card.fields["x"] is None


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", ":1: this is not JSON: Expecting value"),
        (b'{"name": "Ada",\n "description"', ":2: this is not JSON"),
        (b'{"name": "\xff"}', "is not UTF-8 text. Save it as UTF-8."),
        (b'{"a": ' + b"[" * 200_000 + b"]" * 200_000 + b"}", "nested too deeply"),
        (b"[1, 2]", "no character card: a card is an object"),
        (b'{"a": 1}', "neither `spec` and `data` nor the fields of a V1 card"),
        (b'{"name": "Ada"}', "neither `spec` and `data`"),
        (b'{"spec": "chara_card_v2"}', "`data` should be an object, and is missing"),
        (b'{"spec": "chara_card_v2", "data": [1]}', "`data` should be an object, and is a list"),
        (b'{"spec": "lorebook_v3", "data": {"entries": []}}', "this is a lorebook, not a card"),
        (written({**V2, "data": {**V2["data"], "description": ["a"]}}), "`description` should be text, and is a list"),
        (written({**V1, "name": 5}), "`name` should be text, and is a number"),
        (written({**V1, "name": True}), "`name` should be text, and is true or false"),
        (written(dict.fromkeys(V1, "")), "the card says nothing"),
    ],
)
def test_what_is_no_card_is_refused_in_words(data: bytes, words: str) -> None:
    """Whatever else a file holds, the complaint names the file and says what should be there."""
    assert words in complaint(data)


@pytest.mark.parametrize(
    ("title", "name"),
    [("Ada", "ada"), ("Séra  Fine!", "sera-fine"), ("葉月", ""), ("--", ""), ("A" * 80, "a" * 64), ("a" * 63 + " b", "a" * 63)],
)
def test_a_title_makes_a_name_for_a_file(title: str, name: str) -> None:
    """Letters without their marks, everything else a dash, at most 64; a title of other letters makes none."""
    assert file_name(title) == name


def test_a_name_is_one_line() -> None:
    """A name of several lines, or with control characters, would steer terminals and break prompts."""
    card = Card(version=1, fields={}, name=" Ada\n\x1b[31m Byron ", nickname="\n")
    assert (card.title, card.char) == ("Ada [31m Byron", "Ada [31m Byron")


def test_a_change_touches_nothing_else() -> None:
    """Order, spaces, numbers and unknown fields stay byte for byte; a new key comes into its object."""
    before = b'{ "b" : 1.50 , "data":{"x":1E2,"a":"old \\u00e9","n":' + b"9" * 5000 + b',"z":{}} ,"a":null}'
    after = change_json(before, {("data", "a"): 'new "é"\n', ("a",): "top", ("data", "m"): "more", ("data", "z", "q"): "deep"})
    wanted = b'{ "b" : 1.50 , "data":{"m": "more", "x":1E2,"a":"new \\"\xc3\xa9\\"\\n","n":' + b"9" * 5000
    assert after == wanted + b',"z":{"q": "deep"}} ,"a":"top"}'
    assert read_json(after, "")["data"]["a"] == 'new "é"\n'


def test_of_a_key_that_stands_twice_the_last_is_changed() -> None:
    """Readers take the last one, so that is the one that counts."""
    assert json.loads(change_json(b'{"a": "1", "a": "2"}', {("a",): "3"})) == {"a": "3"}
