"""What goes out: the reply cleaned while it streams, so that nothing that will be cut is ever shown.

Cut are: blank space at both ends, the speaker's own prefix ('Friend: ...'), blocks of reasoning (<think> ... </think>),
and everything from the line on in which the model begins to speak for somebody else ('User: ...').
"""

import re

_THINK_OPEN, _THINK_CLOSE = "<think>", "</think>"
_OTHERS = ("User", "Human", "You", "Assistant", "System", "Person")


class ReplyCleaner:
    """Feed it pieces, show what it returns, and ask it for the rest at the end. `stopped` says that the reply is over early."""

    def __init__(self, speaker: str, *, strip_speaker: bool = True, stop_at_other_speakers: bool = True) -> None:
        self._prefix = f"{speaker}:" if strip_speaker else ""
        others = [name for name in _OTHERS if name != speaker] + ([] if strip_speaker else [speaker])
        self._others = [f"{name}:" for name in others] if stop_at_other_speakers else []
        self._raw = ""
        self._shown = ""
        self.stopped = False

    def feed(self, piece: str) -> str:
        """Take the next piece of the raw reply; return what may be shown now (often nothing, never what will be cut)."""
        if self.stopped:
            return ""
        self._raw += piece
        return self._show(self._hold_back(self._clean(self._raw)))

    def finish(self) -> str:
        """Return what was held back, now that the reply has ended."""
        return "" if self.stopped else self._show(self._clean(self._raw).rstrip())

    def _show(self, text: str) -> str:
        fresh = text[len(self._shown) :]
        self._shown += fresh
        return fresh

    def _clean(self, raw: str) -> str:
        text = _without_thoughts(raw).lstrip()
        if self._prefix and text.startswith(self._prefix):
            text = text[len(self._prefix) :].lstrip()
        return self._until_another_speaks(text)

    def _until_another_speaks(self, text: str) -> str:
        for name in self._others:
            at = 0 if text.startswith(name) else text.find(f"\n{name}")
            if at >= 0:
                self.stopped = True
                text = text[:at]
        return text.rstrip() if self.stopped else text

    def _hold_back(self, text: str) -> str:
        """Keep back the end of the text as long as it could be the beginning of something that will be cut."""
        if self.stopped:
            return text
        text = text.rstrip()
        line_start = text.rfind("\n") + 1
        line = text[line_start:]
        prefixes = self._others + ([self._prefix] if line_start == 0 and self._prefix else [])
        if any(name.startswith(line) for name in prefixes):
            text = text[:line_start].rstrip()
        for size in range(min(len(text), len(_THINK_OPEN) - 1), 0, -1):
            if _THINK_OPEN.startswith(text[-size:]):
                return text[:-size].rstrip()
        return text


def _without_thoughts(raw: str) -> str:
    text = re.sub(f"{_THINK_OPEN}.*?{_THINK_CLOSE}", "", raw, flags=re.DOTALL)
    opened = text.find(_THINK_OPEN)
    return text if opened < 0 else text[:opened]
