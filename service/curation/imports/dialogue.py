"""A conversation from elsewhere, as the readers of files give it and the storage takes it."""

import msgspec

from service.personas.shelf import Message


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """What was thought of one reply: liked (True), disliked (False) or neither; the better reply, the comment and the reasons given."""

    label: bool | None = None
    correction: str | None = None
    comment: str = ""
    reasons: tuple[str, ...] = ()


UNJUDGED = Judgement()


class Dialogue(msgspec.Struct, frozen=True, kw_only=True):
    """Messages that end with the assistant's.

    `label` (True liked, False disliked, None neither), `correction`, `comment` and `reasons` are about the last reply. `earlier` are the
    judgements of the replies before it, one for each that follows a user's message, in their order; without them those are only context.
    `line` is where the dialogue begins in its file, counted from 1 (0: unknown), and `title` what the file calls it.
    """

    messages: tuple[Message, ...]
    label: bool | None = True
    correction: str | None = None
    comment: str = ""
    reasons: tuple[str, ...] = ()
    line: int = 0
    title: str = ""
    earlier: tuple[Judgement, ...] = ()

    @property
    def last(self) -> Judgement:
        """The judgement of the last reply."""
        return Judgement(label=self.label, correction=self.correction, comment=self.comment, reasons=self.reasons)
