"""How many tokens a dataset has, and what it costs to train on them."""

import pytest

from service.curation.cost import Counted, count_tokens, estimate
from service.curation.dataset import freeze
from service.curation.sample import Pair, Passage, Split
from service.curation.tokenizer import counter_of
from service.settings import Settings


@pytest.fixture
def folder(tmp_path, make_sample):
    """Two samples, a pair and a passage; one held-out row."""
    one = make_sample("Hello there.", "Hi!")
    pair = Pair(prompt=one.prompt, chosen="Hey you!", rejected="No.", origin="corrected", exchange_id="e", other_id="e", rating_id="r")
    passage = Passage(text="LILY. No, never.", import_id="i", position=0)
    train = Split(samples=(one, make_sample("And you?", "Fine, thanks.")), pairs=(pair,), passages=(passage,))
    return freeze(tmp_path, train, Split(samples=(make_sample("Held.", "Out."),))).path


def test_tokens_are_counted_as_the_base_reads_them(folder):
    """The starter's own tokenizer gives the very numbers that its chat template makes, row by row."""
    transformers = pytest.importorskip("transformers")
    from service.curation.dataset import rows_of
    from service.providers.catalog import STARTER

    tokenizer = transformers.AutoTokenizer.from_pretrained(STARTER)
    rows = [row["prompt"] + row["completion"] for row in rows_of(folder, "train")]
    lengths = [len(tokenizer.apply_chat_template(chat, tokenize=True, return_dict=False)) for chat in rows]

    counted = count_tokens(folder, counter_of("starter", Settings()))

    assert counted.exact
    assert counted.parts[0] == Counted("train", "unpaired", 2, sum(lengths), max(lengths))
    assert counted.tokens("train") == sum(lengths)


def test_every_side_and_form_is_counted(folder):
    """A pair counts with its prompt twice; what has no rows is not named."""
    counted = count_tokens(folder, None)

    assert [(part.side, part.form, part.rows) for part in counted.parts] == [
        ("train", "unpaired", 2),
        ("holdout", "unpaired", 1),
        ("train", "pair", 1),
        ("train", "passage", 1),
    ]
    prompt = 4 + 3  # "You are Friend." and "Hello there.", four characters a token, rounded up
    assert counted.tokens("train", "pair") == (prompt + 2) + (prompt + 1)
    assert counted.tokens("train", "passage") == 4
    assert counted.tokens("holdout", "pair") == 0


def test_a_base_that_is_not_here_is_guessed_and_said_so(folder):
    """Four characters a token, and the count says that it is not exact."""
    assert counter_of("gpt-4.1-mini-2025-04-14", Settings()) is None
    assert not count_tokens(folder, None).exact


@pytest.mark.parametrize(
    ("base", "dollars"),
    [
        ("gpt-4.1-mini-2025-04-14", 4.5),
        ("gpt-4.1-mini", 4.5),
        ("ft:gpt-4.1-nano-2025-04-14:who::what", 1.35),
        ("gpt-4o-2024-08-06", 22.5),
    ],
)
def test_a_paid_base_has_its_price(base, dollars):
    """500 rows of 600 tokens, three times over: 0.9 million tokens at the family's price, whatever the date in the name."""
    cost = estimate(500 * 600, 3, "openai", base)

    assert (cost.tokens, cost.dollars) == (900_000, dollars)
    assert f"about ${dollars:,.2f}" in cost.said and "900,000 in all" in cost.said


def test_no_number_is_made_up():
    """An unknown base costs what nobody here knows; a local one no dollars."""
    unknown, local = estimate(1_000, 1, "openai", "gpt-9"), estimate(1_000, 1, "local", "starter")

    assert unknown.dollars is None and "not known" in unknown.said
    assert local.dollars is None and "no dollars" in local.said and "1,000 tokens once" in local.said
