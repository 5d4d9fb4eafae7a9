"""The owner's golden rows: taken from rated exchanges, kept in a file beside the persona, and never trained on."""

import json

import numpy as np
import pytest

from service.curation.features import opening_hash
from service.curation.golden import add_golden, golden_of, golden_openings, golden_samples, known_exchanges, remove_golden
from service.curation.lineage import held_out, lineage_rows
from service.curation.sample import Split
from service.db.tables import Dataset, ExchangeState
from service.errors import Conflict, Invalid, NotFound
from service.personas.shelf import Golden, Message, read_personas

_HI = Golden(messages=[Message("user", "Hi"), Message("assistant", "Hey!")])
_LATER = [{"role": "user", "content": "My cat is ill."}, {"role": "assistant", "content": "Oh no."}]


@pytest.fixture
def shelf(tmp_path):
    (tmp_path / "friend.md").write_text("---\ntitle: Friend\nmodels: [local:starter]\n---\nYou are Friend.\n")
    return read_personas(tmp_path)


def test_a_golden_row_is_a_sample_under_the_prompt_of_now():
    """The last reply is judged, the turns before it are the prompt; good unless the owner says bad; its opening goes with it."""
    bad = Golden(messages=[*_HI.messages, Message("user", "Bye"), Message("assistant", "Go.")], label=False, exchange="e1", opening="Hello")

    one, two = golden_samples([_HI, bad], "You are Friend.", known={"e1"})

    assert (one.prompt, one.completion, one.label, one.opening) == (
        (Message("system", "You are Friend."), Message("user", "Hi")),
        "Hey!",
        True,
        "Hi",
    )
    assert (two.completion, two.label, two.exchange_id, two.opening, two.origin) == ("Go.", False, "e1", "Hello", "golden")
    assert golden_samples([bad], "")[0].prompt == (*_HI.messages, Message("user", "Bye"))
    assert golden_samples([bad], "")[0].exchange_id is None


def test_what_begins_like_a_golden_row_is_known(records):
    """The hashes are those by which the pool knows conversations, so a row that merely looks different in case or blanks is known too."""
    found = golden_openings([_HI, Golden(messages=_HI.messages, opening="My cat is ill.")])

    assert found == {opening_hash("hi"), opening_hash("  MY cat is ill. ")}
    assert not np.isin(np.uint64(opening_hash("Bye")), list(found))


def test_a_rated_exchange_becomes_a_golden_row(records):
    """With what the model saw before; where that was cut, the opening of the conversation is kept, since it may not be trained on."""
    records.exchange("e1", "My cat is ill.", "Oh no.", conversation="c1")
    records.exchange("e2", "She will not eat.", "Since when?", conversation="c1", context=_LATER)
    records.exchange("e3", "Since Monday.", "Call the vet.", conversation="c1", context=[])
    for name, thumb in (("e1", "up"), ("e2", "down"), ("e3", "up")):
        records.rate(name, thumb)

    with records.reading() as session:
        whole, cut = golden_of(session, "friend", "e2", label=False), golden_of(session, "friend", "e3", label=True)

    assert [(message.role, message.content) for message in whole.messages] == [
        ("user", "My cat is ill."),
        ("assistant", "Oh no."),
        ("user", "She will not eat."),
        ("assistant", "Since when?"),
    ]
    assert (whole.label, whole.exchange, whole.opening) == (False, "e2", "")
    assert (len(cut.messages), cut.opening) == (2, "My cat is ill.")
    assert golden_openings([whole]) == golden_openings([cut])


def test_only_a_whole_reply_that_somebody_rated_so_is_golden(records):
    """Another persona's, a broken-off, an unrated or an oppositely rated reply is refused, and the sentence says what to do."""
    records.exchange("e1")
    records.exchange("e2", state=ExchangeState.cancelled)
    records.exchange("e3", persona="mentor")
    records.exchange("e4")
    records.exchange("e5")
    records.rate("e4", "down", person="ann")
    records.rate("e5", "up", person="ann")
    records.rate("e5", "down", person="ben")
    records.rate("e1", "up")
    records.rate("e1", "withdrawn")

    with records.reading() as session:
        for name in ("e3", "nothing"):
            with pytest.raises(NotFound, match=f"friend has no exchange {name}"):
                golden_of(session, "friend", name, label=True)
        with pytest.raises(Invalid, match="cancelled, not complete"):
            golden_of(session, "friend", "e2", label=True)
        with pytest.raises(Invalid, match="Nobody has rated"):
            golden_of(session, "friend", "e1", label=True)
        with pytest.raises(Invalid, match=r"rated down\. Add it as a bad one"):
            golden_of(session, "friend", "e4", label=True)
        assert golden_of(session, "friend", "e5", label=True).label
        assert not golden_of(session, "friend", "e5", label=False).label


def test_rows_are_added_and_removed_and_the_others_stay_as_they_were(shelf):
    """What the owner wrote by hand, blank lines and all, stays byte for byte; a file without a last line end gets one first."""
    path = shelf.golden_file("friend")
    by_hand = '{"messages":  [{"role": "user","content": "Ça va?"},{"role": "assistant", "content": "Oui!"}]}\n\n'
    path.write_text(by_hand + by_hand.strip().replace("Oui!", "Bof."), "utf-8")
    odd = Golden(messages=[Message("user", "a\u2028b\x00\x85"), Message("assistant", '"}\n')], label=False, exchange="e1")

    add_golden(path, shelf.golden("friend"), odd)
    assert shelf.golden("friend")[2] == odd
    assert json.loads(path.read_text("utf-8").split("\n")[0])["messages"][1]["content"] == "Oui!"
    remove_golden(path, shelf.golden("friend"), "2")
    assert path.read_text("utf-8").startswith(by_hand)
    assert remove_golden(path, shelf.golden("friend"), "e1") == odd
    assert path.read_text("utf-8") == by_hand
    assert [entry.name for entry in path.parent.iterdir() if "partial" in entry.name] == []


def test_the_same_reply_is_golden_once(shelf):
    """A second time it is refused, also under the other label; a row that is not there cannot be removed."""
    path = shelf.golden_file("friend")
    add_golden(path, shelf.golden("friend"), _HI)

    for label in (True, False):
        with pytest.raises(Conflict, match=r"golden row 1 of .* already, as a good one"):
            add_golden(path, shelf.golden("friend"), Golden(messages=_HI.messages, label=label, exchange="e1"))
    with pytest.raises(NotFound, match="no golden row '2'"):
        remove_golden(path, shelf.golden("friend"), "2")
    assert shelf.golden("friend") == [_HI]


def test_a_golden_exchange_is_never_trained_on_later(records):
    """Its lineage holds it out for every later night, also when the owner takes the row away; a file from elsewhere names nothing here."""
    records.exchange("e1")
    rows = [Golden(messages=_HI.messages, exchange=name) for name in ("e1", "of another database")]
    with records.reading() as session:
        samples = golden_samples(rows, "You are Friend.", known_exchanges(session, rows))

    lineage = lineage_rows("d1", Split(), Split(samples=tuple(samples)))
    records.add(Dataset(id="d1", persona="friend", hash="h", counts={}), *lineage)

    with records.reading() as session:
        assert held_out(session, "friend") == {"e1"}
