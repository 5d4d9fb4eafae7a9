"""Preparing: what is new is worked out once, and kept without words."""

import numpy as np
import pytest
from sqlalchemy import insert, select, update

from service.chat.crisis import speaks_of_self_harm
from service.curation.extraction import Spoken, extract
from service.curation.features import FEATURES, RECIPE, text_hash
from service.curation.prepare import prepare
from service.curation.verdicts import identifiers
from service.db.engine import transaction
from service.db.tables import Exchange, ExchangeState, Prepared
from tests.curation.builds import babble

_MORE_THAN_A_BATCH = 2_010


def prepared(records, *units, of=None, **how):
    """Prepare these units; return the features, the surprise, and how many were worked out, as the report told."""
    told = [0]
    features, surprise = prepare(
        records.engine,
        identifiers(units),
        identifiers(of or units),
        speaks_of_self_harm,
        lambda done, total: told.append(done),
        **how,
    )
    return features, surprise, max(told)


def kept(records):
    """All rows that are kept, by id."""
    with records.reading() as session:
        found = session.execute(select(Prepared.id, Prepared.exchange_id, Prepared.recipe, Prepared.features)).all()
    return {row.id: row for row in found}


def add_many(records, count):
    """Add so many exchanges at once; return their ids."""
    records.exchange("e00000")
    names = [f"e{number:05}" for number in range(1, count)]
    rows = [
        {
            "id": name,
            "conversation_id": "of e00000",
            "persona": "friend",
            "version_id": "v0 of friend",
            "fingerprint": "You are Friend.",
            "context": [],
            "message": babble(number, 3),
            "reply": babble(-number - 1, 3),
            "state": ExchangeState.complete,
            "boot": "b",
        }
        for number, name in enumerate(names)
    ]
    with transaction(records.engine) as session:
        session.execute(insert(Exchange), rows)
    return ["e00000", *names]


def test_what_was_prepared_is_read_and_not_worked_out_again(records):
    """The second call works out nothing, the third only what is new; the features are the same, in whatever order they are asked for."""
    for name in ("e1", "e2", "e3"):
        records.exchange(name, f"Message {name}", f"Reply {name}")
    first, _, worked = prepared(records, "e2", "e1")
    assert worked == 2
    again, _, worked = prepared(records, "e1", "e2")
    assert worked == 0
    assert (again == first[::-1]).all()
    assert (first["context"] == [text_hash("user", f"message {name}") for name in ("e2", "e1")]).all()
    more, _, worked = prepared(records, "e3", "e2", "e1")
    assert worked == 1
    assert (more[1:] == first).all()
    assert len(np.unique(more["same"])) == 3


def test_the_features_are_those_of_the_texts(records):
    """The message with its context, the reply, and the opening of the conversation."""
    context = [{"role": "user", "content": "One."}, {"role": "assistant", "content": "Two."}]
    records.exchange("e1", "I want to kill myself", "Four.", context=context)
    features, surprise, _ = prepared(records, "e1")
    spoken = Spoken([("user", "One."), ("assistant", "Two.")], "I want to kill myself", "Four.", "One.")
    assert features.tobytes() == extract(spoken, speaks_of_self_harm)
    assert np.isnan(surprise).all()


def test_a_row_of_another_recipe_is_worked_out_anew(records):
    """What an older release worked out is not used, and is replaced."""
    records.exchange("e1")
    right, _, _ = prepared(records, "e1")
    with transaction(records.engine) as session:
        session.execute(update(Prepared).values(recipe=RECIPE - 1, features=bytes(FEATURES.itemsize), surprise=1.0))
    again, surprise, worked = prepared(records, "e1")
    assert worked == 1
    assert (again == right).all()
    assert np.isnan(surprise).all()
    assert [row.recipe for row in kept(records).values()] == [RECIPE]


def test_a_correction_has_features_of_its_own(records):
    """They are of the corrected text, to the same message, and are kept under the rating's id beside the exchange's."""
    records.exchange("e1", "How are you?", "Go away at once.")
    rating = records.rate("e1", "down", correction="I am well, thank you.")
    features, _, worked = prepared(records, "e1", rating, of=("e1", "e1"))
    assert worked == 2
    assert features["context"][0] == features["context"][1]
    assert features["same"][0] != features["same"][1]
    assert features["words"].tolist() == [4, 5]
    assert {name: row.exchange_id for name, row in kept(records).items()} == {"e1": "e1", rating: "e1"}


def test_how_unlikely_the_base_finds_a_reply_is_kept(records):
    """What was asked is told with the features; what was not is NaN."""
    for name in ("e1", "e2"):
        records.exchange(name)
    prepared(records, "e1", "e2")
    with transaction(records.engine) as session:
        session.execute(update(Prepared).where(Prepared.id == "e2").values(surprise=2.5))
    _, surprise, _ = prepared(records, "e1", "e2")
    assert np.isnan(surprise[0])
    assert surprise[1] == 2.5


def test_no_words_are_kept(records):
    """Neither message nor reply nor context can be read from what is kept."""
    secret = "Xylophone"
    context = [{"role": "user", "content": f"{secret} one"}, {"role": "assistant", "content": f"{secret} two"}]
    records.exchange("e1", f"{secret} three", f"{secret} four", context=context)
    prepared(records, "e1")
    (row,) = kept(records).values()
    assert len(row.features) == FEATURES.itemsize
    for word in (secret, secret.lower(), "three", "four"):
        for encoding in ("utf-8", "utf-16-le", "utf-32-le"):
            assert word.encode(encoding) not in row.features


class _BrokenOff(Exception):
    """As when the process is told to stop."""


def test_broken_off_between_batches_nothing_is_lost_and_several_processes_give_what_one_gives(records):
    """What was kept before the end is not worked out again; features worked out on all cores are the same, each with its own row."""
    names = add_many(records, _MORE_THAN_A_BATCH)

    def stop(done, total):
        raise _BrokenOff

    with pytest.raises(_BrokenOff):
        prepare(records.engine, identifiers(names), identifiers(names), speaks_of_self_harm, stop)
    before = kept(records)
    assert 0 < len(before) < len(names)
    alone, _, worked = prepared(records, *names)
    assert worked == len(names) - len(before)
    assert len(np.unique(alone["same"])) == len(names)
    with transaction(records.engine) as session:
        session.execute(Prepared.__table__.delete())
    together, _, worked = prepared(records, *names, worth_more_processes=1)
    assert worked == len(names)
    assert (together == alone).all()


def test_nothing_has_no_features(records):
    """Without a unit nothing is read, worked out or told."""
    features, surprise, worked = prepared(records)
    assert (len(features), len(surprise), worked) == (0, 0, 0)
