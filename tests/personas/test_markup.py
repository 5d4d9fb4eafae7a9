from pathlib import Path

import msgspec
import pytest

from service.errors import PersonaError
from service.personas.markup import read_text, read_yaml


class Inner(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    count: int = 0
    words: list[str] = []


class Outer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    inner: Inner = Inner()
    several: list[Inner] = []
    names: dict[str, str] = {}


def complaint(text: str, kind: type = Outer, first_line: int = 10) -> str:
    with pytest.raises(PersonaError) as refused:
        read_yaml(Path("x.yaml"), text, kind, first_line)
    return refused.value.message


def test_good_text_becomes_what_it_should_be() -> None:
    """Mappings, lists and merges are read into the kind that was asked for."""
    text = "inner: &i {count: 2}\nseveral:\n- *i\n- <<: *i\n  words: [a]\nnames: {a: b}"
    assert read_yaml(Path("x"), text, Outer) == Outer(Inner(2), [Inner(2), Inner(2, ["a"])], {"a": "b"})
    assert read_yaml(Path("x"), "- count: 1\n- {}", list[Inner]) == [Inner(1), Inner()]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("inner:\n  cuont: 1", "x.yaml:11: unknown key 'cuont'. The nearest known key is 'count'."),
        ("several:\n- count: 1\n- wrods: [a]", "x.yaml:12: unknown key 'wrods'. The nearest known key is 'words'."),
        ("several:\n- count: 1\n- count: one", "x.yaml:12: several[1].count: Expected `int`, got `str`."),
        ("several:\n- {}\n- 5", "x.yaml:12: several[1]: Expected `object`, got `int`."),
        ("inner:\n  words:\n    - a\n    - [b]", "x.yaml:13: inner.words[1]: Expected `str`, got `array`."),
        ("names:\n  a: b\n  c: {}", "x.yaml:12: names[...]: Expected `str`, got `object`."),
        ("inner: {count: 1, count: 2}", "x.yaml:10: this is not YAML: the key 'count' is given twice."),
        ("a: 1\n---\nb: 2", "x.yaml:11: this is not YAML: but found another document."),
        ("inner: *nobody", "x.yaml:10: this is not YAML: found undefined alias 'nobody'."),
    ],
)
def test_a_mistake_is_told_with_file_and_line(text: str, message: str) -> None:
    """The line counts from where the text begins in its file, at every depth of mappings and lists."""
    assert complaint(text) == message


def test_all_mistakes_are_told_together() -> None:
    """Unknown keys first, then what is missing or of the wrong form, at every depth."""
    text = "inner: {cuont: 1, count: x}\nseveral:\n- {count: y}\n- {words: 3}\nnames: {a: 5}"
    with pytest.raises(PersonaError) as refused:
        read_yaml(Path("x.yaml"), text, Outer)
    assert [refused.value.message, *refused.value.further] == [
        "x.yaml:1: unknown key 'cuont'. The nearest known key is 'count'.",
        "x.yaml:1: inner.count: Expected `int`, got `str`.",
        "x.yaml:3: several[0].count: Expected `int`, got `str`.",
        "x.yaml:4: several[1].words: Expected `array`, got `int`.",
        "x.yaml:5: names[...]: Expected `str`, got `int`.",
    ]


def test_a_list_where_a_mapping_belongs_is_told() -> None:
    """The wrong outermost shape is told too, either way round."""
    assert complaint("[]") == "x.yaml:10: there must be `key: value` lines here."
    assert complaint("inner: {}", list[Inner]) == "x.yaml:10: Expected `array`, got `object`."
    assert complaint("", list[Inner]) == "x.yaml:10: Expected `array`, got `null`."


def test_text_is_read_with_and_without_a_mark(tmp_path: Path) -> None:
    """A byte order mark, as Windows writes it, is no part of the text."""
    (tmp_path / "a").write_bytes("\ufeffGr\u00fc\u00dfe".encode())
    (tmp_path / "b").write_bytes("Gr\u00fc\u00dfe".encode())
    assert read_text(tmp_path / "a") == read_text(tmp_path / "b") == "Gr\u00fc\u00dfe"
