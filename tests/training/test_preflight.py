"""Whether a run fits is told before it begins."""

import json
from pathlib import Path

import pytest

from service.errors import TrainingError
from service.providers.catalog import STARTER
from service.training.base import Parameters, RunSpec, Schedule
from service.training.machine import read_card
from service.training.preflight import Load, Machine, Shape, memory_of, read_shape, settle
from service.training.stage import measure_load

_GIB = 2**30
# As large as a model of seven billion weights: 32 layers of 4096, with the usual projections.
_LARGE = Shape(weights=6_700_000_000, linear=[(4096, 4096)] * 128 + [(4096, 11008)] * 96, hidden=4096, layers=32, vocabulary=32_000)
_LOAD = Load(tokens=200_000, longest=1_024, at_once=2)
_CARD = "A card of 24 GB"


def machine(gib: float, *, card: str | None = _CARD, quantises: bool = True, disk: float = 100) -> Machine:
    """A machine with so much memory free."""
    return Machine(card=card, free_bytes=int(gib * _GIB), cores=8, free_disk=int(disk * _GIB), can_quantise=quantises)


def spec(**parameters: object) -> RunSpec:
    """A run of KTO with these parameters."""
    return RunSpec(
        run_id="r",
        base="b",
        dataset="d",
        schedules={"kto": Schedule(learning_rate=1e-5, epochs=2)},
        parameters=Parameters(**{"batch": 2, **parameters}),
    )


def test_the_starters_files_say_what_it_is() -> None:
    """Weights, layers and sizes are read from its own files; embeddings are no linear layers."""
    shape, config = read_shape(STARTER), json.loads((STARTER / "config.json").read_bytes())
    assert (shape.hidden, shape.layers, shape.vocabulary) == (config["hidden_size"], config["num_hidden_layers"], config["vocab_size"])
    assert len(shape.linear) == 7 * shape.layers
    assert 3_000_000 < shape.weights < 20_000_000


@pytest.mark.parametrize(
    ("gib", "quantization", "checkpointing"), [(80, "none", None), (20, "none", None), (12, "8bit", True), (9, "4bit", True)]
)
def test_what_is_left_open_is_settled_by_what_fits(gib: float, quantization: str, checkpointing: bool | None) -> None:
    """A base of seven billion weights is held in 16, 8 or 4 bits, as large as the card allows."""
    parameters, estimate = settle(spec(), _LARGE, _LOAD, machine(gib))
    assert (parameters.quantization, parameters.gradient_checkpointing) == (quantization, checkpointing)
    assert estimate.memory_bytes is not None and estimate.memory_bytes <= gib * _GIB
    assert _CARD in estimate.words


def test_what_was_set_and_does_not_fit_is_refused_with_what_would() -> None:
    """The owner's word is not changed behind their back: the nearest setting that fits is named, whatever it is."""
    with pytest.raises(TrainingError, match=r"would need about \d+\.\d GiB .* It would fit with learning\.tuning\.quantization: 4bit"):
        settle(spec(quantization="none"), _LARGE, _LOAD, machine(9))
    with pytest.raises(TrainingError, match=r"learning\.tuning\.batch: \d"):
        settle(spec(batch=32), _LARGE, _LOAD, machine(9))
    with pytest.raises(TrainingError, match=r"cannot be trained here.*Set learning\.base to a smaller model"):
        settle(spec(), _LARGE, _LOAD, machine(3))
    with pytest.raises(TrainingError, match="of disk"):
        settle(spec(), _LARGE, _LOAD, machine(80, disk=1))


def test_without_the_library_nothing_is_held_in_few_bits() -> None:
    """The way out is then a smaller batch or shorter rows."""
    with pytest.raises(TrainingError) as refused:
        settle(spec(batch=8), _LARGE, _LOAD, machine(18, quantises=False))
    assert "bit" not in refused.value.message.replace("about", "")


def test_more_rows_longer_rows_and_more_weights_take_more() -> None:
    """Memory grows with each of them, and checkpointing takes it back."""
    plain = memory_of(_LARGE, Parameters(batch=2, gradient_checkpointing=False), _LOAD, card=True)
    assert memory_of(_LARGE, Parameters(batch=4, gradient_checkpointing=False), _LOAD, card=True) > plain
    assert memory_of(_LARGE, Parameters(batch=2, gradient_checkpointing=True), _LOAD, card=True) < plain
    assert memory_of(_LARGE, Parameters(batch=2, gradient_checkpointing=False, max_length=256), _LOAD, card=True) < plain
    assert memory_of(_LARGE, Parameters(batch=2, gradient_checkpointing=False, rank=64), _LOAD, card=True) > plain


def test_the_estimate_is_near_what_was_measured(kto_run) -> None:
    """On the starter the real run's memory is within a third of what was reckoned."""
    measured = json.loads((kto_run.folder / "manifest.json").read_bytes())["memory_bytes"]
    reckoned = memory_of(read_shape(STARTER), kto_run.spec.parameters, measure_load(kto_run.spec), card=False)
    assert 0.67 < measured / reckoned < 1.5, (measured, reckoned)


def test_what_is_no_base_is_refused(tmp_path: Path) -> None:
    """No folder, no settings, no weights: each is named."""
    with pytest.raises(TrainingError, match=r"There is no base model in .*Set learning\.base"):
        read_shape(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(TrainingError, match="no safetensors file was found"):
        read_shape(tmp_path)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("NVIDIA GeForce RTX 4090, 24564, 23028, 550.54.15, 8.9", ("NVIDIA GeForce RTX 4090", 23028 * 2**20, True)),
        ("Tesla T4, 15360, 15000, 535.1, 7.5", ("Tesla T4", 15000 * 2**20, False)),
        ("No devices were found", None),
        ("A, [N/A], [N/A], 1, 8.0", None),
    ],
)
def test_a_card_is_read_from_its_drivers_line(line: str, found: tuple[str, int, bool] | None) -> None:
    """Name, free memory and whether it computes in bfloat16; a line that describes no card is none."""
    card = read_card(line)
    assert (None if card is None else (card.name, card.free_bytes, card.has_bf16)) == found
