"""What could become a sample, as columns: 300,000 rows of texts would not fit into memory, their numbers do.

Row `i` of every column belongs together. Texts are read for the rows that were chosen in the end, and for no others.
"""

from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

Identifiers = npt.NDArray[np.bytes_]  # 32 hexadecimal characters each (dtype S32); b"" for none
Codes = npt.NDArray[np.int32]  # a small number for each distinct person, conversation, ...
Flags = npt.NDArray[np.bool_]
Times = npt.NDArray[np.int64]  # milliseconds since 1970, UTC
Features = npt.NDArray[Any]  # one record of `features.FEATURES` each


@dataclass(frozen=True)
class Words:
    """The current word of each person on each exchange (withdrawn ones are not here), ordered by exchange, then by rating.

    `rater` and `talker` are codes into `people`, the ids; the rater gave the thumb, the talker wrote the message (often the same person).
    `trusted` are people whose ratings neither wait nor are capped: keys in their own name, imports, and whoever the owner approved.
    """

    exchange: Identifiers
    rating: Identifiers
    conversation: Codes
    rater: Codes
    talker: Codes
    liked: Flags
    corrected: Flags  # the word brings a correction
    at: Times
    people: Identifiers
    trusted: Flags  # by code of the person

    def __len__(self) -> int:
        return len(self.exchange)

    def take(self, rows: "npt.NDArray[Any]") -> "Words":
        """Only these rows (indices or a mask); the people stay."""
        return _take(self, rows, {"people", "trusted"})


@dataclass(frozen=True)
class Pool:
    """The samples that could be made: one row per exchange with a majority, and one per correction of that majority.

    `unit` is the exchange's id, or for a correction the rating's: what `Prepared.id` is. `features` has one record per row.
    """

    unit: Identifiers
    exchange: Identifiers
    rating: Identifiers
    conversation: Codes
    rater: Codes
    talker: Codes
    liked: Flags
    corrected: Flags  # this row is a correction: its text is the rating's, not the exchange's
    at: Times
    people: Identifiers
    trusted: Flags
    features: Features

    def __len__(self) -> int:
        return len(self.unit)

    def take(self, rows: "npt.NDArray[Any]") -> "Pool":
        """Only these rows (indices or a mask), in their order; the people stay."""
        return _take(self, rows, {"people", "trusted"})


_Columns = TypeVar("_Columns", Words, Pool)


def _take(columns: _Columns, rows: "npt.NDArray[Any]", whole: set[str]) -> _Columns:
    return replace(columns, **{field.name: getattr(columns, field.name)[rows] for field in fields(columns) if field.name not in whole})
