"""`attune transcript`: what a script would make, and what is kept of it."""

from pathlib import Path

import pytest
from sqlmodel import select

from service.db.engine import reading
from service.db.tables import Exchange, Import, Passage, Rating
from tests.cli.conftest import Shell

_SCRIPT = """SCENE 1

ANNA: (waves) Good morning.
BEN: Did you sleep?
ANNA: No.
BEN: Oh,\x07 dear.

SCENE 2

BEN: I am alone.
"""


@pytest.fixture
def script(tmp_path: Path) -> str:
    path = tmp_path / "garden.txt"
    path.write_text(_SCRIPT)
    return str(path)


def test_the_cast_is_listed_with_its_speeches(here: Shell, script: str):
    """As a table and as JSON; how the script was read is said beside it."""
    shown = here("transcript", "cast", script)
    assert [line.split() for line in shown.out.splitlines()] == [["part", "speeches"], ["BEN", "3"], ["ANNA", "2"]]
    assert shown.err == "Read as colon: 5 speeches of 2 parts in 2 scenes.\n"
    assert here("transcript", "cast", script, "--json").document == [{"part": "BEN", "speeches": 3}, {"part": "ANNA", "speeches": 2}]


def test_a_dry_run_shows_pairs_and_keeps_nothing(here: Shell, script: str):
    """The JSON is a list of messages; `--limit` shows fewer; nothing reaches the database."""
    done = here("transcript", "import", script, "--as", "friend", "--cast", "BEN=assistant", "--dry-run", "--json")
    assert (done.code, done.document) == (
        0,
        [
            {"messages": [{"role": "user", "content": "Good morning."}, {"role": "assistant", "content": "Did you sleep?"}]},
            {
                "messages": [
                    {"role": "user", "content": "Good morning."},
                    {"role": "assistant", "content": "Did you sleep?"},
                    {"role": "user", "content": "No."},
                    {"role": "assistant", "content": "Oh, dear."},
                ]
            },
        ],
    )
    assert "2 pairs. Of the persona's speeches 1 begin a scene" in done.err
    more = ("--context", "0", "--directions", "action", "--limit", "1")
    fewer = here("transcript", "import", script, "--as", "friend", "--cast", "BEN=assistant", "--dry-run", "--json", *more)
    assert [message["content"] for message in fewer.document[0]["messages"]] == ["*waves* Good morning.", "Did you sleep?"]
    assert len(fewer.document) == 1
    with here.database() as engine, reading(engine) as session:
        assert not session.exec(select(Import)).all()


def test_a_dry_run_is_for_a_terminal_too(here: Shell, script: str):
    """Who becomes whom, and the first few pairs, in tables that nothing said can break."""
    done = here("transcript", "import", script, "--as", "friend", "--cast", "BEN|BENNY=assistant", "--dry-run")
    assert [line.split() for line in done.out.splitlines()[1:3]] == [["BEN", "3", "assistant"], ["ANNA", "2", "user"]]
    assert "Did you sleep?" in done.out and "\x1b" not in done.out
    assert "note: nobody speaks under the name 'BENNY'" in done.err


def test_pieces_of_dialogue_need_no_cast(here: Shell, script: str):
    """With one, its aliases are joined."""
    done = here("transcript", "import", script, "--as", "friend", "--mode", "chunks", "--dry-run", "--json")
    assert done.document[1] == {"text": "BEN: I am alone."}
    named = here(
        "transcript", "import", script, "--as", "friend", "--mode", "chunks", "--cast", "BENNY|BEN=assistant", "--dry-run", "--json"
    )
    assert named.document[1] == {"text": "BENNY: I am alone."}


def test_pairs_are_kept_as_liked_exchanges_and_once(here: Shell, script: str):
    """One conversation per pair, its reply rated up; the same file in the same way again is a conflict, in another way it is not."""
    arguments = ("transcript", "import", script, "--as", "friend", "--cast", "BEN=assistant")
    done = here(*arguments, "--json")
    assert done.code == 0
    assert done.document["persona"] == "friend" and done.document["counts"]["liked"] == 2
    assert f"attune exchanges withdraw-import {done.document['id']}" in done.err
    with here.database() as engine, reading(engine) as session:
        liked = session.exec(select(Exchange).join(Rating)).all()
        assert sorted((exchange.message, exchange.reply) for exchange in liked) == [
            ("Good morning.", "Did you sleep?"),
            ("No.", "Oh, dear."),
        ]
    assert here(*arguments).code == 7
    assert here(*arguments, "--context", "0").code == 0


def test_pieces_are_kept_as_passages(here: Shell, script: str):
    """In their order, with their scenes."""
    done = here("transcript", "import", script, "--as", "mentor", "--mode", "chunks", "--json")
    assert (done.code, done.document["counts"]) == (0, {"passages": 2})
    with here.database() as engine, reading(engine) as session:
        passages = session.exec(select(Passage).order_by(Passage.position)).all()
        assert [(passage.title, passage.text) for passage in passages][1] == ("SCENE 2", "BEN: I am alone.")


def test_nothing_made_is_exit_code_6_with_reasons(here: Shell, tmp_path: Path):
    """And nothing is kept of it."""
    path = tmp_path / "alone.txt"
    path.write_text("ANNA: One.\n\n***\n\nANNA: Two.\nCY: Three.\nANNA: Four.\n")
    done = here("transcript", "import", str(path), "--as", "friend", "--cast", "ANNA=assistant,CY=none")
    assert done.code == 6
    assert (
        "0 pairs. Of the persona's speeches 2 begin a scene, so nothing was said to them; 1 follow somebody whom the cast leaves out."
        in done.err
    )
    with here.database() as engine, reading(engine) as session:
        assert not session.exec(select(Import)).all()


def test_what_is_wrong_is_said_in_words(here: Shell, script: str, tmp_path: Path):
    """No such persona, no cast, an unknown name, no text, no speech: each with its code and the file's name."""
    base = ("transcript", "import", script, "--dry-run")
    assert here(*base, "--as", "nobody", "--cast", "BEN=assistant").code == 3
    told = here(*base, "--as", "friend")
    assert (told.code, "Say who becomes the persona" in told.err) == (2, True)
    told = here(*base, "--as", "friend", "--cast", "BENN=assistant")
    assert (told.code, "Is it BEN? Those who speak, with their speeches: BEN (3), ANNA (2)." in told.err) == (2, True)
    binary = tmp_path / "binary.txt"
    binary.write_bytes(bytes(range(256)) * 4)
    told = here("transcript", "cast", str(binary))
    assert (told.code, told.out, told.err.startswith(f"attune: {binary}: The file is not text")) == (2, "", True)
