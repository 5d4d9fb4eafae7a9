"""What a form of script is read into, in the order of the file, before scenes are made of it."""

import msgspec

from service.curation.transcripts.breaks import Break


class Start(msgspec.Struct, frozen=True):
    """A speech begins; `speaker` is the name as it is written there."""

    line: int
    speaker: str


class Words(msgspec.Struct, frozen=True):
    """A paragraph of the speech that was begun, its directions in square brackets."""

    line: int
    text: str


class Aside(msgspec.Struct, frozen=True):
    """A stage direction that stands by itself, without brackets."""

    line: int
    text: str


Event = Break | Start | Words | Aside
