"""Who speaks in a reply: the speaker's own name before its words is taken off, and where another begins to speak the reply ends.

A name counts at the beginning of a line only, in any case of letters, plain or dressed as models do it: 'Friend:', '**Friend:**',
'**Friend**:', '### Friend:', '[Friend]:', '[Friend] ', 'Friend (laughing):'. At the very beginning 'Friend - ' counts as well (and then
in later lines too), and so does a name that models have for themselves ('Assistant:', 'AI:'); elsewhere those are another's.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from operator import eq
from typing import NamedTuple

import regex

_OTHERS = ("User", "Human", "You", "Assistant", "System", "Person")
_ASSISTANTS = ("Assistant", "AI", "Chatbot")

_OPENING = regex.compile(r"[ \t]{0,8}(?:#{1,6}[ \t]{0,2})?(?P<dress>\*{1,3}|_{1,2})?(?P<bracket>\[)?")
_REMARK = r"(?: \([^()\n]{1,60}\))?"
_ANOTHERS_END = regex.compile(rf"\]?[*_]{{0,3}}{_REMARK}[*_]{{0,3}}[ \t]{{0,2}}[:：]")
_SPACES, _BLANK = re.compile(r"[ \t]*"), re.compile(r"\s*")
_LONGEST_DRESS = 120
"""Characters that may stand around a name; the patterns above allow fewer."""

_Name = tuple[str, ...]


class _Cast(NamedTuple):
    """Who may speak. Names are tuples of letters without their case, compared letter by letter, as they may come letter by letter."""

    own: tuple[_Name, ...]
    assistants: tuple[_Name, ...]
    others: tuple[_Name, ...]
    initials: frozenset[str]
    reach: int
    """Characters of a line after which it is certain whether it begins with a name."""


class _Head(NamedTuple):
    """What a line begins with: whose name, and where that ends. Not `certain` while more of the line may change it."""

    name: _Name
    own: bool
    end: int
    dash: bool
    certain: bool


class Speakers:
    """Follows a reply line by line; `stopped` says that another one spoke. What comes out never depends on how the text was cut."""

    def __init__(self, speaker: str, others: Sequence[str] = (), *, strip_own: bool = True, stop_at_others: bool = True) -> None:
        self.stopped = False
        self.idle = False
        """Whether words without a line break would pass as they are: how their line begins is known."""
        self._strip_own = strip_own
        self._cast = _cast(speaker, (*others, *_OTHERS) if stop_at_others else ())
        self._own = self._cast.own
        self._rest = ""
        self._begun = False
        self._after_name = False
        self._dash = False

    def feed(self, piece: str, *, ended: bool = False) -> str:
        """Take the next piece; return what certainly stays."""
        text, self._rest = self._rest + piece, ""
        said: list[str] = []
        at = 0
        while at < len(text) and not self.stopped:
            if not self.idle:
                at = self._read_head(text, at, ended)
            if self.idle:
                end = text.find("\n", at) + 1
                said.append(text[at : end or len(text)])
                self.idle, at = not end, end or len(text)
        return "".join(said)

    def _read_head(self, text: str, at: int, ended: bool) -> int:
        """Look at how a line begins; return where to go on."""
        if self._after_name or not self._begun:
            blank = (_SPACES if self._begun else _BLANK).match(text, at)
            at = blank.end() if blank else at
        if at == len(text):
            return at
        head = self._find_name(text[at : at + self._cast.reach], ended)
        if head is None or (head.certain and head.own and not self._strip_own):
            self.idle, self._begun, self._after_name = True, True, False
            return at
        if not head.certain:
            self._rest = text[at:]
            return len(text)
        if not head.own:
            self.stopped = True
        elif head.name not in self._own:
            self._own += (head.name,)
        self._after_name, self._dash = True, self._dash or head.dash
        return at + head.end

    def _find_name(self, line: str, ended: bool) -> _Head | None:
        """The first of the candidates whose name the line begins with, or may begin with."""
        opening = _OPENING.match(line)
        if opening is None or line[opening.end() : opening.end() + 1].casefold() not in self._cast.initials:
            return None
        for name, own in self._candidates():
            end = opening.end() + len(name)
            if not all(map(eq, map(str.casefold, line[opening.end() : end]), name)):
                continue
            if len(line) < end:
                if ended:
                    continue
                return _Head(name, own, end, dash=False, certain=False)
            pattern = _own_end(opening["dress"], opening["bracket"], self._dash or not self._begun) if own else _ANOTHERS_END
            if found := pattern.match(line, end, partial=not ended, concurrent=False):
                return _Head(name, own, found.end(), dash=found.lastgroup == "dash", certain=not found.partial)
        return None

    def _candidates(self) -> Iterator[tuple[_Name, bool]]:
        yield from ((name, True) for name in self._own)
        if not self._begun:
            yield from ((name, True) for name in self._cast.assistants)
        yield from ((name, False) for name in self._cast.others)


@lru_cache(maxsize=1024)
def _cast(speaker: str, others: tuple[str, ...]) -> _Cast:
    own, assistants, others_ = ([tuple(map(str.casefold, name)) for name in names if name] for names in ((speaker,), _ASSISTANTS, others))
    everybody = [*own, *assistants, *others_]
    initials = frozenset(name[0] for name in everybody) | {""}
    return _Cast(tuple(own), tuple(assistants), tuple(others_), initials, _LONGEST_DRESS + max(map(len, everybody)))


@lru_cache(maxsize=64)
def _own_end(dress: str | None, bracket: str | None, dash: bool) -> "regex.Pattern[str]":
    """What must follow the speaker's own name: what was opened before it is closed, and there is a colon (or a dash, if that counts)."""
    close = regex.escape(dress or "")
    ways = [rf"\](?:[:：]{close}|{close}[:：]|{close}[ \t\n])"] if bracket else [rf"{_REMARK}[ \t]{{0,2}}[:：]{close}"]
    if close and not bracket:
        ways.append(rf"{close}{_REMARK}[ \t]{{0,2}}[:：]")
    if dash and not bracket:
        ways.append(rf"(?P<dash>{close}[ \t]{{1,2}}[-–][ \t])")
    return regex.compile("|".join(ways))
