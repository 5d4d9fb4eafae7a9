"""Whether a training run fits, before it begins: memory, disk and minutes, from the base's own files. No torch here.

The figures are estimates: activations after Korthikanti et al. 2022 ("Reducing Activation Recomputation in Large Transformer Models",
section 4: 34 bytes per token and hidden unit of a layer in 16 bits, attention aside), work after Kaplan et al. 2020 (6 operations per
weight and token). README says how near they came where they were measured.
"""

import json
from collections.abc import Iterator
from math import ceil, prod
from pathlib import Path

import msgspec
from msgspec import Struct

from service.errors import TrainingError
from service.training.base import Estimate, Method, Parameters, RunSpec, tensor_shapes

SEQUENCES: dict[Method, int] = {"chunks": 1, "sft": 1, "kto": 2, "dpo": 2}
"""How many sequences go through the model for one row."""

_GIB = 2**30
_BYTES = {"none": 2.0, "8bit": 1.05, "4bit": 0.57}  # of a weight; the last two with their constants
_TRAINED = 16  # bytes of a weight of the adapter: itself, its gradient, and Adam's two moments, all of 32 bits
_LIBRARIES = {True: int(1.0 * _GIB), False: int(0.55 * _GIB)}  # on a card its context and kernels, elsewhere the libraries themselves
_ROOM = 0.92  # of what is free; the rest is for what nobody counts
_LOGITS = 3  # copies of the logits in 32 bits: themselves, their softmax, its gradient
_SPEED = {True: 4e13, False: 1.0e10}  # operations a second, on a card and on a core; a guess that only tells minutes from days
_START_SECONDS = 25
_SHORTEST = 128


class Machine(Struct, frozen=True, kw_only=True):
    """What there is to train on: free bytes where the model will lie (on the GPU `card` names, if any), cores, free bytes on disk."""

    card: str | None
    free_bytes: int
    cores: int
    free_disk: int
    can_quantise: bool

    @property
    def has_card(self) -> bool:
        """Whether it is a GPU that trains."""
        return self.card is not None


class Shape(Struct, frozen=True, kw_only=True):
    """What a base's files say of it: weights, those of its linear layers as (in, out), and the sizes that memory depends on."""

    weights: int
    linear: list[tuple[int, int]]
    hidden: int
    layers: int
    vocabulary: int


class Load(Struct, frozen=True, kw_only=True):
    """What a run has to go through: tokens over all epochs and methods, the longest row's tokens, and sequences at once for a row."""

    tokens: int
    longest: int
    at_once: int


def read_shape(base: Path) -> Shape:
    """Read `config.json` and the headers of the weights; `TrainingError` when they are not there."""
    try:
        config = json.loads((base / "config.json").read_bytes())
    except (OSError, ValueError) as error:
        raise TrainingError(
            f"There is no base model in {base}: its config.json cannot be read. Set learning.base to one there is."
        ) from error
    text = config.get("text_config") or config
    tensors = tensor_shapes(base)
    linear = [
        (shape[1], shape[0])
        for name, shape in tensors.items()
        if len(shape) == 2 and name.endswith("weight") and not any(part in name for part in ("embed", "lm_head", "wte", "wpe"))
    ]
    return Shape(
        weights=sum(prod(shape) for shape in tensors.values()),
        linear=linear,
        hidden=int(text.get("hidden_size") or text.get("n_embd") or max((each[0] for each in linear), default=1)),
        layers=int(text.get("num_hidden_layers") or text.get("n_layer") or 1),
        vocabulary=int(text.get("vocab_size") or 1),
    )


def memory_of(shape: Shape, parameters: Parameters, load: Load, *, card: bool) -> int:
    """The most bytes a run holds at once."""
    half = 2 if card and shape.weights >= 500_000_000 else 4  # what is computed in: 16 bits for large bases on a card
    weight = _BYTES[parameters.quantization] if parameters.quantization in {"8bit", "4bit"} else half
    adapter = sum(parameters.rank * (wide + high) for wide, high in shape.linear) * _TRAINED
    tokens = parameters.batch * min(load.longest, parameters.max_length) * load.at_once
    layer = 34 * shape.hidden * tokens * half // 2
    activations = layer + shape.layers * shape.hidden * tokens * half if _checkpoints(parameters, shape) else shape.layers * layer
    logits = tokens * shape.vocabulary * 4 * _LOGITS
    return int(shape.weights * weight) + adapter + activations + logits + _LIBRARIES[card]


def disk_of(shape: Shape, parameters: Parameters) -> int:
    """The most bytes of disk: two checkpoints with the optimizer's state, the adapter, and the merged version."""
    adapter = sum(parameters.rank * (wide + high) for wide, high in shape.linear) * 4
    return 2 * 3 * adapter + 2 * adapter + shape.weights * 4


def settle(spec: RunSpec, shape: Shape, load: Load, machine: Machine) -> tuple[Parameters, Estimate]:
    """The parameters with what was left open settled so that the run fits, and what it will take.

    `TrainingError` when it cannot fit as it was asked for, naming the nearest setting that does.
    """
    room = int(machine.free_bytes * _ROOM)
    if (disk := disk_of(shape, spec.parameters)) > machine.free_disk:
        raise TrainingError(f"Training needs about {_size_of(disk)} of disk, and {_size_of(machine.free_disk)} are free.")
    for parameters, change in _ways(spec.parameters, machine):
        needed = memory_of(shape, parameters, load, card=machine.has_card)
        if needed <= room:
            if change and not _is_open(spec.parameters, parameters):
                asked = memory_of(shape, spec.parameters, load, card=machine.has_card)
                raise TrainingError(
                    f"This training run would need about {_size_of(asked)} of memory where {_size_of(machine.free_bytes)} are free. "
                    f"It would fit with {change}."
                )
            return parameters, _estimate(spec, shape, parameters, load, machine, needed, disk)
    raise TrainingError(
        f"A base of {shape.weights / 1e9:.1f} billion weights cannot be trained here: {_size_of(machine.free_bytes)} of memory are free, "
        "and at its smallest it would need more. Set learning.base to a smaller model."
    )


def _ways(asked: Parameters, machine: Machine) -> Iterator[tuple[Parameters, str]]:
    """Ways to hold a run in memory, from what was asked for to the smallest, each with what it changes, in words."""
    settled = msgspec.structs.replace(asked, quantization="none" if asked.quantization == "auto" else asked.quantization)
    yield settled, ""
    spared = msgspec.structs.replace(settled, gradient_checkpointing=True)
    yield spared, "learning.tuning.gradient_checkpointing: true"
    smaller = []
    if machine.can_quantise and settled.quantization == "none":
        smaller = [
            (msgspec.structs.replace(spared, quantization=bits), f"learning.tuning.quantization: {bits}") for bits in ("8bit", "4bit")
        ]
        yield from smaller
    least, words = smaller[-1] if smaller else (spared, "learning.tuning.gradient_checkpointing: true")
    batch = least.batch
    while batch > 2:
        batch = max(2, batch // 2)
        least = msgspec.structs.replace(least, batch=batch)
        yield least, f"{words} and learning.tuning.batch: {batch}"
    length = least.max_length
    while length > _SHORTEST:
        length = max(_SHORTEST, length // 2)
        least = msgspec.structs.replace(least, max_length=length)
        yield least, f"{words}, learning.tuning.batch: {batch} and learning.budget.tokens: {length}"


def _is_open(asked: Parameters, settled: Parameters) -> bool:
    """Whether all that differs was left to us."""
    changed = {name for name in Parameters.__struct_fields__ if getattr(asked, name) != getattr(settled, name)}
    left_open = {"quantization"} if asked.quantization == "auto" else set()
    return changed <= left_open | ({"gradient_checkpointing"} if asked.gradient_checkpointing is None else set())


def _estimate(spec: RunSpec, shape: Shape, parameters: Parameters, load: Load, machine: Machine, memory: int, disk: int) -> Estimate:
    operations = 6 * shape.weights * load.tokens * (4 / 3 if _checkpoints(parameters, shape) else 1)
    seconds = _START_SECONDS + operations / (_SPEED[True] if machine.has_card else _SPEED[False] * machine.cores)
    bits = {"none": "", "8bit": ", its base in 8 bits", "4bit": ", its base in 4 bits"}[parameters.quantization]
    where = f"{' then '.join(spec.methods).upper()} on {machine.card or 'the processor'}{bits}"
    return Estimate(
        words=f"{where}: about {_size_of(memory)} of memory and {ceil(seconds / 60)} minutes.",
        tokens=load.tokens,
        memory_bytes=memory,
        available_bytes=machine.free_bytes,
        seconds=round(seconds),
        disk_bytes=disk,
    )


def _checkpoints(parameters: Parameters, shape: Shape) -> bool:
    asked = parameters.gradient_checkpointing
    return shape.weights >= 500_000_000 if asked is None else asked


def _size_of(count: int) -> str:
    return f"{count / _GIB:.1f} GiB"
