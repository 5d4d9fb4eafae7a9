"""Stage directions in a reply (*smiles*, (laughs), [sighs], _waves_), and the blank space at its ends: both are cut.

Whether a group of words in asterisks, underscores, parentheses or brackets is a stage direction or a manner of writing is decided so:

- It stands on one line, has at most 160 characters, begins right after its opening mark, and follows a space or begins its line.
- Where a sentence could begin (in a new line, after `.!?…` and the like, after an emoji), it is one if it begins with a lower-case
  letter and its line ends behind it, or a new sentence begins: '*never* do that' and '(or so) they say' are none. Single letters and
  small Roman numbers, as lists have them, are none either.
- If it begins with a well-known action ('smiles', 'Laughs'), it is also one at the end of any line, and whatever follows it where a
  sentence could begin.
"""

import re
import unicodedata

_OPENER = re.compile(r"[*_(\[]")
_CLOSERS = {"*": "*", "_": "_", "(": ")", "[": "]"}
_LONGEST = 160
_SPACES = re.compile(r"[ \t]{0,8}")
_BLANK = re.compile(r"\s*")
_FIRST_WORD = re.compile(r"[^\W\d_]*")
_NUMBER = re.compile(r".?|[ivx]+")
_SENTENCE_ENDS = frozenset('.!?…~:;"”»)]。！？\ufe0f')
"""The last of them ends emoji."""
_SYMBOLS = {"So", "Sk"}
_ACTIONS = """
blinks blushes bows chuckles claps coughs cries frowns gasps giggles gives glances grins gulps hugs laughs leans looks nods pats pauses
pouts raises rolls shakes shrugs sighs sits smiles smirks snickers sniffs stands stares stretches swallows takes tilts turns waits walks
waves whispers winks yawns
"""
_KNOWN = frozenset(_ACTIONS.split())


class Ends:
    """Passes words on without the blank space at both ends of them all: blanks wait for the next word."""

    def __init__(self) -> None:
        self.last = ""
        """The last character shown; empty as long as nothing was."""
        self._blanks: list[str] = []

    @property
    def at_line_start(self) -> bool:
        """Whether the next word begins a line."""
        return not self.last or any("\n" in blank for blank in self._blanks)

    @property
    def at_sentence_start(self) -> bool:
        """Whether the next word could begin a sentence."""
        ends = self.last in _SENTENCE_ENDS or unicodedata.category(self.last or " ") in _SYMBOLS
        return self.at_line_start or (ends and bool(self._blanks))

    @property
    def after_blank(self) -> bool:
        """Whether the next word stands apart from the last one."""
        return not self.last or bool(self._blanks)

    def show(self, text: str) -> str:
        """Return what may be shown of the text, and of the blanks before it."""
        shown = text.rstrip()
        if not shown:
            if self.last and text:
                self._blanks.append(text)
            return ""
        blank = text[len(shown) :]
        if not self.last:
            shown = shown.lstrip()
        elif self._blanks:
            shown = "".join([*self._blanks, shown])
        self._blanks = [blank] if blank else []
        self.last = shown[-1]
        return shown

    def forget_blanks(self) -> None:
        """Let go of the blanks before what is cut."""
        self._blanks = []


class Directions:
    """Cuts stage directions out, and shows the rest through `ends`."""

    def __init__(self, ends: Ends) -> None:
        self._ends = ends
        self._rest = ""
        self._after_line = False

    @property
    def idle(self) -> bool:
        """Whether words without an opening mark would pass as they are."""
        return not (self._rest or self._after_line)

    def feed(self, piece: str, *, ended: bool = False) -> str:
        """Take the next piece; return what may be shown."""
        text, self._rest = self._rest + piece, ""
        shown: list[str] = []
        begin = at = self._skip(text, 0)
        while opener := _OPENER.search(text, at):
            start = opener.start()
            shown.append(self._ends.show(text[begin:start]))
            end = self._end(text, start, ended)
            if end is None:
                self._rest = text[start:]
                return "".join(shown)
            begin, at = (start, start + 1) if end == start else (self._cut(text, end),) * 2
        shown.append(self._ends.show(text[begin:]))
        return "".join(shown)

    def _cut(self, text: str, end: int) -> int:
        """Leave out what ends at `end`, and the blanks on one side of it; return where the words go on."""
        if self._ends.at_line_start:
            self._after_line = True
            return self._skip(text, end)
        self._ends.forget_blanks()
        return end

    def _skip(self, text: str, at: int) -> int:
        """Pass over the blank space that follows a direction at the beginning of a line."""
        if self._after_line:
            found = _BLANK.match(text, at)
            at = found.end() if found else at
            self._after_line = at == len(text)
        return at

    def _end(self, text: str, start: int, ended: bool) -> int | None:
        """Where the direction ends that begins at `start`; `start` when there is none, None when that is not yet certain."""
        if not self._ends.after_blank:
            return start
        inside, closed, _ = text[start + 1 : start + 2 + _LONGEST].partition(_CLOSERS[text[start]])
        free = self._ends.at_sentence_start
        if "\n" in inside or text[start] in inside or len(inside) > _LONGEST or not _may_be_action(inside, bool(closed), free):
            return start
        if not closed:
            return start if ended else None
        end = start + len(inside) + 2
        spaces = _SPACES.match(text, end)
        follows = spaces.end() if spaces else end
        if follows == len(text) and not ended:
            return None
        return end if _stands_alone(text[end : follows + 1], free, _first_word(inside) in _KNOWN) else start


def _may_be_action(inside: str, closed: bool, free: bool) -> bool:
    """Whether words in marks are a stage direction by what they say, or may become one while they are not `closed`."""
    if not inside:
        return not closed
    word = _first_word(inside)
    if free and inside[0].islower() and not (closed and _NUMBER.fullmatch(inside)):
        return True
    if len(word) == len(inside) and not closed:
        return any(action.startswith(word) for action in _KNOWN)
    return word in _KNOWN


def _stands_alone(behind: str, free: bool, known: bool) -> bool:
    """Whether what follows the group, up to its first character that is no blank, leaves it on its own."""
    follows = behind.lstrip(" \t")[:1]
    if follows in {"", "\n", "\r"}:
        return free or known
    if not free or behind.startswith(follows):
        return False
    return known or not (follows.islower() or follows in ",;:.!?-–—")


def _first_word(text: str) -> str:
    found = _FIRST_WORD.match(text)
    return found[0].casefold() if found else ""
