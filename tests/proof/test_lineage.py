"""Where a version came from, and where a person's words went."""

from sqlmodel import select

from service.db.engine import reading, transaction
from service.db.tables import Dataset, Sample
from service.proof.lineage import origins_of, versions_with
from service.proof.record import read_curve
from tests.proof.conftest import Nights


def test_a_dataset_knows_how_much_came_from_where(nights: Nights) -> None:
    """Rows by side, form and origin; people, the largest share of one, exchanges and imports."""
    with reading(nights.engine) as session:
        dataset = session.exec(select(Dataset)).one()
        found = origins_of(session, dataset.id)
    assert found == {
        "origins": [
            {"side": "holdout", "form": "unpaired", "origin": "rated", "rows": 1},
            {"side": "train", "form": "unpaired", "origin": "rated", "rows": 3},
        ],
        "people": 2,
        "largest_share": 2 / 3,
        "exchanges": 4,
        "imports": 0,
    }


def test_a_person_is_followed_to_every_version(nights: Nights) -> None:
    """Whoever rated, whoever talked, and whoever wrote the rejected reply's message; nobody else."""
    with transaction(nights.engine) as session:
        rows = session.exec(select(Sample).order_by(Sample.id)).all()
        other = rows[0].exchange_id
        rows[0].exchange_id, rows[0].other_id = rows[1].exchange_id, other
    with reading(nights.engine) as session:
        (rated,) = versions_with(session, nights.rater)
        assert (rated["version"], rated["stage"], rated["train"], rated["holdout"]) == ("v1", "champion", 2, 1)
        (talked,) = versions_with(session, nights.talker)
        assert (talked["train"], talked["holdout"]) == (3, 1)
        assert versions_with(session, nights.stranger) == []


def test_a_curve_is_read_as_far_as_it_was_written(nights: Nights) -> None:
    """A step without a loss and a line that was cut off are passed over, a step done again is the later one; no file is no curve."""
    path = nights.artifacts / "runs" / nights.good / "progress.jsonl"
    assert [(point.step, point.loss, point.method) for point in read_curve(path)] == [(1, 2.5, "sft"), (2, 1.5, "sft"), (4, 0.69, "dpo")]
    noted = ['{"step": 2, "loss": 3}', '{"step": 2, "loss": 1}', "[1]", '{"step": "3", "loss": 1}', '{"step": 1, "loss": NaN}', ""]
    path.write_text("\n".join([*noted, '{"step": 1, "loss": 2e0}', ""]))
    assert [(point.step, point.loss) for point in read_curve(path)] == [(1, 2.0), (2, 1.0)]
    assert read_curve(path.with_name("none")) == []
