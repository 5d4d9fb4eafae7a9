"""A conversation from elsewhere, as the readers of files give it and the storage takes it."""

import msgspec

from service.personas.shelf import Message


class Dialogue(msgspec.Struct, frozen=True, kw_only=True):
    """Messages that end with the assistant's.

    `label` (True liked, False disliked, None neither), `correction`, `comment` and `reasons` are about the last reply; those before it are
    context, unless `labels` gives a label to each of the assistant's replies, the last one's included, in their order.
    `line` is where the dialogue begins in its file, counted from 1 (0: unknown), and `title` what the file calls it.
    """

    messages: tuple[Message, ...]
    label: bool | None = True
    correction: str | None = None
    comment: str = ""
    reasons: tuple[str, ...] = ()
    line: int = 0
    title: str = ""
    labels: tuple[bool | None, ...] = ()
