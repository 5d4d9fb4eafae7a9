"""What goes out: the reply cleaned while it streams, so that nothing that will be cut is ever shown.

Cut are, in this order: NUL characters, which no database keeps; reasoning and the marks of chat templates (`machinery.py`); the
speaker's own name before its words, and everything from the line on in which the model begins to speak for somebody else
(`speakers.py`); stage directions, if the persona wants that, and blank space at both ends (`directions.py`).
"""

import re
from collections.abc import Sequence

from service.chat.directions import Directions, Ends
from service.chat.machinery import Machinery
from service.chat.speakers import Speakers

_CALLS_FOR_CARE = re.compile(r"[<\[\n\x00]").search
_CALLS_FOR_MORE_CARE = re.compile(r"[<\[\n\x00*_(]").search


class ReplyCleaner:
    """Feed it pieces, show what it returns, and ask it for the rest at the end. `stopped` says that the reply is over early.

    What it returns depends on the words only, never on where the pieces were cut. Each piece costs the same, however long the reply;
    ordinary words in the middle of a line are shown at once and pass by the rules.
    """

    def __init__(
        self,
        speaker: str,
        others: Sequence[str] = (),
        *,
        strip_speaker: bool = True,
        stop_at_other_speakers: bool = True,
        cut_directions: bool = False,
    ) -> None:
        """`others` are who else speaks here by name, such as the person."""
        self.stopped = False
        self._machinery = Machinery()
        self._speakers = Speakers(speaker, others, strip_own=strip_speaker, stop_at_others=stop_at_other_speakers)
        self._ends = Ends()
        self._directions = Directions(self._ends) if cut_directions else None
        self._special = _CALLS_FOR_MORE_CARE if cut_directions else _CALLS_FOR_CARE
        self._plain = False

    def feed(self, piece: str) -> str:
        """Take the next piece of the raw reply; return what may be shown now (often nothing, never what will be cut)."""
        if self._plain and not self._special(piece):
            return self._ends.show(piece)
        return "" if self.stopped else self._sift(piece.replace("\x00", ""))

    def finish(self) -> str:
        """Return what was held back, now that the reply has ended."""
        return "" if self.stopped else self._sift("", ended=True)

    def _sift(self, piece: str, *, ended: bool = False) -> str:
        text = self._machinery.feed(piece, ended=ended)
        text = self._speakers.feed(text, ended=ended or self._machinery.stopped)
        self.stopped = self._machinery.stopped or self._speakers.stopped
        shown = self._directions.feed(text, ended=ended or self.stopped) if self._directions else self._ends.show(text)
        self._plain = not self.stopped and self._machinery.idle and self._speakers.idle and (not self._directions or self._directions.idle)
        return shown
