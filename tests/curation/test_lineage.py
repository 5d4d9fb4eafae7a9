"""Where the rows of a dataset came from."""

from sqlmodel import select

from service.curation.dataset import freeze
from service.curation.lineage import held_out, sample_rows
from service.curation.sample import content_hash
from service.curation.select import harvest
from service.curation.split import split_samples
from service.db.tables import Dataset, Sample


def _night(records, folder, night, persona="friend"):
    with records.reading() as session:
        train, holdout = split_samples(harvest(session, persona), 0.5, held_out(session, persona))
    frozen = freeze(folder, train, holdout)
    records.add(Dataset(id=night, persona=persona, hash=frozen.hash, counts=frozen.counts), *sample_rows(night, train, holdout))
    return {sample.exchange_id for sample in train}, {sample.exchange_id for sample in holdout}


def test_every_sample_has_its_row(records, make_sample):
    """Split, origin, hash, exchange and rating of each sample are in the database; a seed has neither exchange nor rating."""
    records.exchange("e1")
    records.exchange("e2", "Bye.", "Bye!")
    ratings = [records.rate("e1", "up"), records.rate("e2", "down")]
    with records.reading() as session:
        one, two = harvest(session, "friend")
    seed = make_sample("Morning.", origin="seed")

    records.add(Dataset(id="d1", persona="friend", hash="h", counts={}), *sample_rows("d1", [one, seed], [two]))

    with records.reading() as session:
        rows = [
            (row.split, row.origin, row.exchange_id, row.rating_id, row.hash) for row in session.exec(select(Sample).order_by(Sample.id))
        ]
    assert [
        ("train", "rated", "e1", ratings[0], content_hash(one)),
        ("train", "seed", None, None, content_hash(seed)),
        ("holdout", "rated", "e2", ratings[1], content_hash(two)),
    ] == rows


def test_what_one_night_held_out_no_later_night_trains_on(records, tmp_path):
    """Night after night, with withdrawals and new words between them, no exchange goes from the holdout to train."""
    for number in range(40):
        records.exchange(f"e{number:02}", f"Message {number % 20}.", f"Reply {number}.", conversation=f"c{number % 13}")
    for number in range(0, 40, 2):
        records.rate(f"e{number:02}", "up")
    train, held = _night(records, tmp_path / "sets", "d1")
    assert train | held
    for number in range(0, 40, 4):
        records.rate(f"e{number:02}", "withdrawn")
    for number in range(1, 40, 2):
        records.rate(f"e{number:02}", "down", correction=f"Better {number}.")

    for night in ("d2", "d3"):
        train, holdout = _night(records, tmp_path / "sets", night)

        assert not held & train
        held |= holdout


def test_a_persona_holds_out_its_own(records, tmp_path):
    """Seeds, trained-on exchanges and other personas' exchanges are not among the held-out ones."""
    records.exchange("e1", persona="friend")
    records.exchange("e2", "Bye.", persona="mentor")
    for name in ("e1", "e2"):
        records.rate(name, "up")
    with records.reading() as session:
        friend, mentor = harvest(session, "friend"), harvest(session, "mentor")
    records.add(Dataset(id="d1", persona="friend", hash="h", counts={}), *sample_rows("d1", [], friend))
    records.add(Dataset(id="d2", persona="mentor", hash="h", counts={}), *sample_rows("d2", mentor, []))

    with records.reading() as session:
        assert ({"e1"}, set()) == (held_out(session, "friend"), held_out(session, "mentor"))
