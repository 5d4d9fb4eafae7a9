"""`attune exchanges`: what was said, as JSON and as a table that nothing said can break."""

import pytest

from service import registry
from service.db.engine import transaction
from service.db.tables import Conversation, Exchange, ExchangeState, Person, Prompt, Rating, Thumb
from tests.cli.conftest import Shell

_NASTY = "[/bold] [red]now\x1b[2J\x07\nand\tthen"


@pytest.fixture
def told(attune: Shell) -> Shell:
    """A home in which three things were said: liked, disliked and then withdrawn, and never rated."""
    with attune.database() as engine, transaction(engine) as session:
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
    return attune


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


def test_nothing_said_yet_is_said(attune: Shell) -> None:
    """An empty list is `[]` for programs and a hint for people; of a persona that does not exist it is exit 3."""
    assert attune("exchanges", "list", "--json").document == []
    hint = attune("exchanges", "list", "--persona", "friend")
    assert (hint.code, hint.out, hint.err) == (0, "", "Nothing was said yet. Start: attune up\n")
    assert attune("exchanges", "list", "--persona", "ghost").code == 3
