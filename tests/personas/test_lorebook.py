import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.errors import PersonaError
from service.personas.file import read_persona
from service.personas.lorebook import Lorebook
from service.personas.lorebook_decorators import split_decorators
from service.personas.lorebook_file import read_book, read_lorebook
from tests.personas.cards import V2, V3, written

NAMES = {"char": "Ada", "user": "User"}


def entry(content: str = "lore", *words: str, **fields: Any) -> dict[str, Any]:
    """An entry as cards have it."""
    return {"keys": list(words), "content": content, "extensions": {}, "enabled": True, "insertion_order": 0, **fields}


def book(*entries: dict[str, Any], **fields: Any) -> Lorebook:
    """A lorebook of these entries."""
    return Lorebook((read_book({"entries": list(entries), "extensions": {}, **fields}, "ada.json", "card", NAMES),))


def words(text: str) -> int:
    """A token is a word."""
    return len(text.split())


def told(lorebook: Lorebook, *texts: str, **options: Any) -> list[str]:
    """What is put before the model when these were the texts, the newest last."""
    return [each.content for each in lorebook.select(texts, words, **options)]


def test_an_entry_comes_when_one_of_its_keys_is_named() -> None:
    """In any case, within other words, once however often it is named; not when switched off, without keys, or without content."""
    lore = book(
        entry("lamp", "Lamp", "light"), entry("off", "lamp", enabled=False), entry("none"), entry("blank", " "), entry("  ", "lamp")
    )
    assert told(lore, "The LIGHTHOUSE lamp, a lamp!") == ["lamp"]
    assert told(lore, "The sea.") == told(lore) == []
    assert lore.books[0].left_out == 4


def test_case_and_whole_words_count_where_the_card_says_so() -> None:
    """`case_sensitive` of the format, and the choice of whole words that SillyTavern keeps in its extensions."""
    lore = book(
        entry("exact", "May", case_sensitive=True), entry("whole", "art", extensions={"match_whole_words": True}), entry("ß", "STRASSE")
    )
    assert told(lore, "may the party") == []
    assert told(lore, "in May, Art!") == ["exact", "whole"]
    assert told(lore, "die Straße") == ["ß"]


def test_selective_entries_want_a_second_key() -> None:
    """A key of each list must be named; without `selective` the second list says nothing."""
    both = {"secondary_keys": ["storm", "wind"]}
    lore = book(entry("selective", "lamp", selective=True, **both), entry("plain", "lamp", **both), entry("empty", "lamp", selective=True))
    assert told(lore, "the lamp") == ["plain", "empty"]
    assert told(lore, "the wind", "the lamp") == ["selective", "plain", "empty"]


def test_constant_entries_are_always_there() -> None:
    """Without any key, and within the budget as all others."""
    assert told(book(entry("always", constant=True), entry("pattern", "x", constant=True, use_regex=True)), "hello") == ["always"]
    assert told(book(entry("always", constant=True), token_budget=0), "hello") == []


def test_insertion_order_is_the_order() -> None:
    """Lower numbers come first, and equal ones as they stand in the book."""
    lore = book(*(entry(name, "x", insertion_order=order) for name, order in [("c", 3), ("a", -1), ("b1", 2.5), ("b2", 2.5)]))
    assert told(lore, "x") == ["a", "b1", "b2", "c"]


def test_only_the_newest_texts_are_scanned() -> None:
    """As many as the book says, four where it says nothing, or as the entry itself says."""
    assert told(book(entry("x", "x"), scan_depth=2), "x", "-", "-") == []
    assert told(book(entry("x", "x"), scan_depth=2), "x", "-") == ["x"]
    assert told(book(entry("x", "x"), scan_depth=0), "x") == []
    assert (told(book(entry("x", "x")), "x", *"----"), told(book(entry("x", "x")), "x", *"---")) == ([], ["x"])
    assert told(book(entry("@@scan_depth 1\nx", "x"), entry("y", "x")), "x", "-") == ["y"]
    assert told(book(entry("@@keep_activate_after_match\nx", "x"), scan_depth=1), "x", *"-----") == ["x"]


def test_over_the_budget_the_least_important_go_first() -> None:
    """By `priority`, or by insertion order where there is none; what could never fit makes no other entry go."""
    entries = [entry(f"{name} two three", "x", priority=priority) for name, priority in [("a", 3), ("b", 1), ("c", 2)]]
    assert told(book(*entries, token_budget=6), "x") == ["a two three", "c two three"]
    assert told(book(*entries, token_budget=5), "x") == ["a two three"]
    assert told(book(entry("one two three four", "x", priority=9), *entries, token_budget=3), "x") == ["a two three"]
    assert told(book(entry("a b", "x", insertion_order=1), entry("c d", "x", insertion_order=2), token_budget=3), "x") == ["c d"]
    assert len(told(book(*(entry("word " * 90, "x") for _ in range(9))), "x")) == 5


def test_entries_find_entries_where_the_book_allows_it() -> None:
    """What an entry says is scanned as well, step by step, hidden keys included, and comes to its end in a circle."""
    chain = [entry("the lamp", "sea"), entry("the oil {{hidden_key: whale}}", "lamp"), entry("the sea", "oil"), entry("Moby", "whale")]
    assert told(book(*chain, recursive_scanning=True), "sea") == ["the lamp", "the oil", "the sea", "Moby"]
    assert told(book(*chain, recursive_scanning=False), "sea") == told(book(*chain), "sea") == ["the lamp"]
    second = entry("both", "lamp", selective=True, secondary_keys=["night"])
    assert told(book(chain[0], second, recursive_scanning=True), "sea at night") == ["the lamp", "both"]
    assert told(book(chain[0], second, recursive_scanning=True), "sea") == ["the lamp"]


def test_patterns_are_found() -> None:
    """Bare and as JavaScript writes them; a comma, a repetition or a letter class is what it is there; a wrong pattern finds nothing."""
    lore = book(
        *(
            entry(pattern, pattern, use_regex=True)
            for pattern in (r"lamps?\b", r"/Oil (?=can)/", r"/OIL/i", r"\p{Lu}{2,3}x", r"(", r"", r"a{99999999}", r"(?:(?:a{99}){99}){99}")
        )
    )
    assert told(lore, "Two Lamps") == [r"lamps?\b"]
    assert told(lore, "an Oil can") == [r"/Oil (?=can)/", r"/OIL/i"]
    assert told(lore, "ÄÖx") == [r"\p{Lu}{2,3}x"]
    sensitive = book(entry("a", "lamp", use_regex=True, case_sensitive=True), entry("b", "lamp", use_regex=True))
    assert told(sensitive, "LAMP") == ["b"]


def test_a_pattern_that_takes_forever_finds_nothing() -> None:
    """A pattern with exponential backtracking ends within its time, as do fifty of them, and other entries are found."""
    evil = [entry("evil", r"(\w+\s?)+$", use_regex=True) for _ in range(50)]
    assert told(book(*evil, entry("good", "lamp")), "lamp " * 500 + "!") == ["good"]


def test_names_are_in_content_and_keys() -> None:
    """{{char}} is the persona, {{user}} the person where it is known, and macros are done as in the card's other texts."""
    lore = book(entry("{{char}} and <USER>{{// hidden}} {{time}}", "{{user}}", "{{char}}"))
    assert told(lore, "ada?") == ["Ada and User {{time}}"]
    assert told(lore, "ada?", user="Ben") == ["Ada and Ben {{time}}"]


def test_the_number_of_replies_can_be_a_condition() -> None:
    """From a reply on, or every so many; by default every second text is a reply."""
    lore = book(entry("@@activate_only_after 2\nlater", constant=True), entry("@@activate_only_every 3\nthird", constant=True))
    assert [told(lore, replies=number) for number in range(5)] == [["third"], [], ["later"], ["later", "third"], ["later"]]
    assert told(lore, *"12345") == ["later"]


def test_decorators_turn_entries_on_and_off() -> None:
    """`@@activate` in any case, `@@dont_activate` in none unless the former is there; of greetings there is only the first."""
    lore = book(
        entry("@@activate\non"),
        entry("@@dont_activate\noff", constant=True),
        entry("@@dont_activate\n@@activate\nboth"),
        entry("@@is_greeting 0\nfirst", constant=True),
        entry("@@is_greeting 1\nsecond", constant=True),
    )
    assert told(lore) == ["on", "both", "first"]


def test_decorators_add_and_exclude_keys() -> None:
    """One of the additional keys must be named too, and none of the excluded ones."""
    lore = book(entry("@@additional_keys oil, wick\n@@exclude_keys day\nlamp", "lamp"))
    assert told(lore, "lamp") == told(lore, "lamp, wick, by day") == []
    assert told(lore, "lamp and WICK") == ["lamp"]
    pattern = book(entry("@@additional_keys o.l\n@@exclude_keys lamp\nlamp", "l.mp", use_regex=True))
    assert told(pattern, "oil") == told(pattern, "lamp") == ["lamp"]


def test_where_the_author_wanted_an_entry_is_known() -> None:
    """Position, depth and role are there for whoever puts the prompt together; a position makes the depth meaningless."""
    lore = book(
        entry("a", "x", position="before_char"),
        entry("b", "x", position=4),
        entry("@@depth 2\n@@role user\nc", "x"),
        entry("@@position before_desc\n@@depth 2\nd", "x"),
    )
    assert [(each.position, each.depth, each.role) for each in lore.entries] == [
        ("before_char", None, "system"),
        ("after_char", None, "system"),
        ("after_char", 2, "user"),
        ("before_char", None, "system"),
    ]


@pytest.mark.parametrize(
    ("content", "decorators", "text"),
    [
        ("plain\n@@depth 1", {}, "plain\n@@depth 1"),
        ("@@depth 4\n\n@@scan_depth -1\n\ntext\n", {"depth": 4, "scan_depth": -1}, "text"),
        ("@@unknown 1\n@@@also_unknown\n@@@depth 3\n@@@depth 5\ntext", {"depth": 3}, "text"),
        ("@@depth 1\n@@@scan_depth 2\ntext", {"depth": 1}, "text"),
        ("@@depth many\n@@@depth 2\ntext", {"depth": 2}, "text"),
        ("@@depth 1\n@@depth 2\ntext", {"depth": 1}, "text"),
        ("@@@depth 1\ntext", {}, "text"),
        ("@@activate_only_every 0\n@@role boss\n@@position moon\n@@exclude_keys ,\ntext", {}, "text"),
        ("@@activate true\n@@dont_activate false\ntext", {"activate": True}, "text"),
        ("@@depth 2", {"depth": 2}, ""),
        ("@@ not one\ntext", {}, "@@ not one\ntext"),
    ],
)
def test_decorators_are_told_from_the_text(content: str, decorators: dict[str, Any], text: str) -> None:
    """Those at the head count, the first of a name; unknown ones and values that cannot be are passed over, and their fallbacks tried."""
    assert split_decorators(content) == (decorators, text)


def test_a_persona_knows_the_lore_of_its_card_and_its_own(tmp_path: Path) -> None:
    """Both books are read with the persona, and each entry can be told from all others."""
    (tmp_path / "ada.md").write_text("---\ntitle: Ada\nmodels: [a:b]\nvariables: {user: Guest}\n---\nYou are {{ char }}.\n")
    assert read_persona(tmp_path / "ada.md").lorebook is None
    (tmp_path / "ada.card.json").write_bytes(written(V3))
    own = {"spec": "lorebook_v3", "data": {"entries": [entry("Own.", "lamp", id=7, insertion_order=9)]}}
    (tmp_path / "ada.lorebook.json").write_text(json.dumps(own))
    lorebook = read_persona(tmp_path / "ada.md").lorebook
    assert lorebook is not None and [each.id for each in lorebook.entries] == ["card:0", "card:1", "lorebook:7"]
    assert told(lorebook, "Lamp on the reef") == ["The reef has teeth.", "The lamp of Ada is lit for Guest.", "Own."]


def test_a_card_without_lore_is_no_lorebook(tmp_path: Path) -> None:
    """No book, or null for it, is nothing."""
    for data in ({**V2["data"], "character_book": None}, {key: value for key, value in V2["data"].items() if key != "character_book"}):
        (tmp_path / "ada.card.json").write_bytes(written({**V2, "data": data}))
        assert read_lorebook(tmp_path, "ada", NAMES) is None


def test_entries_of_the_same_number_go_by_their_place() -> None:
    """A number that two entries share names neither."""
    assert [each.id for each in book(entry("a", "x", id=1), entry("b", "x", id=1)).entries] == ["card:0", "card:1"]
    assert [each.id for each in book(entry("a", "x", id="k"), entry("b", "x", id=1)).entries] == ["card:k", "card:1"]


def test_a_book_of_the_wild_is_read() -> None:
    """Null in any field, numbers and truths as text, and fields that nobody knows do no harm."""
    lore = book(
        {
            **dict.fromkeys(("priority", "case_sensitive", "constant", "position", "id", "name", "extensions")),
            "keys": ["x"],
            "content": "a",
        },
        entry("b", "x", insertion_order="5", enabled="true", selective=0, secondary_keys=None, unknown={}),
        entry("c", keys="y, x,"),
        entry(None, "x"),  # type: ignore[arg-type]
        scan_depth=None,
        token_budget="100",
        recursive_scanning=None,
        name=5,
    )
    assert told(lore, "x") == ["a", "c", "b"]


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({"entries": {"0": {}}}, "Expected `array`, got `object` - at `$.entries`"),
        ({}, "missing required field `entries`"),
        ([], "Expected `object`, got `array`"),
        ({"entries": [entry("a"), entry("b", insertion_order="first")]}, "at `$.entries[1].insertion_order`"),
        ({"entries": [entry(keys=["lamp", {}])]}, "Expected `str`, got `object` - at `$.entries[0].keys[1]`"),
        ({"entries": [{}] * 5_001}, "has 5001 entries; the limit is 5000"),
    ],
)
def test_a_book_that_is_none_is_refused(wrong: Any, complaint: str) -> None:
    """The complaint names the file and the field."""
    with pytest.raises(PersonaError, match=rf"^ada\.json: .*{re.escape(complaint)}"):
        read_book(wrong, "ada.json", "card", NAMES)


@pytest.mark.parametrize("text", ["{}", "[]", '{"entries": []}', '{"spec": "lorebook_v2", "data": {}}'])
def test_a_file_that_is_no_lorebook_is_refused(tmp_path: Path, text: str) -> None:
    """Beside a persona the file must say that it is a lorebook."""
    (tmp_path / "ada.lorebook.json").write_text(text)
    with pytest.raises(PersonaError, match=r'ada\.lorebook\.json: this is no lorebook: it should be {"spec": "lorebook_v3"'):
        read_lorebook(tmp_path, "ada", NAMES)


_TEXT = st.text("abc \n@{}/", max_size=12)
_ENTRIES = st.lists(
    st.builds(
        entry,
        _TEXT,
        _TEXT,
        _TEXT,
        insertion_order=st.integers(-2, 2),
        priority=st.none() | st.integers(-2, 2),
        constant=st.booleans(),
        selective=st.booleans(),
        secondary_keys=st.lists(_TEXT, max_size=2),
    ),
    max_size=8,
)


@settings(deadline=None, derandomize=True, max_examples=150)
@given(_ENTRIES, st.lists(_TEXT, max_size=5), st.integers(0, 12), st.booleans())
def test_any_book_keeps_to_its_budget_and_its_order(
    entries: list[dict[str, Any]], texts: Sequence[str], budget: int, recursive: bool
) -> None:
    """Whatever it holds: the same question has the same answer, within the budget, in order, each entry once."""
    lore = book(*entries, token_budget=budget, recursive_scanning=recursive)
    found = lore.select(texts, words)
    assert found == lore.select(texts, words)
    assert sum(words(each.content) for each in found) <= budget
    assert [each.order for each in found] == sorted(each.order for each in found)
    assert len({each.id for each in found}) == len(found) and {each.id for each in found} <= {each.id for each in lore.entries}
