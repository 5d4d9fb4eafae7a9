"""Extracting the features of one reply or correction from its texts."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from service.curation.dictation import dictates, echoes
from service.curation.features import DICTATED, EMPTY, FEATURES, SENSITIVE, opening_hash, text_hash
from service.curation.near import signature
from service.curation.text import make_whole, normalise
from service.curation.vectors import vector

_BEGINNING_WORDS = 2
_PAUSES = (",", ".", "!", "?", ";", ":", "…", "-", "—")


class Spoken(NamedTuple):
    """A reply with what came before it; `opening` is the first message of its conversation."""

    context: Sequence[tuple[str, str]]
    message: str
    reply: str
    opening: str


def extract(spoken: Spoken, sensitive: Callable[[str], bool]) -> bytes:
    """Return one record of `FEATURES`, packed; `sensitive` says whether a message speaks of self-harm."""
    message, reply = make_whole(spoken.message), make_whole(spoken.reply)
    said = normalise(reply)
    before = [(role, normalise(make_whole(text))) for role, text in (*spoken.context, ("user", message))]
    record = np.zeros((), FEATURES)
    record["same"] = text_hash(*(part for turn in before for part in turn), said)
    record["context"] = text_hash(*(part for turn in before for part in turn))
    record["opening"] = opening_hash(spoken.opening)
    words = said.split(" ") if said else []
    record["beginning"] = text_hash(*_beginning(words))
    record["words"] = len(words)
    record["flags"] = (
        (DICTATED if dictates(message) or echoes(message, reply) else 0)
        | (EMPTY if not words else 0)
        | (SENSITIVE if sensitive(message) else 0)
    )
    record["signature"] = signature(f"{message}\n{reply}")
    record["vector"] = vector(message)
    return record.tobytes()


def _beginning(words: Sequence[str]) -> Sequence[str]:
    """The first two words, or the first alone where a pause follows it: "Well, I" and "Well, you" begin alike."""
    return words[:1] if words and words[0].endswith(_PAUSES) else words[:_BEGINNING_WORDS]
