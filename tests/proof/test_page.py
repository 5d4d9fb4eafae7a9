"""The proof page: everything that a night and its version can be asked about, and nobody's words."""

import json
from typing import Any

import msgspec
import pytest
from sqlmodel import select

from service.db.engine import reading
from service.db.tables import Night, Version
from service.errors import NotFound, Unavailable
from service.proof.folder import write_pages
from service.proof.page import write_page
from service.proof.record import record_of
from service.proof.table import as_value, said, table
from tests.proof.conftest import Nights


def record(nights: Nights, night_id: str) -> dict[str, Any]:
    with reading(nights.engine) as session:
        return record_of(session, nights.artifacts, session.get_one(Night, night_id))


def test_a_page_answers_what_one_may_ask_of_a_version(nights: Nights) -> None:
    """What it is, what was decided, from what it learned, what was left out, how it was trained, tested and liked, and when it served."""
    page = write_page(record(nights, nights.good), "curve.svg")
    for line in (
        "# friend v1",
        "It serves.",
        "| persona file | bbbb; it was proved under this text, and another is in force |",
        "**Promoted.** The candidate takes over.",
        "| preference | passed | It is better by +0.21. |",
        "The dataset `dddddddddddd`: 3 rows to train on, among them 2 liked and 1 disliked replies that people rated; 1 rows held out.",
        "It came from 4 exchanges and 0 imports; the ratings trained on are of 2 people; the largest share of one of them is 67%.",
        "| train | unpaired | rated | 3 |",
        "| burst | 7 | It is one of many ratings that one person gave within a minute, and waits for the owner. |",
        "By sft+dpo with the trainer local, from the base starter.",
        "The loss was 2.5 at step 1 and 0.69 at step 4.",
        "![The loss by step](curve.svg)",
        "| attempts | 2 |",
        "| rank | 8 |",
        "Against v0, from 2026-11-27 03:00 UTC to 2026-11-30 03:00 UTC. **Promoted.** People liked 80% of its 30 rated replies. It stays.",
        "| the champion before | 400 | 310 | 2 | 11 | 90 | 0 |",
    ):
        assert line in page.split("\n"), line
    assert "| v1 | v0 | promotion | night" in page


def test_a_scorecard_is_shown_whatever_sections_it_has(nights: Nights) -> None:
    """Known sections come first, sides stand beside each other, intervals are one cell, and a section nobody knew of is there too."""
    page = write_page(record(nights, nights.good))
    lines = page.split("\n")
    assert "### Gain" in lines and "+0.210 (95 % interval +0.050 to +0.370)" in lines
    assert "| distinct_2 | 0.81 | 0.84 |" in lines
    assert "| safety | 3 | 3 | 3 | 0 | 0 | 1 |" in lines
    assert "| of | nobody judged |" in lines and lines.index("### A new section") > lines.index("### Probes")


def test_what_people_and_models_said_draws_nothing_on_the_page(nights: Nights) -> None:
    """Marks of Markdown and HTML in a probe or a reply stay letters; and no message of a conversation is on the page or in the record."""
    found = record(nights, nights.good)
    page = write_page(found)
    assert "| Is 2\\|3 \\*true\\*? | honesty | 3 | 2 | 3 | no \\<b\\>word\\</b\\> |" in page.split("\n")
    assert "Secret words" not in page + json.dumps(found)


def test_a_night_that_made_nothing_has_a_page_that_says_why(nights: Nights) -> None:
    """It has its reason, and no section that would be empty."""
    page = write_page(record(nights, nights.idle))
    assert page.startswith("# friend: a night without a version\n") and "**Skipped.** There is nothing new." in page
    assert page.count("## ") == 1


def test_a_version_that_no_night_made_has_a_page(nights: Nights) -> None:
    """The start: when it served, and when another took over."""
    with reading(nights.engine) as session:
        start = session.exec(select(Version).where(Version.number == 0)).one()
        page = write_page(record_of(session, nights.artifacts, None, start))
    assert page.startswith("# friend v0\n") and "the start: the persona file and no training" in page and "| v1 | v0 | promotion |" in page


def test_pages_are_written_and_written_anew(sqlite_nights: Nights) -> None:
    """Markdown, JSON and the curve lie in the persona's folder, whole; written again they are the same; what cannot be is a sentence."""
    nights = sqlite_nights
    path = write_pages(nights.engine, nights.artifacts, nights.good)
    folder = nights.artifacts / "proofs" / "friend"
    assert sorted(each.name for each in folder.iterdir()) == [f"{nights.good}.{kind}" for kind in ("json", "md", "svg")]
    assert path == folder / f"{nights.good}.md" and f"![The loss by step]({nights.good}.svg)" in path.read_text()
    assert msgspec.json.decode((folder / f"{nights.good}.json").read_bytes()) == record(nights, nights.good)
    before = {each: each.read_bytes() for each in folder.iterdir()}
    write_pages(nights.engine, nights.artifacts, nights.good)
    assert {each: each.read_bytes() for each in folder.iterdir()} == before
    write_pages(nights.engine, nights.artifacts, nights.idle)
    assert not (folder / f"{nights.idle}.svg").exists()
    with pytest.raises(NotFound):
        write_pages(nights.engine, nights.artifacts, "0" * 32)
    (nights.artifacts / "file").write_text("")
    with pytest.raises(Unavailable, match="cannot be written"):
        write_pages(nights.engine, nights.artifacts / "file", nights.good)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, ""),
        (True, "yes"),
        (12345, "12,345"),
        (0.000123456, "0.0001235"),
        (float("inf"), "inf"),
        ({"a": 1, "b": [1.5, "x"]}, "a 1, b 1.5, x"),
        ({"value": 0.5, "low": None, "high": None, "why": "too few"}, "+0.500 (no interval, too few)"),
    ],
)
def test_any_value_has_a_short_form(value: Any, shown: str) -> None:
    """Whatever a scorecard or a setting holds fits into a cell."""
    assert as_value(value) == shown


def test_texts_stay_on_their_line() -> None:
    """Line breaks and control characters become blanks; a table has numbers to the right, and without rows there is none."""
    assert said("a\nb\x1b[0m `c`") == "a b \\[0m \\`c\\`"
    assert table(("name", "count"), [("a", 1), ("b", 20)]) == ["| name | count |", "|---|---:|", "| a | 1 |", "| b | 20 |"]
    assert table(("name",), []) == []
