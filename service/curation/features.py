"""What is worked out once about a text that may be learned from: hashes and counts, never words. A night touches only what is new."""

import hashlib

import numpy as np

from service.curation.text import make_whole, normalise

RECIPE = 1
"""Raise it when anything here changes: what was prepared in another way is prepared anew."""

PERMUTATIONS = 64
DIMENSIONS = 64

FEATURES = np.dtype(
    [
        ("same", "<u8"),  # hash of the normalised context, message and reply: equal means an exact duplicate
        ("opening", "<u8"),  # hash of the normalised first message of the conversation
        ("context", "<u8"),  # hash of the normalised context and message: equal means that the replies are variants
        ("beginning", "<u8"),  # hash of the first two words of the reply, or of the first where a pause follows it
        ("words", "<u4"),  # how many words the reply has
        ("flags", "<u4"),  # bits, see below
        ("signature", "<u4", (PERMUTATIONS,)),  # MinHash of message and reply
        ("vector", "i1", (DIMENSIONS,)),  # what the message is about: hashed words, unit length 127
    ]
)

DICTATED = 1  # the message dictates its reply
EMPTY = 2  # the reply says nothing
SENSITIVE = 4  # the message speaks of self-harm: its reply is not for learning


def opening_hash(text: str) -> int:
    """The hash by which conversations that begin with the same words are known."""
    return text_hash(normalise(make_whole(text)))


def text_hash(*parts: str) -> int:
    """64 bits of BLAKE2b. A length goes before each part: none can look like the end of one and the beginning of the next."""
    digest = hashlib.blake2b(digest_size=8)
    for part in parts:
        data = part.encode()
        digest.update(b"%d " % len(data) + data)
    return int.from_bytes(digest.digest(), "little")
