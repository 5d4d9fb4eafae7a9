"""Where a script says that a scene begins or ends, and where its list of characters stands."""

import re
from typing import Literal

import msgspec

from service.curation.transcripts.source import Line

_LONGEST = 90
_LONGEST_CAST = 200
"""Lines within which a list of characters ends with the first act."""

_NUMBER = r"(?:[IVXLC]+|[ivxlc]+|\d+|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)"
_ORDINAL = r"(?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|last|final)"

_ACT = re.compile(rf"(?:the )?(?:act|part) (?:the )?(?:{_NUMBER}|{_ORDINAL})\b.*|(?:the )?{_ORDINAL} act\b.*", re.IGNORECASE)
_SCENE = re.compile(
    rf"(?:the )?(?:scene|tableau|episode) (?:the )?(?:{_NUMBER}|{_ORDINAL})\b.*|(?:the )?{_ORDINAL} scene\b.*"
    r"|prologue|epilogue|interlude|induction",
    re.IGNORECASE,
)
_NUMBERED = re.compile(rf"(?:the )?[a-z]+ {_NUMBER}(?: *[.:,;(—–-].*)?", re.IGNORECASE)
_NAMED = re.compile(r"scene: +\S.*", re.IGNORECASE)
_PLACE = re.compile(r"(?:\d+[A-Z]?\.? +)?(?:INT|EXT|EST|INT\./EXT|EXT\./INT|INT/EXT|EXT/INT|I/E)[. /].*")
_END = re.compile(r"(?:THE )?END(?: OF\b.*)?|FINIS|(?:THE )?(?:SLOW |QUICK )?CURTAIN(?: (?:FALLS|DROPS|DESCENDS|IS LOWERED)\b.*)?")
_QUIET_END = re.compile(rf"(?-i:The End|Finis)|End of (?:the )?(?:(?:Act|Scene|Part|Play)\b.*|{_ORDINAL} (?:Act|Scene))", re.IGNORECASE)
_TRANSITION = re.compile(
    r"(?:FADE (?:IN|OUT|TO BLACK)|(?:SMASH |MATCH |JUMP |HARD |QUICK )?CUT (?:TO|BACK TO)|DISSOLVE(?: TO)?|WIPE TO"
    r"|COMMERCIAL BREAK|OPENING (?:CREDITS|TITLES)|(?:CLOSING|END) CREDITS|INTERMISSION)\b.{0,30}"
)
_RULE = re.compile(r"[ *#~=_—–•-]+")
_MARKDOWN = re.compile(r"#{1,6} +(\S.*)")
_CAST = re.compile(
    r"(?:The )?(?:(?:List of )?(?:Persons|Characters|People)"
    r"(?: (?:of|in) (?:the |this )?(?:play|drama|comedy|tragedy|piece|story|film|episode))?"
    r"|Dramatis Person(?:ae|æ)|Cast(?: List| of Characters)?)(?: Represented)?",
    re.IGNORECASE,
)
_CAST_WITHIN = 500
"""Lines from the beginning in which a list of characters is looked for."""


class Break(msgspec.Struct, frozen=True):
    """The border of a scene. `rank` says what begins: an act, a scene of it, another part of the same scene, or (`end`) nothing."""

    line: int
    title: str
    rank: Literal["act", "scene", "pause", "end"]


def read_break(text: str, line: int) -> Break | None:
    """Return the break that a line by itself says, if it does: `ACT I`, `INT. KITCHEN - DAY`, `[Scene: the garden]`, `* * *`, `THE END.`"""
    if not text.strip() or len(text.strip()) > _LONGEST:
        return None
    if _RULE.fullmatch(text):
        return Break(line, "", "pause") if len(text.replace(" ", "")) >= 3 or text.strip() == "#" else None
    heading = _MARKDOWN.fullmatch(text.strip())
    title = _bare(heading[1] if heading else text)
    shouted = title == title.upper()
    if (shouted and _END.fullmatch(title.rstrip(".!"))) or (title[:1].isupper() and _QUIET_END.fullmatch(title)):
        return Break(line, "", "end")
    if shouted and _TRANSITION.fullmatch(title):
        return Break(line, "", "pause")
    if _ACT.fullmatch(title) and (shouted or _NUMBERED.fullmatch(title)):
        return Break(line, title, "act")
    if heading or _PLACE.fullmatch(title) or _NAMED.fullmatch(title):
        return Break(line, title, "scene")
    return Break(line, title, "scene") if _SCENE.fullmatch(title) and (shouted or _NUMBERED.fullmatch(title)) else None


def is_place(text: str) -> bool:
    """Whether it is the heading of a screenplay's scene, such as `EXT. GARDEN - NIGHT`."""
    return len(text.strip()) <= _LONGEST and _PLACE.fullmatch(_bare(text)) is not None


def without_cast(lines: list[Line]) -> list[Line]:
    """The lines without the list of characters: it goes on to the first act or scene, or where that is far, for one paragraph."""
    head = next(
        (at for at, line in enumerate(lines[:_CAST_WITHIN]) if _heads_cast(line) and (at == 0 or not lines[at - 1].text.strip())), None
    )
    if head is None:
        return lines
    for at in range(head + 1, min(len(lines), head + _LONGEST_CAST)):
        if (found := read_break(lines[at].text, lines[at].number)) and found.rank in {"act", "scene"}:
            return lines[:head] + lines[at:]
    end = head + 1
    while end < len(lines) and not lines[end].text.strip():
        end += 1
    while end < len(lines) and lines[end].text.strip():
        end += 1
    return lines[:head] + lines[end:]


def _heads_cast(line: Line) -> bool:
    title = _bare(line.text) if len(line.text) <= _LONGEST else ""
    return title[:1].isupper() and _CAST.fullmatch(title) is not None


def _bare(text: str) -> str:
    """A heading without the marks around it."""
    return " ".join(text.strip(" _*=#[](){}").replace("_", "").split()).rstrip(".,:;")
