"""`attune review`: what waits is shown with its reason, decided with few keys, and every decision reaches what a night heeds."""

import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Callable

import pytest
from sqlmodel import col
from sqlmodel import select as choose

from service import registry
from service.curation.quarantine import Finding
from service.curation.reviews import decided_people, decided_samples, file_findings
from service.db.engine import reading, transaction
from service.db.tables import Conversation, Exchange, ExchangeState, Person, Prompt, Rating, Review, Thumb
from tests.cli.conftest import Shell
from tests.processes import ROOT

_QUESTION = "[q] quit "
_HOW = "Decide: attune review approve ID, attune review refuse ID, or one by one: attune review PERSONA"


@pytest.fixture
def held(here: Shell) -> Shell:
    """A home in which Ann's burst, a fresh visitor and one unlikely reply wait for the friend, and Ann for the mentor too."""
    with here.database() as engine, transaction(engine) as session:
        ann, visitor = Person(external="visitor:1", name="Ann"), Person(external="visitor:2")
        session.add_all([ann, visitor, Prompt(fingerprint="f", persona="friend", text="You are Friend.")])
        session.flush()
        conversation = Conversation(persona="friend", person_id=ann.id)
        session.add(conversation)
        session.flush()
        exchange = Exchange(
            conversation_id=conversation.id,
            persona="friend",
            version_id=registry.champion(session, "friend").id,
            fingerprint="f",
            context=[],
            message="Who\x1b[2J are you?",
            reply="A purple goose.",
            state=ExchangeState.complete,
            boot="b",
        )
        session.add(exchange)
        session.flush()
        session.add(Rating(exchange_id=exchange.id, person_id=ann.id, rating=Thumb.up, reasons=[]))
        findings = [
            Finding("burst", ann.id, {"count": 30, "share": 0.9}),
            Finding("new_person", visitor.id, {"count": 1, "share": 1.0}),
            Finding("unlikely", exchange.id, {"nats": 9.5}),
        ]
        file_findings(session, "friend", findings)
        file_findings(session, "mentor", [Finding("sweep", ann.id, {"count": 40, "share": 0.8})])
    return here


def _listed(attune: Shell, *options: str) -> list[tuple[str, str, str]]:
    rows = attune("review", "list", "--json", *options).document
    return [(row["persona"], row["kind"], row["state"]) for row in rows]


def _ids(attune: Shell) -> dict[str, str]:
    return {f"{row['persona']} {row['kind']}": row["id"] for row in attune("review", "list", "--all", "--json").document}


def _heeded(attune: Shell) -> tuple[int, int, int, int]:
    """How many people are approved and refused, and how many samples of the friend."""
    with attune.database() as engine, reading(engine) as session:
        people, samples = decided_people(session), decided_samples(session, "friend")
    return len(people.approved), len(people.refused), len(samples.approved), len(samples.refused)


def test_what_waits_is_listed_with_its_reason(held: Shell) -> None:
    """The most telling first, with numbers, who it is about, and for a sample what was said; by persona and by kind."""
    listed = held("review", "list")
    assert (listed.code, listed.err) == (0, f"{_HOW}\n")
    lines = listed.out.splitlines()
    assert len(lines) == 5
    assert "one person gave a great part of all likes or all dislikes (40 ratings, 80%)" in lines[1]
    assert "many ratings of one person within a minute (30 ratings, 90%)" in lines[2]
    assert "Ann (visitor)" in lines[2]
    assert "a liked reply that the base finds very unlikely (9.50 nats per token)" in lines[3]
    assert "Who [2J are you? -> A purple goose." in lines[3]
    assert "(1 rating)" in lines[4]
    assert "\x1b" not in listed.out
    assert _listed(held, "--persona", "friend", "--kind", "burst") == [("friend", "burst", "waits")]
    assert held("review", "list", "--limit", "1").err == f"{_HOW}\nAnd 3 more: --limit 4, or --kind for one reason.\n"


def test_nothing_waits(here: Shell) -> None:
    """An empty list is said in words, and is no error; a persona that does not exist is one."""
    empty = here("review", "list")
    assert (empty.code, empty.out, empty.err) == (0, "", "Nothing waits for you.\n")
    assert here("review", "list", "--json", "--persona", "friend").document == []
    unknown = here("review", "list", "--persona", "nobody")
    assert (unknown.code, unknown.out) == (3, "")
    assert "nobody" in unknown.err


def test_a_review_is_shown_with_what_was_said(held: Shell) -> None:
    """By its id or the end of it: the reason, the person, and what that person rated; nothing said steers the terminal."""
    name = _ids(held)["friend burst"]
    shown = held("review", "show", name[-8:])
    assert (shown.code, shown.err) == (0, "")
    assert shown.out.splitlines()[0] == "friend: many ratings of one person within a minute (30 ratings, 90%)"
    assert "about Ann (visitor)" in shown.out
    assert "> Who [2J are you?" in shown.out
    assert "< A purple goose." in shown.out
    assert "rated up" in shown.out
    document = held("review", "show", name, "--json").document
    assert document["detail"] == {"count": 30, "share": 0.9}
    assert document["said"] == [{"message": "Who\x1b[2J are you?", "reply": "A purple goose.", "rating": "up", "correction": None}]


def test_a_person_is_approved_and_refused_as_a_whole(held: Shell) -> None:
    """One decision answers every review of that person, the other way undoes it, and samples are apart."""
    ids = _ids(held)
    approved = held("review", "approve", ids["friend burst"][-8:])
    assert (approved.code, approved.out, approved.err) == (0, "", "1 review approved.\n")
    assert _heeded(held) == (1, 0, 0, 0)
    assert _listed(held) == [("friend", "unlikely", "waits"), ("friend", "new_person", "waits")]
    assert ("mentor", "sweep", "approved") in _listed(held, "--all")
    held("review", "refuse", ids["mentor sweep"])
    assert _heeded(held) == (0, 1, 0, 0)
    assert ("friend", "burst", "refused") in _listed(held, "--all")


def test_samples_are_decided_too(held: Shell) -> None:
    """What the base finds unlikely is learned once it is approved, never when it is refused."""
    name = _ids(held)["friend unlikely"]
    assert held("review", "refuse", name, "--json").document == {"refused": 1}
    assert _heeded(held) == (0, 0, 0, 1)
    held("review", "approve", name)
    assert _heeded(held) == (0, 0, 1, 0)


def test_everything_of_a_kind_is_decided_at_once(held: Shell) -> None:
    """A hundred visitors take one command; what is of another persona stays, and nothing left is no error."""
    assert held("review", "approve", "--kind", "new_person", "--persona", "mentor").err == "Nothing waits for you.\n"
    assert held("review", "approve", "--kind", "new_person").err == "1 review approved.\n"
    assert _heeded(held) == (1, 0, 0, 0)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["show", "00000000"], 3, "There is no review '00000000'. List them: attune review list --all"),
        (["show", "ab"], 3, "There is no review 'ab'."),
        (["approve"], 2, "Say what to decide: either ids, or --kind."),
        (["approve", "--persona", "friend"], 2, "either ids, or --kind"),
        (["approve", "--kind", "gossip"], 2, "gossip"),
        (["nobody"], 2, "takes a terminal"),
        (["friend"], 2, "attune review list, approve and refuse"),
    ],
)
def test_what_cannot_be_done_is_said(held: Shell, arguments: list[str], code: int, words: str) -> None:
    """With the exit code of its kind, and a way out."""
    ended = held("review", *arguments)
    assert (ended.code, ended.out) == (code, "")
    assert words in ended.err


def test_one_unknown_id_decides_nothing(held: Shell) -> None:
    """All of the given ones or none."""
    assert held("review", "approve", _ids(held)["friend burst"], "00000000").code == 3
    assert _heeded(held) == (0, 0, 0, 0)


def test_an_ambiguous_end_is_refused(held: Shell) -> None:
    """Two ids with the same end: nothing is decided on chance."""
    with held.database() as engine, transaction(engine) as session:
        for number in (1, 2):
            session.add(Review(id=f"{number:024x}abcdabcd", persona="friend", kind="unlikely", subject=str(number), detail={}))
    ambiguous = held("review", "refuse", "abcdabcd")
    assert ambiguous.code == 2
    assert "Several reviews end in 'abcdabcd'." in ambiguous.err


class _Terminal:
    """`attune` on a terminal of its own: keys in, everything shown out."""

    def __init__(self, attune: Shell, *arguments: str) -> None:
        ours, theirs = pty.openpty()
        self._ours = ours
        self._process = subprocess.Popen(
            [sys.executable, "-m", "service", *arguments],
            env={**attune.environment, "TERM": "dumb"},
            cwd=ROOT,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        self.shown = ""

    def press(self, keys: str) -> None:
        """Press each key once the question for it is there."""
        for key in keys:
            self._until(lambda: self.shown.endswith(_QUESTION))
            self.shown += "\n"
            os.write(self._ours, key.encode())

    def type_ahead(self, keys: str) -> None:
        """Press all keys at the first question."""
        self._until(lambda: self.shown.endswith(_QUESTION))
        os.write(self._ours, keys.encode())

    def end(self) -> int:
        """Wait for the end; the exit code."""
        self._until(lambda: not self._hear(1) and self._process.poll() is not None)
        os.close(self._ours)
        return self._process.wait(30)

    def _until(self, there: Callable[[], bool]) -> None:
        end = time.monotonic() + 60
        while not there():
            assert time.monotonic() < end, self.shown
            self._hear(1)

    def _hear(self, seconds: float) -> bool:
        """Whether something more was shown within so many seconds."""
        if not select.select([self._ours], [], [], seconds)[0]:
            return False
        try:
            heard = os.read(self._ours, 65536)
        except OSError:  # Linux says so when the other side has closed.
            return False
        self.shown += heard.decode().replace("\r\n", "\n")
        return bool(heard)


def test_going_through_takes_a_key_for_each(held: Shell) -> None:
    """Approve Ann, refuse the sample, skip the visitor: three keys. Others are passed over, none pressed early is lost."""
    terminal = _Terminal(held, "review", "friend")
    terminal.type_ahead("xuars")
    assert terminal.end() == 0
    assert "1 of 3  friend: many ratings of one person within a minute" in terminal.shown
    assert "> Who [2J are you?" in terminal.shown
    assert "1 approved, 1 refused. The next night heeds it." in terminal.shown
    assert _heeded(held) == (1, 0, 0, 1)
    assert _listed(held) == [("friend", "new_person", "waits")]


def test_undo_takes_back_the_last_decision_and_asks_again(held: Shell) -> None:
    """Refused by mistake, undone, approved; quitting keeps what was decided."""
    terminal = _Terminal(held, "review", "friend")
    terminal.press("ruaq")
    assert terminal.end() == 0
    assert terminal.shown.count("1 of 3") == 2
    assert "1 approved, 0 refused" in terminal.shown
    assert _heeded(held) == (1, 0, 0, 0)


def test_going_through_nothing_says_so(attune: Shell) -> None:
    """A persona of which nothing waits, and one that there is not."""
    terminal = _Terminal(attune, "review", "friend")
    assert terminal.end() == 0
    assert "Nothing waits for you." in terminal.shown
    assert _Terminal(attune, "review", "nobody").end() == 3


def test_a_person_is_asked_about_once(held: Shell) -> None:
    """Two reasons for one person are two cards only until the first is answered."""
    with held.database() as engine, transaction(engine) as session:
        ann = session.exec(choose(Person.id).where(col(Person.name) == "Ann")).one()
        file_findings(session, "friend", [Finding("sweep", ann, {"count": 4, "share": 0.8})], ["sweep"])
    terminal = _Terminal(held, "review", "friend")
    terminal.press("asq")
    assert terminal.end() == 0
    assert "1 of 4" in terminal.shown
    assert "2 of 4" not in terminal.shown
    assert "3 of 4" in terminal.shown
