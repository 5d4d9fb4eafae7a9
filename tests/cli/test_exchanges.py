"""`attune exchanges`: what was said, as JSON and as a table that nothing said can break; what comes in from elsewhere, and goes out."""

import json
from pathlib import Path

import pytest

from service import registry
from service.db.engine import transaction
from service.db.tables import Conversation, Exchange, ExchangeState, Person, Prompt, Rating, Thumb
from tests.cli.conftest import Shell

_NASTY = "[/bold] [red]now\x1b[2J\x07\nand\tthen"


@pytest.fixture
def told(here: Shell) -> Shell:
    """A home in which three things were said: liked, disliked and then withdrawn, and never rated."""
    with here.database() as engine, transaction(engine) as session:
        person = Person(external="someone")
        session.add_all([person, Prompt(fingerprint="f", persona="friend", text="You are Friend.")])
        session.flush()
        for number, (persona, message, thumbs) in enumerate(
            [("friend", "first", [Thumb.down, Thumb.up]), ("friend", "second", [Thumb.down, Thumb.withdrawn]), ("mentor", _NASTY, [])]
        ):
            conversation = Conversation(persona=persona, person_id=person.id)
            session.add(conversation)
            session.flush()
            exchange = Exchange(
                conversation_id=conversation.id,
                persona=persona,
                version_id=registry.champion(session, persona).id,
                fingerprint="f",
                context=[],
                message=message,
                reply=f"reply {number}",
                state=ExchangeState.complete,
                boot="b",
            )
            session.add(exchange)
            session.flush()
            for thumb in thumbs:
                session.add(Rating(exchange_id=exchange.id, person_id=person.id, rating=thumb, reasons=[]))
                session.flush()
    return here


def test_exchanges_are_listed_with_the_last_word_on_each(told: Shell) -> None:
    """Newest first, each with the version that made it and the rating that stands; limited, and by persona."""
    every = told("exchanges", "list", "--json")
    assert (every.code, every.err) == (0, "")
    assert [(row["message"], row["rating"]) for row in every.document] == [(_NASTY, None), ("second", None), ("first", "up")]
    assert every.document[-1]["reply"] == "reply 0"
    assert {row["version"] for row in every.document} == {"v0"}
    assert {row["state"] for row in every.document} == {"complete"}
    some = told("exchanges", "list", "--persona", "friend", "--limit", "1", "--json").document
    assert [row["message"] for row in some] == ["second"]


def test_a_table_shows_whatever_was_said(told: Shell) -> None:
    """What people write is neither markup nor commands to the terminal: it is shown as it is, on its line."""
    table = told("exchanges", "list")
    assert (table.code, table.err) == (0, "")
    assert "[/bold] [red]now [2J  and then" in table.out
    assert "\x1b" not in table.out
    assert "\x07" not in table.out


def test_a_reply_that_broke_off_is_told_from_one_that_ended(told: Shell) -> None:
    """What became of it stands before what there is of it; a list says when, and names each by the end of its id."""
    newest = told("exchanges", "list", "--json").document[0]
    with told.database() as engine, transaction(engine) as session:
        broken_off = session.get_one(Exchange, newest["id"])
        broken_off.state = ExchangeState.cancelled
        session.add(broken_off)
    first, second = told("exchanges", "list").out.splitlines()[1:3]
    assert first.endswith("(cancelled) reply 2") and second.endswith("  reply 1")
    assert first.startswith(f"{newest['id'][-8:]}  {newest['created_at'][:10]} {newest['created_at'][11:16]}  mentor v0")


def test_nothing_said_yet_is_said(here: Shell) -> None:
    """An empty list is `[]` for programs and a hint for people; of a persona that does not exist it is exit 3."""
    assert here("exchanges", "list", "--json").document == []
    hint = here("exchanges", "list", "--persona", "friend")
    assert (hint.code, hint.out, hint.err) == (0, "", "Nothing was said yet. Start: attune up\n")
    assert here("exchanges", "list", "--persona", "ghost").code == 3


def _chat(*contents: str) -> str:
    return json.dumps({"messages": [{"role": ("user", "assistant")[place % 2], "content": text} for place, text in enumerate(contents)]})


def test_a_file_is_imported_listed_and_taken_back(here: Shell, tmp_path: Path) -> None:
    """The import says what it found and how to undo it; the same file again is a conflict until it was."""
    path = tmp_path / "talks.jsonl"
    path.write_text(f"{_chat('Hi', 'Hello.', 'Tea?', 'Yes!')}\n{_chat('Bye', 'See you.')}\n")
    tried = here("exchanges", "import", str(path), "--as", "friend", "--dry-run", "--json")
    assert (tried.code, tried.document["import"], tried.document["dialogues"], tried.document["liked"]) == (0, None, 2, 3)
    assert "Nothing was kept: this was a dry run." in tried.err
    assert here("exchanges", "imports", "--json").document == []
    done = here("exchanges", "import", str(path), "--as", "friend")
    assert (done.code, done.out) == (0, "")
    found, undo = done.err.splitlines()
    assert found == "openai: 2 conversations with 3 replies: 3 liked, 0 disliked, 0 corrected, 0 not rated."
    name = undo.removeprefix("Imported for friend. To take it back: attune exchanges withdraw-import ")
    (listed,) = here("exchanges", "imports", "--json").document
    assert (listed["id"], listed["source"], listed["withdrawn_at"]) == (name, "talks.jsonl", None)
    assert listed["counts"] == {"dialogues": 2, "exchanges": 3, "liked": 3, "disliked": 0, "corrected": 0}
    assert [row["rating"] for row in here("exchanges", "list", "--json").document] == ["up"] * 3
    again = here("exchanges", "import", str(path), "--as", "friend")
    assert (again.code, name in again.err) == (7, True)
    undone = here("exchanges", "withdraw-import", name)
    assert (undone.code, undone.out) == (0, "")
    assert undone.err == "Withdrawn: talks.jsonl, 2 dialogues, 3 exchanges, 3 liked. The next night of friend learns without it.\n"
    assert [row["rating"] for row in here("exchanges", "list", "--json").document] == [None] * 3
    assert here("exchanges", "import", str(path), "--as", "friend").code == 0
    assert "withdrawn 2" in here("exchanges", "imports").out
    assert here("exchanges", "withdraw-import", "nothing").code == 3


def test_a_broken_file_is_imported_as_a_whole_or_not_at_all(here: Shell, tmp_path: Path) -> None:
    """Exit 2 with file and line; with --skip-broken the rest is imported, and what was left out is told."""
    path = tmp_path / "talks.jsonl"
    path.write_text(f"{_chat('Hi', 'Hello.')}\n{_chat('alone')}\n{{\n")
    refused = here("exchanges", "import", str(path), "--as", "friend", "--json")
    assert (refused.code, refused.out) == (2, "")
    assert refused.err.splitlines() == [
        "attune: Nothing was imported, as 2 records are broken. Mend the file, or leave them out with --skip-broken.",
        f"{path}:2: there is no reply to a user's message.",
        f"{path}:3: this is not JSON: Expecting property name enclosed in double quotes, in column 3.",
    ]
    assert here("exchanges", "list", "--json").document == []
    done = here("exchanges", "import", str(path), "--as", "friend", "--skip-broken", "--json")
    assert (done.code, done.document["broken"], done.document["replies"]) == (0, 2, 1)
    assert f"left out: {path}:2: there is no reply to a user's message." in done.err
    assert len(here("exchanges", "list", "--json").document) == 1


def test_nothing_to_import_is_exit_6_with_reasons(here: Shell, tmp_path: Path) -> None:
    """A file of which nothing can be learned is an answer; a persona that is not there and a file of no form are errors of their own."""
    path = tmp_path / "tools.jsonl"
    path.write_text(json.dumps({"messages": [{"role": "user", "content": "Hi"}, {"role": "tool", "content": "7"}]}) + "\n")
    empty = here("exchanges", "import", str(path), "--as", "friend")
    assert (empty.code, empty.out) == (6, "")
    assert empty.err == f"note: dialogues were left out: they call tools (1).\nThere is nothing to import in {path}.\n"
    assert here("exchanges", "import", str(path), "--as", "ghost").code == 3
    path.write_text("{}\n")
    unknown = here("exchanges", "import", str(path), "--as", "friend")
    assert (unknown.code, "name one with --form" in unknown.err) == (2, True)


def test_what_was_said_is_exported_and_comes_in_elsewhere(told: Shell, tmp_path: Path) -> None:
    """To stdout or whole into a file that is not replaced unasked; another persona takes it in."""
    out = told("exchanges", "export", "--rated")
    assert out.code == 0
    assert [(line["persona"], line["messages"][1]["rating"]) for line in map(json.loads, out.out.splitlines())] == [("friend", "up")]
    path = tmp_path / "out.csv"
    wrote = told("exchanges", "export", "--format", "csv", "--out", str(path))
    assert (wrote.code, wrote.out, wrote.err) == (0, "", f"wrote {path}: 3 exchanges as csv\n")
    assert path.read_bytes().startswith(b"\xef\xbb\xbfconversation,message,reply,rating")
    assert told("exchanges", "export", "--format", "csv", "--out", str(path)).code == 7
    assert told("exchanges", "export", "--persona", "friend", "--format", "openai", "--out", str(path), "--force").code == 0
    back = told("exchanges", "import", str(path), "--as", "mentor", "--json")
    assert (back.document["dialogues"], back.document["liked"], back.document["unrated"]) == (2, 1, 1)


def test_nothing_to_export_is_exit_6_with_reasons(told: Shell, tmp_path: Path) -> None:
    """Nobody rated the mentor; no file is made for nothing; of a persona that does not exist it is exit 3."""
    path = tmp_path / "none.jsonl"
    empty = told("exchanges", "export", "--persona", "mentor", "--rated", "--out", str(path))
    assert (empty.code, empty.out, path.exists()) == (6, "", False)
    assert empty.err == "No reply with mentor is rated, so there is nothing to write. Without --rated all that was said is written.\n"
    assert told("exchanges", "export", "--persona", "ghost").code == 3


def test_one_exchange_is_shown_with_all_that_is_known(told: Shell) -> None:
    """Its words and who made them, every word on it with the one that stands; for people in lines that nothing said can break."""
    nasty, _, first = told("exchanges", "list", "--json").document
    shown = told("exchanges", "show", first["id"], "--json").document
    assert (shown["message"], shown["reply"], shown["prompt"], shown["version"]) == ("first", "reply 0", "You are Friend.", "v0")
    assert [(rating["rating"], rating["stands"]) for rating in shown["ratings"]] == [("down", False), ("up", True)]
    assert (shown["context"], shown["datasets"]) == ([], [])
    table = told("exchanges", "show", f"chatcmpl-{nasty['id']}")
    assert table.code == 0
    assert "[/bold] [red]now [2J  and then" in table.out
    assert "\x1b" not in table.out
    for name in (nasty["id"][-8:], "latest"):
        assert told("exchanges", "show", name).out == table.out
    missing = told("exchanges", "show", "nothing")
    assert (missing.code, missing.err) == (3, "attune: There is no exchange 'nothing'. See: attune exchanges list\n")
