"""Where the rows of a dataset came from."""

from sqlmodel import select

from service.curation.dataset import freeze
from service.curation.lineage import count_contributors, held_out, lineage_rows, sample_rows
from service.curation.sample import Pair, Passage, Split, content_hash, pair_hash, passage_hash
from service.curation.select import harvest
from service.curation.split import split_samples
from service.db.tables import Dataset, Import, Sample


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


def _pair(exchange="e1", other="e2", rating="r001"):
    return Pair(
        prompt=(),
        chosen="Hi!",
        rejected="No.",
        origin="preferred",
        exchange_id=exchange,
        other_id=other,
        rating_id=rating,
        person_id="ann",
    )


def test_every_form_has_its_row(records, make_sample):
    """A pair names both exchanges, a passage its import, and each the person whose word made it, where there is one."""
    for name in ("e1", "e2"):
        records.exchange(name)
    rating = records.rate("e1", "up")
    records.add(Import(id="i1", persona="friend", source="play.txt", form="transcript", digest="d", counts={}))
    sample = make_sample(exchange_id="e1", rating_id=rating, person_id="ann")
    passage = Passage(text="LILY. No.", import_id="i1", position=4)

    rows = lineage_rows("d1", Split(samples=(sample,), pairs=(_pair(),), passages=(passage,)), Split())
    records.add(Dataset(id="d1", persona="friend", hash="h", counts={}), *rows)

    with records.reading() as session:
        found = [
            (row.form, row.origin, row.exchange_id, row.other_id, row.rating_id, row.person_id, row.import_id, row.hash)
            for row in session.exec(select(Sample).order_by(Sample.id))
        ]
    assert [
        ("unpaired", "rated", "e1", None, rating, "ann", None, content_hash(sample)),
        ("pair", "preferred", "e1", "e2", rating, "ann", None, pair_hash(_pair())),
        ("passage", "imported", None, None, None, None, "i1", passage_hash(passage)),
    ] == found


def test_both_replies_of_a_held_out_pair_are_held_out(records):
    """Neither the chosen nor the rejected reply of a pair that candidates are judged by may be trained on later."""
    for name in ("e1", "e2", "e3", "e4"):
        records.exchange(name)
        records.rate(name, "up")
    rows = lineage_rows("d1", Split(pairs=(_pair("e3", "e4", "r003"),)), Split(pairs=(_pair(),)))
    records.add(Dataset(id="d1", persona="friend", hash="h", counts={}), *rows)

    with records.reading() as session:
        assert held_out(session, "friend") == {"e1", "e2"}


def test_the_largest_share_of_one_person_is_told(make_sample):
    """People are counted, not named; what nobody rated is not part of the shares."""
    said = [make_sample(f"m{number}", person_id="ann" if number < 3 else "ben") for number in range(4)]

    found = count_contributors(Split(samples=(*said, make_sample("s", origin="seed"))))

    assert (found.people, found.largest_share) == (2, 0.75)
    assert (count_contributors(Split()).people, count_contributors(Split()).largest_share) == (0, 0.0)
