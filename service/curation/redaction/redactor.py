"""Redaction: personal data and secrets are replaced before a text becomes part of a sample."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

from service.curation.redaction.cards import find_cards, find_ibans
from service.curation.redaction.emails import find_emails
from service.curation.redaction.ids import find_id_numbers
from service.curation.redaction.kinds import PLACEHOLDERS, Span
from service.curation.redaction.names import find_names, given_names_in
from service.curation.redaction.network import find_network_addresses
from service.curation.redaction.phones import Phones
from service.curation.redaction.postal import find_postal_addresses
from service.curation.redaction.presidio import Presidio
from service.curation.redaction.reading import Reading
from service.curation.redaction.secrets import find_secrets
from service.errors import CurationError

_ORDER = {kind: place for place, kind in enumerate(PLACEHOLDERS)}
_PLACEHOLDER = re.compile("|".join(re.escape(placeholder) for placeholder in sorted(set(PLACEHOLDERS.values()))))
_MOST_ROUNDS = 20


class Redacted(NamedTuple):
    """A text without personal data, and how many stretches of each kind were replaced (see `kinds`)."""

    text: str
    counts: dict[str, int]


class Redactor:
    """Replaces personal data by placeholders; the same text always gives the same result, and a redacted text stays as it is.

    `regions` (ISO 3166) are the countries whose telephone numbers are known without a prefix; with `presidio`, Presidio looks for
    names and places as well. Raises `CurationError` when it cannot be set up, and from `redact` whenever a finder fails: a text that
    could not be looked through is not given back.
    """

    def __init__(self, *, regions: Sequence[str] = ("US", "GB", "DE"), presidio: bool = False) -> None:
        try:
            phones = Phones(regions)
        except ValueError as error:
            raise CurationError(f"`learning.redaction.regions` names regions whose telephone numbers are not known: {error}.") from None
        self._finders: list[Callable[[Reading], Iterator[Span]]] = [find_secrets, find_emails, find_ibans, find_cards]
        self._finders += [find_id_numbers, phones.find, find_network_addresses, find_postal_addresses]
        if presidio:
            self._finders.append(Presidio().find)

    def redact(self, text: str, names: Collection[str] = (), name_placeholder: str = "[name]") -> Redacted:
        """Replace personal data in a text; `names` are the talker's, and become `name_placeholder`.

        What is left after a replacement is looked through again, until nothing is found: two finds may have overlapped. Placeholders
        are never part of a find.
        """
        counts: dict[str, int] = {}
        try:
            for _ in range(_MOST_ROUNDS):
                spans = self._find(text, names, name_placeholder)
                if not spans:
                    return Redacted(text, counts)
                text = _replace(text, spans, name_placeholder, counts)
        except Exception as error:
            # Neither the message nor the chain of errors is kept: they may quote the text.
            raise CurationError(f"Personal data could not be looked for ({type(error).__name__}); no dataset was made.") from None
        return Redacted(PLACEHOLDERS["secret"], {"secret": 1})

    def _find(self, text: str, names: Collection[str], name_placeholder: str) -> list[Span]:
        reading = Reading(text)
        found = [span for finder in self._finders for span in finder(reading)]
        named = list(find_names(reading, text, names)) if names else []
        if not found and not named:
            return []
        standing = _places(text, name_placeholder) if name_placeholder else []
        found = [span for span in found if not any(start <= span.start and span.end <= end for start, end in standing)]
        found += [span for span in named if not any(start < span.end and span.start < end for start, end in standing)]
        return _without(_merge(found), [match.span() for match in _PLACEHOLDER.finditer(text)])


def given_names(texts: Iterable[str]) -> set[str]:
    """The names that a person gives as their own in their messages. Raises `CurationError` like `Redactor.redact`."""
    try:
        return {name for text in texts for name in given_names_in(text)}
    except Exception as error:
        raise CurationError(f"Names could not be looked for ({type(error).__name__}); no dataset was made.") from None


def _places(text: str, word: str) -> list[tuple[int, int]]:
    """Where a word stands in a text."""
    return [match.span() for match in re.finditer(re.escape(word), text)]


def _merge(spans: list[Span]) -> list[Span]:
    """Spans that do not overlap and cover the same: of those that overlap, the kind that takes precedence."""
    merged: list[Span] = []
    for span in sorted(spans):
        last = merged[-1] if merged else None
        if last and (span.start < last.end or (span.start == last.end and span.kind == last.kind)):
            kind = min(last.kind, span.kind, key=_ORDER.__getitem__)
            merged[-1] = Span(last.start, max(last.end, span.end), kind)
        else:
            merged.append(span)
    return merged


def _without(spans: list[Span], placeholders: list[tuple[int, int]]) -> list[Span]:
    """What of the spans lies outside the placeholders; both in order."""
    if not placeholders:
        return spans
    left: list[Span] = []
    first = 0
    for span in spans:
        while first < len(placeholders) and placeholders[first][1] <= span.start:
            first += 1
        start = span.start
        place = first
        while place < len(placeholders) and placeholders[place][0] < span.end:
            if start < placeholders[place][0]:
                left.append(Span(start, placeholders[place][0], span.kind))
            start = max(start, placeholders[place][1])
            place += 1
        if start < span.end:
            left.append(Span(start, span.end, span.kind))
    return left


def _replace(text: str, spans: list[Span], name_placeholder: str, counts: dict[str, int]) -> str:
    pieces = []
    place = 0
    for span in spans:
        pieces += [text[place : span.start], name_placeholder if span.kind == "name" else PLACEHOLDERS[span.kind]]
        place = span.end
        counts[span.kind] = counts.get(span.kind, 0) + 1
    return "".join([*pieces, text[place:]])
