"""The seam of training: which method, which parameters, how large a model is."""

import pytest

from service.errors import TrainingError
from service.providers.catalog import STARTER
from service.training.base import choose_method, count_parameters, default_parameters


@pytest.mark.parametrize(
    ("liked", "disliked", "method", "why"),
    [
        (40, 12, "kto", "40 liked and 12 disliked"),
        (10, 10, "kto", "at least 10 of each"),
        (40, 9, "sft", "only 9 disliked"),
        (3, 90, "sft", "only 3 liked"),
    ],
)
def test_thumbs_down_are_used_when_there_are_enough(liked, disliked, method, why):
    """KTO needs the minimum of both labels; short of that it is SFT, and either way the reason is a sentence with the numbers in it."""
    chosen, sentence = choose_method(liked, disliked, minimum=10)

    assert method == chosen
    assert why in sentence
    assert sentence.endswith(".")


@pytest.mark.parametrize("method", ["kto", "sft"])
def test_a_larger_model_is_taught_more_gently(method):
    """The learning rate falls with the size of the base, from the starter's to what is customary for LoRA on billions of weights."""
    rates = [
        default_parameters(method, weights).learning_rate for weights in (1_000_000, 5_000_000, 135_000_000, 1_000_000_000, 7_000_000_000)
    ]

    assert rates == sorted(rates, reverse=True)
    assert rates[0] == rates[1]
    assert 2e-5 < rates[-1] < 3e-4


def test_few_rows_are_gone_through_more_often():
    """Thirty rows get more epochs than three thousand, but never so many that they are learned by heart."""
    few, many = (default_parameters("kto", 5_000_000, rows).epochs for rows in (30, 3000))

    assert many < few <= 12


def test_a_models_weights_are_counted_from_its_files():
    """The starter has some millions of weights; a folder without a model is said to be one."""
    assert 3_000_000 < count_parameters(STARTER) < 20_000_000


def test_a_folder_without_a_model_cannot_be_counted(tmp_path):
    """The sentence names the folder."""
    with pytest.raises(TrainingError, match=r"There is no model in .*"):
        count_parameters(tmp_path)
