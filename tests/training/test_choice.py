"""Which methods train, and how."""

import pytest

from service.personas.persona import Tuning
from service.training.choice import Holds, choose_methods, make_parameters, make_schedules


@pytest.mark.parametrize(
    ("holds", "methods", "why"),
    [
        (Holds(liked=40, disliked=12), ["kto"], "40 liked and 12 disliked"),
        (Holds(liked=10, disliked=10, pairs=30), ["kto"], "at least 10 of each"),
        (Holds(liked=40, disliked=9), ["sft"], "only 9 disliked"),
        (Holds(liked=3, disliked=90), ["sft"], "only 3 liked"),
        (Holds(liked=30, disliked=9, pairs=12), ["sft", "dpo"], "12 pairs"),
        (Holds(liked=30, disliked=9, pairs=9), ["sft"], "only 9 disliked"),
        (Holds(liked=40, disliked=12, passages=5), ["chunks", "kto"], "The 5 passages come first."),
        (Holds(liked=0, disliked=0, passages=5), ["chunks"], "passages alone"),
        (Holds(liked=20, disliked=0, passages=5), ["chunks", "sft"], "passages come first"),
    ],
)
def test_what_the_dataset_holds_decides(holds, methods, why):
    """Both thumbs are learned from when there are enough of each, pairs when there are not, and the reason is a sentence with numbers."""
    chosen, sentence = choose_methods(holds, minimum=10)

    assert methods == chosen
    assert why in sentence
    assert sentence.endswith(".")


def test_the_persona_may_say_which():
    """DPO then still begins with SFT where there is something to imitate."""
    assert choose_methods(Holds(liked=40, disliked=40), 10, "sft")[0] == ["sft"]
    assert choose_methods(Holds(liked=40, disliked=40, pairs=3), 10, "dpo") == (["sft", "dpo"], "DPO, as the persona says.")


def test_a_trainer_that_knows_no_kto_learns_from_pairs_or_imitates():
    """Where there are pairs enough they are used; passages are for those who can take them."""
    offered = ("sft", "dpo")
    assert choose_methods(Holds(liked=40, disliked=40, pairs=12, passages=3), 10, "auto", offered)[0] == ["sft", "dpo"]
    assert choose_methods(Holds(liked=40, disliked=40, pairs=9), 10, "auto", offered)[0] == ["sft"]


@pytest.mark.parametrize("method", ["chunks", "sft", "kto", "dpo"])
def test_a_larger_model_is_taught_more_gently(method):
    """The learning rate falls with the size of the base, from the starter's to what is customary for LoRA on billions of weights."""
    sizes = (1_000_000, 5_000_000, 135_000_000, 1_000_000_000, 7_000_000_000)
    rates = [make_schedules([method], size, Holds(liked=100, disliked=100))[method].learning_rate for size in sizes]

    assert rates == sorted(rates, reverse=True)
    assert rates[0] == rates[1]
    assert 2e-5 < rates[-1] < 3e-4


def test_few_rows_are_gone_through_more_often():
    """Thirty rows get more epochs than three thousand, but never so many that they are learned by heart."""
    few, many = (make_schedules(["kto"], 5_000_000, Holds(liked=rows, disliked=rows))["kto"].epochs for rows in (15, 1500))

    assert many < few <= 12


def test_what_the_persona_sets_is_as_it_says():
    """Every hyper-parameter that is named is taken, and the others are ours."""
    tuning = Tuning(learning_rate=1e-4, epochs=1, beta=0.5, rank=16, batch=4, quantization="4bit", gradient_checkpointing=True)
    schedule = make_schedules(["sft"], 5_000_000, Holds(liked=10, disliked=0), tuning)["sft"]
    parameters = make_parameters(tuning, 256)

    assert (schedule.learning_rate, schedule.epochs, schedule.beta) == (1e-4, 1, 0.5)
    assert (parameters.rank, parameters.batch, parameters.alpha, parameters.max_length) == (16, 4, 16, 256)
    assert (parameters.quantization, parameters.gradient_checkpointing) == ("4bit", True)
