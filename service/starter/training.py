"""Trains the starter model from nothing: a plain loop over rows of similar length, loss on the replies only."""

import os
import random
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import Linear
from torch.nn.functional import cross_entropy
from transformers import LlamaConfig, LlamaForCausalLM

from service.starter.corpus import Block, Reply, Words
from service.starter.enlarge import Prompts, enlarge
from service.starter.tokenizer import END, LONGEST, PAD, SPECIAL, Row, encode

PEAK_RATE = 2e-3
FLOOR = 0.05  # share of the peak rate that is left at the end
WARM_UP = 60  # steps
DECAY = 0.35  # share of the training
WEIGHT_DECAY = 0.3  # strong: the corpus is small and is read many times
BLANKED = 0.07  # share of the words that the model must do without, so that it does not lean on any single one
FIRST_TOKENS, FIRST_WEIGHT = 3, 4.0  # so many tokens at the start of a reply weigh so much more than the others
KIND_WEIGHT = 0.5
MOST_KINDS = 64
BATCH_TOKENS = 4096
HELD_OUT = 0.03  # share of the blocks that are never trained on
SORTED_TOGETHER = 600  # rows looked at together when rows of similar length are put side by side


@dataclass(frozen=True)
class Limit:
    """When to stop: after so many steps, or after so many minutes."""

    steps: int | None = None
    minutes: float | None = None

    @property
    def is_long(self) -> bool:
        """Whether compiling, which takes half a minute, will pay."""
        return (self.steps or 0) >= 500 or (self.minutes or 0) >= 3

    def share_done(self, step: int, seconds: float) -> float:
        """How much of the training is behind us, from 0 to 1."""
        by_steps = step / self.steps if self.steps else 0.0
        by_time = seconds / (60 * self.minutes) if self.minutes else 0.0
        return min(1.0, max(by_steps, by_time))


@dataclass(frozen=True)
class Progress:
    """What the loop tells after each step; the held-out loss only now and then."""

    step: int
    share: float
    loss: float
    tokens: int
    seconds: float
    held_out_loss: float | None


def make_model(tokenizer: object, small: bool = False) -> LlamaForCausalLM:
    """A fresh Llama of about four million parameters; a toy one for tests."""
    vocabulary = len(tokenizer)  # type: ignore[arg-type]
    ids = {mark: tokenizer.convert_tokens_to_ids(mark) for mark in (END, PAD)}  # type: ignore[attr-defined]
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=64 if small else 256,
        num_hidden_layers=2 if small else 4,
        num_attention_heads=4,
        num_key_value_heads=4,
        intermediate_size=176 if small else 704,
        max_position_embeddings=LONGEST,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=ids[END],
        pad_token_id=ids[PAD],
    )
    model = LlamaForCausalLM(config)
    model.set_attn_implementation("eager")  # for rows this short, on a processor, quicker than the fused attention
    return model


def compile_body(model: LlamaForCausalLM) -> Callable[..., Any]:
    """The layers compiled, which is half as quick again; as they are where no C++ compiler is found."""
    if shutil.which(os.environ.get("CXX", "g++")) is None:
        return model.model  # type: ignore[no-any-return]
    return torch.compile(model.model, dynamic=True)  # type: ignore[no-any-return]


def split_blocks(blocks: list[Block], seed: int) -> tuple[list[Block], list[Block]]:
    """Blocks to train on, and blocks held out to watch for learning by heart."""
    shuffled = random.Random(seed).sample(blocks, len(blocks))
    count = max(1, round(HELD_OUT * len(blocks)))
    return shuffled[count:], shuffled[:count]


def make_batches(rows: list[Row], chance: random.Random) -> list[list[Row]]:
    """Batches of rows of similar length, so that little is padded, in random order."""
    batches: list[list[Row]] = []
    for start in range(0, len(rows), SORTED_TOGETHER):
        batch: list[Row] = []
        for row in sorted(rows[start : start + SORTED_TOGETHER], key=lambda row: len(row.tokens)):
            if batch and len(row.tokens) * (len(batch) + 1) > BATCH_TOKENS:
                batches.append(batch)
                batch = []
            batch.append(row)
        batches.append(batch)
    chance.shuffle(batches)
    return batches


def number_kinds(blocks: list[Block]) -> dict[str, int]:
    """The number of the kind for every reply that fits all messages of a kind, in the order in which the kinds come."""
    kinds: dict[tuple[Reply, ...], int] = {}
    for block in blocks:
        if block.general:
            kinds.setdefault(block.general, len(kinds))
    return {reply.text: number for replies, number in kinds.items() for reply in replies}


def endless_batches(blocks: list[Block], words: Words, prompts: Prompts, tokenizer: object, seed: int) -> Iterator[list[Row]]:
    """Round after round through the corpus, each with other fillers, neighbours and system prompts."""
    chance = random.Random(seed)
    kinds = number_kinds(blocks)
    while True:
        sessions = list(enlarge(blocks, words, prompts, chance.getrandbits(32)))
        chance.shuffle(sessions)
        yield from make_batches(encode(sessions, tokenizer, kinds), chance)


def blank(tokens: Tensor) -> Tensor:
    """The tokens with some words turned into the pad token: quicker than dropout, and it serves the same end."""
    hit = (torch.rand(tokens.shape) < BLANKED) & (tokens >= len(SPECIAL))
    return tokens.masked_fill(hit, 0)


def tensors_of(batch: list[Row]) -> tuple[Tensor, Tensor, Tensor]:
    """Tokens, whether they are learned, and the numbers of the kinds; rows filled up to the longest.

    Padding stands on the right, where a causal model never looks back from a learned token: no mask is needed.
    """
    longest = max(len(row.tokens) for row in batch)
    tokens = torch.tensor([row.tokens + [0] * (longest - len(row.tokens)) for row in batch])
    learned = torch.tensor([row.learned + [False] * (longest - len(row.tokens)) for row in batch])
    kinds = torch.tensor([row.kinds + [-1] * (longest - len(row.tokens)) for row in batch])
    return tokens, learned, kinds


def loss_of(model: LlamaForCausalLM, batch: list[Row], autocast: bool) -> Tensor:
    """Mean loss on the learned tokens, the head asked only where a reply is."""
    tokens, learned, _ = tensors_of(batch)
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        hidden = model.model(input_ids=tokens, use_cache=False).last_hidden_state
        logits = model.lm_head(hidden[:, :-1][learned[:, 1:]])
    return cross_entropy(logits.float(), tokens[:, 1:][learned[:, 1:]])


def training_loss(model: LlamaForCausalLM, listener: Linear, batch: list[Row], autocast: bool, body: Callable[..., Any]) -> Tensor:
    """The loss of a training step, with blanks: the first words of a reply count more, and the kind of the message is to be told too.

    Both lead the model to listen to the message: without them it first learns which replies there are, and long after that which fits.
    """
    tokens, learned, kinds = tensors_of(batch)
    first = learned & ~torch.roll(learned, FIRST_TOKENS, dims=1)
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        hidden = body(input_ids=blank(tokens), use_cache=False).last_hidden_state
        logits = model.lm_head(hidden[:, :-1][learned[:, 1:]])
        told = listener(hidden[kinds >= 0])
    weights = torch.where(first[:, 1:][learned[:, 1:]], FIRST_WEIGHT, 1.0)
    losses = cross_entropy(logits.float(), tokens[:, 1:][learned[:, 1:]], reduction="none")
    spoken = (weights * losses).sum() / weights.sum()
    return spoken + KIND_WEIGHT * cross_entropy(told.float(), kinds[kinds >= 0]) if len(told) else spoken


def make_optimizers(model: LlamaForCausalLM, listener: Linear) -> list[torch.optim.Optimizer]:
    """Muon (Jordan et al. 2024) for the matrices of the layers, which learn in fewer steps with it; AdamW for embeddings and norms."""
    layers = [weight for weight in model.model.layers.parameters() if weight.dim() == 2]
    embeddings = [model.model.embed_tokens.weight, *listener.parameters()]
    vectors = [weight for weight in model.parameters() if weight.dim() == 1]
    groups = [{"params": embeddings, "weight_decay": WEIGHT_DECAY}, {"params": vectors, "weight_decay": 0.0}]
    return [
        torch.optim.Muon(layers, lr=PEAK_RATE, weight_decay=WEIGHT_DECAY, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(groups, lr=PEAK_RATE, betas=(0.9, 0.95), fused=True),
    ]


def rate_at(step: int, share: float) -> float:
    """Learning rate: up in a line, level, and down in a line to a twentieth (warm-up, stable, decay; Hu et al. 2024)."""
    rise = min(1.0, (step + 1) / WARM_UP)
    fall = max(FLOOR, (1 - share) / DECAY) if share > 1 - DECAY else 1.0
    return PEAK_RATE * rise * fall


def measure(model: LlamaForCausalLM, rows: list[Row], autocast: bool) -> float:
    """Loss on rows that are not trained on."""
    batches = make_batches(rows, random.Random(0))
    weights = [sum(sum(row.learned) for row in batch) for batch in batches]
    with torch.no_grad():
        losses = [float(loss_of(model, batch, autocast)) for batch in batches]
    return sum(weight * loss for weight, loss in zip(weights, losses, strict=True)) / sum(weights)


def train(
    model: LlamaForCausalLM,
    batches: Iterator[list[Row]],
    held_out: list[Row],
    limit: Limit,
    tell: Callable[[Progress], None],
    measure_every: int = 500,
) -> Progress:
    """Runs the loop until the limit; bf16 where the processor has it (twice as fast as float32 there)."""
    autocast = torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    body = compile_body(model) if limit.is_long else model.model
    listener = Linear(model.config.hidden_size, MOST_KINDS)  # only for the training: it is thrown away afterwards
    optimizers = make_optimizers(model, listener)
    started = time.monotonic()
    step, tokens, share = 0, 0, 0.0
    while True:
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate_at(step, share)
        batch = next(batches)
        loss = training_loss(model, listener, batch, autocast, body)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        step += 1
        tokens += sum(len(row.tokens) for row in batch)
        seconds = time.monotonic() - started
        share = limit.share_done(step, seconds)
        checked = measure(model, held_out, autocast) if share >= 1 or step % measure_every == 0 else None
        progress = Progress(step, share, loss.item(), tokens, seconds, checked)
        tell(progress)
        if share >= 1:
            return progress
