"""Conversations on their way out, and in again: what is said of a reply survives the forms that can say it."""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine
from sqlmodel import Session

from service.chat.exchange import Asked, Ending, close_exchange, find_person, open_in_conversation, open_stateless, open_variant
from service.chat.rating import rate
from service.curation.imports.dialogue import UNJUDGED, Dialogue, Judgement
from service.curation.imports.export import Format, Told, lines_of, told_dialogues
from service.curation.imports.forms import Reading, find_form
from service.curation.imports.storage import store_dialogues, withdraw_import
from service.db.engine import reading, transaction
from service.db.tables import Conversation, Exchange, ExchangeState, Thumb, now
from service.personas.persona import Persona
from service.personas.shelf import Message, read_personas
from service.providers.base import Turn
from tests.processes import ROOT

MEAN = Judgement(label=False, correction="Gladly!", comment="Rude, and cold.", reasons=("mean", "boring"))
LIKED = Judgement(label=True)


@pytest.fixture(scope="module")
def persona() -> Persona:
    return read_personas(ROOT / "persona_prompts").get("friend")


def dialogue(texts: Sequence[str], judgements: Sequence[Judgement]) -> Dialogue:
    *earlier, last = judgements
    return Dialogue(
        messages=tuple(Message(("user", "assistant")[place % 2], text) for place, text in enumerate(texts)),
        label=last.label,
        correction=last.correction,
        comment=last.comment,
        reasons=last.reasons,
        earlier=tuple(earlier),
    )


def said(found: Dialogue) -> tuple[tuple[Message, ...], list[Judgement]]:
    return found.messages, [*found.earlier, found.last]


def told(engine: Engine, **options: Any) -> list[Dialogue]:
    with reading(engine) as session:
        return [one.dialogue for one in told_dialogues(session, **options)]


TALKS = [
    dialogue(["Hi", "Hello.", "Tea?", "No."], [LIKED, MEAN]),
    dialogue(["=1+1", "-2", 'Line\r\nbreak, "quoted"; \'=x', "<|im_end|>\u2028é"], [UNJUDGED, LIKED]),
    dialogue(["Never", "rated"], [UNJUDGED]),
]


@pytest.mark.parametrize("form", get_args(Format))
def test_what_goes_out_comes_in_again(sqlite: Engine, persona: Persona, tmp_path: Path, form: Format) -> None:
    """jsonl and csv bring back every judgement; openai and sharegpt what was liked, with everything else as context."""
    with transaction(sqlite) as session:
        store_dialogues(session, persona, "f", "openai", "d", TALKS)
    path = tmp_path / "out"
    with reading(sqlite) as session:
        path.write_text("".join(lines_of(told_dialogues(session), form)), newline="")
    assert find_form(path) == {"jsonl": "openai"}.get(form, form)
    back = [said(each) for each in Reading(path, find_form(path))]
    if form in {"jsonl", "csv"}:
        assert back == [said(each) for each in TALKS]
    else:
        assert [messages for messages, _ in back] == [each.messages for each in TALKS]
        assert [[one.label for one in judgements] for _, judgements in back] == [[True, None], [None, True], [None]]
        assert not any(one.correction or one.comment for _, judgements in back for one in judgements)


TEXT = st.text(
    st.characters(
        exclude_categories=["Cs"], exclude_characters=[chr(number) for number in range(32) if number not in (9, 10, 13)] + ["\x7f"]
    ),
    min_size=1,
    max_size=40,
).filter(str.strip)
JUDGED = st.one_of(
    st.just(UNJUDGED),
    st.just(LIKED),
    st.builds(
        Judgement,
        label=st.just(False),
        correction=st.one_of(st.none(), TEXT.map(str.strip)),
        comment=TEXT.map(str.strip),
        reasons=st.sampled_from([(), ("mean",)]),
    ),
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(TEXT, TEXT, JUDGED), min_size=1, max_size=4), st.sampled_from(["jsonl", "csv"]))
def test_no_text_breaks_a_line(tmp_path: Path, turns: list[tuple[str, str, Judgement]], form: Format) -> None:
    """Whatever people wrote: line ends, quotes, what a spreadsheet would compute. It comes back as it was."""
    whole = dialogue([text for message, reply, _ in turns for text in (message, reply)], [judged for _, _, judged in turns])
    path = tmp_path / "out"
    path.write_text("".join(lines_of([Told("c", "friend", whole)], form)), newline="", encoding="utf-8")
    reading = Reading(path, "csv" if form == "csv" else "openai")
    assert [said(each) for each in reading] == [said(whole)]
    assert not reading.notes


def test_no_cell_is_a_formula() -> None:
    """A spreadsheet that opens the table computes nothing of what people wrote."""
    whole = dialogue(["=HYPERLINK(1)", "+1", "@x", "-1", "\t=1", "'=1"], [UNJUDGED, UNJUDGED, Judgement(label=True, comment="=A1")])
    _, *rows = csv.reader(io.StringIO("".join(lines_of([Told("c", "friend", whole)], "csv")), newline=""))
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]


class Talk:
    """A conversation as the service has it."""

    def __init__(self, session: Session, persona: Persona, person: str) -> None:
        self.session = session
        self.persona = persona
        self.conversation = Conversation(persona=persona.name, person_id=find_person(session, person).id)
        session.add(self.conversation)
        session.flush()

    def say(self, message: str, reply: str, after: str | None = None, state: ExchangeState = ExchangeState.complete) -> str:
        opened = open_in_conversation(self.session, Asked(self.persona, "champion", message, "b"), self.conversation, after)
        close_exchange(self.session, opened.id, Ending(state, reply))
        return opened.id

    def rate(self, exchange: str, person: str, thumb: Thumb, **more: Any) -> None:
        rater = find_person(self.session, person).id
        rate(self.session, self.session.get_one(Exchange, exchange), rater, self.persona, thumb, **more)


def test_what_was_said_here_leaves_as_it_was_said(database: Engine, persona: Persona) -> None:
    """Oldest first; a variant ends a dialogue of its own, what it shares is judged once; the larger side judges, a tie does not."""
    with transaction(database) as session:
        talk = Talk(session, persona, "ann")
        first = talk.say("Hi", "Hello.")
        second = talk.say("Tea?", "No.")
        again = open_variant(session, second, persona, "b")
        close_exchange(session, again.id, Ending(ExchangeState.complete, "Yes!"))
        talk.rate(first, "ann", Thumb.up)
        for person in ("ann", "ben"):
            talk.rate(second, person, Thumb.down, comment=f"by {person}")
        talk.rate(second, "cat", Thumb.up)
        talk.rate(again.id, "ann", Thumb.up)
        talk.rate(again.id, "ben", Thumb.down)
    assert [said(each) for each in told(database)] == [
        said(dialogue(["Hi", "Hello.", "Tea?", "No."], [LIKED, Judgement(label=False, comment="by ben")])),
        said(dialogue(["Hi", "Hello.", "Tea?", "Yes!"], [UNJUDGED, UNJUDGED])),
    ]
    assert [len(each.messages) for each in told(database, only="rated")] == [4]
    assert [len(each.messages) for each in told(database, only="liked")] == [4]
    assert told(database, persona="mentor") == []


def test_the_history_of_a_stateless_client_goes_along(database: Engine, persona: Persona) -> None:
    """What a client told us was said before is part of the dialogue, and judged by nobody."""
    with transaction(database) as session:
        person = find_person(session, "app").id
        history = [Turn("system", "S"), Turn("user", "Hi"), Turn("assistant", "Hello.")]
        opened = open_stateless(session, Asked(persona, "champion", "Tea?", "b"), history, person, None)
        close_exchange(session, opened.id, Ending(ExchangeState.complete, "Yes!"))
        rate(session, session.get_one(Exchange, opened.id), person, persona, Thumb.up)
    assert [said(each) for each in told(database)] == [said(dialogue(["Hi", "Hello.", "Tea?", "Yes!"], [UNJUDGED, LIKED]))]


def test_what_is_not_to_be_heard_stays(database: Engine, persona: Persona) -> None:
    """Replies that failed or are being written, quarantined people's conversations and words, and withdrawn imports."""
    with transaction(database) as session:
        talk = Talk(session, persona, "ann")
        talk.say("Hi", "", state=ExchangeState.failed)
        heard = talk.say("Hi", "Hello.")
        talk.rate(heard, "troll", Thumb.down)
        open_in_conversation(session, Asked(persona, "champion", "And?", "b"), talk.conversation)
        Talk(session, persona, "troll").say("Say it", "It.")
        find_person(session, "troll").quarantined_at = now()
        kept = store_dialogues(session, persona, "f", "openai", "d", TALKS)
        withdraw_import(session, kept.id)
    assert [said(each) for each in told(database)] == [said(dialogue(["Hi", "Hello."], [UNJUDGED]))]


def test_lines_are_ascii_and_whole(sqlite: Engine, persona: Persona) -> None:
    """One line of JSON for each conversation, whatever was said in it."""
    with transaction(sqlite) as session:
        store_dialogues(session, persona, "f", "openai", "d", TALKS)
    with reading(sqlite) as session:
        lines = list(lines_of(told_dialogues(session), "jsonl"))
    assert all(line.isascii() and line.count("\n") == 1 for line in lines)
    assert json.loads(lines[0])["messages"][3] == {
        "role": "assistant",
        "content": "No.",
        "rating": "down",
        "correction": "Gladly!",
        "comment": "Rude, and cold.",
        "reasons": ["mean", "boring"],
    }
