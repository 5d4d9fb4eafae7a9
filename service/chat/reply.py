"""What goes out: the reply cleaned while it streams, so that nothing that will be cut is ever shown.

Cut are: blank space at both ends, the speaker's own prefix ('Friend: ...'), blocks of reasoning (<think> ... </think>),
everything from the line on in which the model begins to speak for somebody else ('User: ...'), and NUL characters, which no database keeps.
"""

_THINK_OPEN, _THINK_CLOSE = "<think>", "</think>"
_OTHERS = ("User", "Human", "You", "Assistant", "System", "Person")


class ReplyCleaner:
    """Feed it pieces, show what it returns, and ask it for the rest at the end. `stopped` says that the reply is over early.

    What it returns depends on the words only, never on where the pieces were cut. Each piece costs the same, however long the reply.
    """

    def __init__(self, speaker: str, *, strip_speaker: bool = True, stop_at_other_speakers: bool = True) -> None:
        self._prefix = f"{speaker}:" if strip_speaker else ""
        self._others = [f"{name}:" for name in _OTHERS if name != speaker] if stop_at_other_speakers else []
        self._thoughts = _Thoughts()
        self._held = ""
        self._begun = False
        self.stopped = False

    def feed(self, piece: str) -> str:
        """Take the next piece of the raw reply; return what may be shown now (often nothing, never what will be cut)."""
        return "" if self.stopped else self._release(self._thoughts.feed(piece.replace("\x00", "")))

    def finish(self) -> str:
        """Return what was held back, now that the reply has ended."""
        return "" if self.stopped else self._release(self._thoughts.finish(), ended=True)

    def _release(self, more: str, *, ended: bool = False) -> str:
        self._held += more
        if not self._begun:
            self._strip_beginning()
        text = self._until_another_speaks()
        if not (ended or self.stopped):
            text = self._sure(text)
        text = text.rstrip()
        self._held = self._held[len(text) :]
        self._begun = self._begun or bool(text)
        return text

    def _strip_beginning(self) -> None:
        self._held = self._held.lstrip()
        if self._prefix and self._held.startswith(self._prefix):
            self._held = self._held[len(self._prefix) :].lstrip()
            self._prefix = ""

    def _until_another_speaks(self) -> str:
        text = self._held
        for name in self._others:
            at = 0 if not self._begun and text.startswith(name) else text.find(f"\n{name}")
            if at >= 0:
                self.stopped = True
                text = text[:at]
        return text

    def _sure(self, text: str) -> str:
        """The text without its last line, as long as that could be the beginning of something that will be cut."""
        line_start = text.rfind("\n") + 1
        if self._begun and not line_start:
            return text  # The rest of a line of which the beginning was shown.
        prefixes = self._others if line_start or not self._prefix else [*self._others, self._prefix]
        return text[:line_start] if any(name.startswith(text[line_start:]) for name in prefixes) else text


class _Thoughts:
    """Cuts the blocks of reasoning out; a tag may be cut into pieces anywhere."""

    def __init__(self) -> None:
        self._rest = ""
        self._thinking = False

    def feed(self, piece: str) -> str:
        """Return what is certainly no thought and no part of a tag."""
        self._rest += piece
        said = ""
        while True:
            mark = _THINK_CLOSE if self._thinking else _THINK_OPEN
            before, found, after = self._rest.partition(mark)
            if not found:
                break
            said += "" if self._thinking else before
            self._rest, self._thinking = after, not self._thinking
        sure = len(self._rest) - _overlap(self._rest, mark)
        said += "" if self._thinking else self._rest[:sure]
        self._rest = self._rest[sure:]
        return said

    def finish(self) -> str:
        """Return the beginning of a tag that never came to its end; a thought without an end stays one."""
        return "" if self._thinking else self._rest


def _overlap(text: str, mark: str) -> int:
    """How many characters at the end of the text are a beginning of the mark."""
    return next((size for size in range(min(len(text), len(mark) - 1), 0, -1) if mark.startswith(text[-size:])), 0)
