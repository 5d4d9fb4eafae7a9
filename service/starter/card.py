"""Writes the model card: how the starter was made, what it is for, and what it answered."""

from collections.abc import Sequence
from dataclasses import dataclass

from service.starter.answers import Answer

CARD = """\
---
license: apache-2.0
language: en
pipeline_tag: text-generation
tags: [conversational, tiny]
---
# The starter model

A very small chat model, made so that Attune's loop (chat, rate, learn overnight, serve) can be tried on a laptop without a network.
**It is for trying the loop, not for wisdom.** Do not ask it for facts or advice that matter.

| | |
|---|---|
| Kind | Llama, {layers} layers, hidden size {hidden}, tied embeddings, made from nothing |
| Parameters | {parameters:,} |
| Context | {context:,} tokens |
| Vocabulary | {vocabulary:,} tokens, byte-level BPE |
| Weights | float16 on disk, loaded as float32 |
| Licence | Apache-2.0, weights and corpus |

## How it was made

Every line that it learned from was written for this project, one by one and not from templates, by the AI sessions that built it
(`service/starter/corpus/`): {exchanges:,} exchanges (a reply under a message) in {blocks:,} short dialogues, with {words:,} different
words in the replies. `kinds.txt` adds {kinds} kinds of messages (a mishap, good news, a decision, a question of fact) with
{wordings:,} more wordings and {general:,} replies that fit every message of their kind; most dialogues name their kind.
`enlarge.py` pairs every wording of a message with every reply that fits it and with replies of its kind, fills the slots from
word lists, exchanges words that are not needed to hear the kind, varies how the person types, and joins exchanges into sessions of
one to twelve under a system prompt. No existing data set was used.

It was made with `{command}`: {steps:,} steps, {tokens:,} tokens, {minutes:.0f} minutes on {cores} processor cores.
The matrices of the layers learned with Muon, the rest with AdamW. Loss on replies: {loss:.2f} at the end; {held_out:.2f} on
dialogues that it never saw. After training its choices are sharpened (`recipe.sharpen`): sampling it at a temperature of 0.9 is
what {sampled:.2f} would be otherwise.

## Twenty answers

Sampled once each with temperature 0.9 and top_p 0.95 (seed {seed}), none picked; none of these messages is in the corpus.

{answers}

## Known limits

- It knows a few thousand simple words and almost no facts. It often does not understand; then it says something general.
- It answers the newest message. It rarely uses what was said earlier.
- It follows the two voices it was taught, Friend and Mentor. Other instructions in a system prompt do no harm, and little good.
- It speaks English only. It cannot write code, do sums, or keep to a format.
- It has no safety training beyond the kind answers in its corpus: keep Attune's own checks in front of it.
- Marks such as `<|user|>` typed into a message are broken up by the chat template. Text that is tokenized without the template is
  not protected, unless `split_special_tokens=True` is passed.
"""


@dataclass(frozen=True)
class Figures:
    """The measured numbers that the card reports."""

    layers: int
    hidden: int
    parameters: int
    context: int
    vocabulary: int
    exchanges: int
    blocks: int
    words: int
    kinds: int
    wordings: int
    general: int
    command: str
    steps: int
    tokens: int
    minutes: float
    cores: int
    loss: float
    held_out: float
    sampled: float
    seed: int


def write_card(figures: Figures, answers: Sequence[Answer]) -> str:
    """The text of the card."""
    return CARD.format(**vars(figures), answers=answers_table(answers))


def answers_table(answers: Sequence[Answer]) -> str:
    """The answers as a Markdown table."""
    rows = [f"| {answer.voice} | {answer.question} | {answer.text.replace('|', '/')} |" for answer in answers]
    return "\n".join(["| voice | message | reply |", "|---|---|---|", *rows])
