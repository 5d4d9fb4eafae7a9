"""What differs between two datasets."""

import json

import msgspec
import pytest

from service.curation.dataset import freeze
from service.curation.difference import as_markdown, compare
from service.curation.sample import Pair, Passage, Split
from service.errors import TrainingError


def _pair(chosen):
    return Pair(prompt=(), chosen=chosen, rejected="Worse.", origin="corrected", exchange_id="e", other_id="e", rating_id="r")


@pytest.fixture
def two(tmp_path, make_sample):
    """Yesterday's and today's dataset: of each kind of change a different number of rows."""

    def rows(*names, label=True, mark=""):
        return tuple(make_sample(name, label=label, exchange_id=mark + name) for name in names)

    older = freeze(
        tmp_path,
        Split(samples=rows("stays", "goes", "also goes", "to holdout", "twice", "twice") + rows("changes its mind"), pairs=(_pair("a"),)),
        Split(samples=rows("to train 1", "to train 2", "held")),
    )
    newer = freeze(
        tmp_path,
        Split(
            samples=rows("stays", "to train 1", "to train 2", "twice", "new 1", "new 2", "new 3", mark="other database ")
            + rows("changes its mind", label=False),
            pairs=(_pair("a"), _pair("b")),
            passages=(Passage(text="LILY. No.", import_id="i", position=0),),
        ),
        Split(samples=rows("held", "to holdout", "new and held")),
    )
    return older.path, newer.path


def test_every_row_has_one_fate(two):
    """Came, went, stayed, changed sides or changed its label: each row counts once, however often its text is there, whatever its ids."""
    changes = compare(*two).forms["unpaired"]

    assert changes.added == {"train": 3, "holdout": 1}
    assert changes.removed == {"train": 3, "holdout": 0}
    assert changes.kept == {"train": 2, "holdout": 1}
    assert (changes.to_train, changes.to_holdout, changes.relabelled) == (2, 1, 1)


def test_pairs_and_passages_are_compared_too(two):
    """A form that neither has is not named."""
    difference = compare(*two)

    assert (difference.forms["pair"].added, difference.forms["pair"].kept) == ({"train": 1, "holdout": 0}, {"train": 1, "holdout": 0})
    assert difference.forms["passage"].added == {"train": 1, "holdout": 0}
    assert set(compare(two[0], two[0]).forms) == {"unpaired", "pair"}


def test_backwards_is_the_mirror(two):
    """What came one way went the other way."""
    there, back = compare(*two).forms["unpaired"], compare(*reversed(two)).forms["unpaired"]

    assert (there.added, there.to_train, there.relabelled) == (back.removed, back.to_holdout, back.relabelled)


def test_a_dataset_does_not_differ_from_itself(two):
    """And that is said, not shown as a table of noughts."""
    difference = compare(two[0], two[0])

    assert difference.is_empty and not difference.counts
    assert as_markdown(difference) == f"The same rows: {difference.older[:12]}.\n"


def test_it_is_told_in_markdown_and_in_json(two):
    """The counts that changed with what they were, and no word of anybody."""
    difference = compare(*two)
    markdown = as_markdown(difference)

    assert "| unpaired | 3 + 1 | 3 + 0 | 2 + 1 | 2 | 1 | 1 |" in markdown
    assert "| train_passages | 0 | 1 |" in markdown and "train_seed" not in markdown
    document = json.loads(msgspec.json.encode(difference))
    assert document["counts"]["train_samples"] == [7, 8]
    assert "stays" not in markdown + json.dumps(document)


def test_a_folder_that_is_none_is_said(two, tmp_path):
    """A dataset whose folder was deleted cannot be compared, and the sentence names it."""
    with pytest.raises(TrainingError, match="no whole dataset"):
        compare(tmp_path / "gone", two[1])
