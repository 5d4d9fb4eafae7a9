"""What is worked out once about a text that may be learned from: hashes and counts, never words. A night touches only what is new."""

import numpy as np

RECIPE = 1
"""Raise it when anything here changes: what was prepared in another way is prepared anew."""

PERMUTATIONS = 64
DIMENSIONS = 64

FEATURES = np.dtype(
    [
        ("same", "<u8"),  # hash of the normalised context, message and reply: equal means an exact duplicate
        ("opening", "<u8"),  # hash of the normalised first message of the conversation
        ("asked", "<u8"),  # hash of the normalised message
        ("beginning", "<u8"),  # hash of the first two words of the reply
        ("words", "<u4"),  # how many words the reply has
        ("flags", "<u4"),  # bits, see below
        ("signature", "<u4", (PERMUTATIONS,)),  # MinHash of message and reply
        ("vector", "i1", (DIMENSIONS,)),  # what the message is about: hashed words, unit length 127
    ]
)

DICTATED = 1  # the message dictates its reply
EMPTY = 2  # the reply says nothing
SENSITIVE = 4  # the message speaks of self-harm: its reply is not for learning
