"""One training sample: what the model saw, what it shall or shall not say, and where that came from."""

import hashlib
import json
from typing import Literal

import msgspec

from service.curation.text import make_whole
from service.personas.shelf import Message

Origin = Literal["rated", "corrected", "seed"]


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
    opening: str = ""


def content_hash(sample: Sample) -> str:
    """SHA-256 over prompt, completion and label, as 64 hexadecimal characters; ids play no part, so it is the same on every database."""
    prompt = [[message.role, make_whole(message.content)] for message in sample.prompt]
    canonical = json.dumps([prompt, make_whole(sample.completion), sample.label], separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
