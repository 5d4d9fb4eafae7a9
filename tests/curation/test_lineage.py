"""Where the rows of a dataset came from."""

from sqlmodel import select

from service.curation.lineage import count_contributors, held_out, lineage_rows
from service.curation.sample import Pair, Passage, Split, content_hash, pair_hash, passage_hash
from service.db.tables import Dataset, Import, Sample


def test_every_sample_has_its_row(records, make_sample):
    """Split, origin, hash, exchange and rating of each sample are in the database; a seed has neither exchange nor rating."""
    records.exchange("e1")
    records.exchange("e2", "Bye.", "Bye!")
    ratings = [records.rate("e1", "up"), records.rate("e2", "down")]
    one = make_sample(exchange_id="e1", rating_id=ratings[0])
    two = make_sample("Bye.", "Bye!", label=False, exchange_id="e2", rating_id=ratings[1])
    seed = make_sample("Morning.", origin="seed")

    records.add(
        Dataset(id="d1", persona="friend", hash="h", counts={}), *lineage_rows("d1", Split(samples=(one, seed)), Split(samples=(two,)))
    )

    with records.reading() as session:
        rows = [
            (row.split, row.origin, row.exchange_id, row.rating_id, row.hash) for row in session.exec(select(Sample).order_by(Sample.id))
        ]
    assert [
        ("train", "rated", "e1", ratings[0], content_hash(one)),
        ("train", "seed", None, None, content_hash(seed)),
        ("holdout", "rated", "e2", ratings[1], content_hash(two)),
    ] == rows


def test_a_persona_holds_out_its_own(records, make_sample):
    """Seeds, trained-on exchanges and other personas' exchanges are not among the held-out ones."""
    records.exchange("e1", persona="friend")
    records.exchange("e2", "Bye.", persona="mentor")
    for name in ("e1", "e2"):
        records.rate(name, "up")
    friend, mentor = (Split(samples=(make_sample(exchange_id=name),)) for name in ("e1", "e2"))
    records.add(Dataset(id="d1", persona="friend", hash="h", counts={}), *lineage_rows("d1", Split(), friend))
    records.add(Dataset(id="d2", persona="mentor", hash="h", counts={}), *lineage_rows("d2", mentor, Split()))

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
