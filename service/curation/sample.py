"""One training sample: what the model saw, what it shall or shall not say, and where that came from."""

import hashlib
import json
from typing import Literal

import msgspec

from service.curation.text import make_whole
from service.personas.shelf import Message

Origin = Literal["rated", "corrected", "seed", "imported", "replay", "safety", "synthetic", "golden"]
"""Where a sample comes from: people's words (rated, corrected), the owner's (seed, imported, golden), or a model's (replay, synthetic)."""


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """A prompt with a completion and its label: True for liked, False for disliked.

    `prompt` is the system message, then the context, then the person's message. `opening` is the first message a person wrote in the
    conversation, also where the context was cut from the front; empty means: the first user message of the prompt.
    """

    prompt: tuple[Message, ...]
    completion: str
    label: bool
    origin: Origin
    exchange_id: str | None = None
    rating_id: str | None = None
    person_id: str | None = None
    conversation_id: str | None = None
    import_id: str | None = None
    opening: str = ""


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """Two replies to one prompt, the better one first: a correction over what it corrects, or a liked over a disliked variant.

    `exchange_id` has the chosen reply (or is what was corrected), `other_id` the rejected one.
    """

    prompt: tuple[Message, ...]
    chosen: str
    rejected: str
    origin: Literal["corrected", "preferred"]
    exchange_id: str
    other_id: str
    rating_id: str
    person_id: str | None = None
    conversation_id: str | None = None
    opening: str = ""


class Passage(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of dialogue to learn as plain language, without roles."""

    text: str
    import_id: str
    position: int


class Split(msgspec.Struct, frozen=True, kw_only=True):
    """One side of a dataset, in every form."""

    samples: tuple[Sample, ...] = ()
    pairs: tuple[Pair, ...] = ()
    passages: tuple[Passage, ...] = ()


def content_hash(sample: Sample) -> str:
    """SHA-256 over prompt, completion and label, as 64 hexadecimal characters; ids play no part, so it is the same on every database."""
    prompt = [[message.role, make_whole(message.content)] for message in sample.prompt]
    return _digest([prompt, make_whole(sample.completion), sample.label])


def pair_hash(pair: Pair) -> str:
    """SHA-256 over prompt, chosen and rejected, as `content_hash` of a sample."""
    prompt = [[message.role, make_whole(message.content)] for message in pair.prompt]
    return _digest(["pair", prompt, make_whole(pair.chosen), make_whole(pair.rejected)])


def passage_hash(passage: Passage) -> str:
    """SHA-256 over the text, as `content_hash` of a sample."""
    return _digest(["passage", make_whole(passage.text)])


def _digest(content: list[object]) -> str:
    return hashlib.sha256(json.dumps(content, separators=(",", ":")).encode()).hexdigest()
