"""E-mail addresses."""

import re
from collections.abc import Iterator

from service.curation.redaction.kinds import Span
from service.curation.redaction.reading import LETTER, Reading

_DOMAIN = re.compile(
    rf"(?:@|%40)(?:[{LETTER}][{LETTER}_\-]{{0,62}}\.){{1,8}}(?:xn--[a-z0-9\-]{{2,59}}|[a-z\u00c0-\u0dff]{{2,24}})(?![{LETTER}])",
    re.IGNORECASE,
)
_LOCAL = re.compile(r"(?:\"[^\"\n]{1,62}\"|[0-9A-Za-z_\u00c0-\u0dff.!#$%&'*+/=?^`{|}~\-]{1,64})$")
_SPOKEN = re.compile(
    r"(?<![\w.])[\w.+\-]{2,64} ?(?:\(at\)|\[at\]|\{at\}| at ) ?"
    r"[a-z0-9\-]{2,63}(?: ?(?:\(dot\)|\[dot\]|\{dot\}| dot ) ?[a-z0-9\-]{2,24}){1,3}(?!\w)|"
    r"(?<![\w.])[\w.+\-]{2,64} ?(?:\(at\)|\[at\]|\{at\}) ?[a-z0-9\-]{2,63}(?:\.[a-z0-9\-]{2,24}){1,3}(?!\w)"
)
_SPOKEN_SIGNS = (" dot ", "(dot)", "[dot]", "{dot}", "(at)", "[at]", "{at}")
_LONGEST_LOCAL = 64


def find_emails(reading: Reading) -> Iterator[Span]:
    """E-mail addresses; `git@host` is the name of a service, not of a person."""
    plain = reading.plain
    if "@" in plain or "%40" in plain:
        for domain in _DOMAIN.finditer(plain):
            local = _LOCAL.search(plain[max(0, domain.start() - _LONGEST_LOCAL) : domain.start()])
            if local is None:
                continue
            name = re.split(r"[=&?/]", local[0])[-1].lstrip("'`{|.*#!") or local[0]
            if name.lower() != "git":
                yield Span(domain.start() - len(name), domain.end(), "email")
    if any(sign in reading.lower for sign in _SPOKEN_SIGNS):
        for spoken in _SPOKEN.finditer(reading.lower):
            yield Span(*spoken.span(), "email")
