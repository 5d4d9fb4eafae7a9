"""Telephone numbers, with the country's prefix and without."""

import re
from collections.abc import Iterator, Sequence

import phonenumbers

from service.curation.redaction.kinds import Span
from service.curation.redaction.numbers import Number, numbers_from, runs_of
from service.curation.redaction.reading import Reading

_FEWEST, _MOST = 7, 15
_NAMED = re.compile(
    r"(?<![a-z])(?:phone|telephone|tel|mobile|cell|cellphone|whatsapp|signal|landline|fax|sms|dial|ring|call(?: me| us)?(?: back)?|"
    r"text me|my number|reach me|reach us|contact me|hotline|telefon\w*|handy\w*|rufnummer|meine nummer|ruf\w* mich|"
    r"téléphone|appelle\w*|mon numéro|portable|teléfono|llám\w*|mi número|móvil|celular|telefono|chiama\w*|"
    r"il mio numero|cellulare|telefone|me liga|ligue|meu número|telemóvel|telefoon|bel me|mijn nummer|mobiel)(?![a-z])"
    r"[^0-9\n]{0,24}$"
)
_NAMED_AFTER = re.compile(r"[^0-9\n]{0,6}(?:is|=|-|:)? ?(?:is )?(?:my|our|the)? ?(?:phone|mobile|cell|number|telephone|whatsapp)(?![a-z])")
_OTHER = re.compile(
    r"(?:order|invoice|isbn|issn|ticket|tracking|serial|version|part|model|sku|item|doi|reference|ref|case|parcel|build|"
    r"bestell\w*|rechnung\w*|commande|pedido|#|№|[$€£¥])(?:(?<=\w)(?: (?:no|number|nr|id))?\.?)?(?: is|:)? ?[#($]?$"
)
_DATE = re.compile(r"[0-9]{1,2}([./\-])[0-9]{1,2}\1[0-9]{2,4}(?: .*)?|(?:1[0-9]|20)[0-9]{2}([./\- ])[0-9]{1,2}\2[0-9]{1,2}(?: .*)?")
_AMERICAN = re.compile(r"(?:1[ .\-]?)?(?:\([2-9][0-9]{2}\) ?|[2-9][0-9]{2}[ .\-/])[2-9][0-9]{2}[ .\-][0-9]{4}")
_TABLE = re.compile(r"[0-9]{1,3}(?:[.,][0-9]{3})+")
_AMERICAN_REGIONS = frozenset({"US", "CA"})
_MOST_WORDS_BESIDE = 14
_SHORTEST_PREFIXED = 8
_SURELY_PREFIXED = 10


class Phones:
    """Finds telephone numbers; those without a country's prefix as they are dialled in `regions` (ISO 3166, two letters)."""

    def __init__(self, regions: Sequence[str]) -> None:
        unknown = sorted(set(regions) - phonenumbers.SUPPORTED_REGIONS)
        if unknown:
            raise ValueError(", ".join(unknown))
        self._regions = tuple(regions)
        self._american = bool(_AMERICAN_REGIONS & set(regions))
        self._prefixes = {region: _national_prefix(region) for region in regions}

    def find(self, reading: Reading) -> Iterator[Span]:
        """A number with its prefix, a number in the grouping or form of a region, or any number that is said to be one's telephone's."""
        for groups in runs_of(reading):
            place = 0
            while place < len(groups):
                for number in numbers_from(reading, groups, place, _FEWEST):
                    if len(number.digits) <= _MOST and self._is_phone(reading, number, place == 0):
                        yield Span(number.start, number.end, "phone")
                        place = number.last
                        break
                place += 1

    def _is_phone(self, reading: Reading, number: Number, leads: bool) -> bool:
        written = number.written.lstrip("(")
        if written.startswith("+"):
            return _is_international(number.digits)
        if written.startswith("00"):
            return _is_valid(f"+{number.digits[2:]}", None)
        if _DATE.fullmatch(written) or _TABLE.fullmatch(written):
            return False
        american = self._american and _AMERICAN.fullmatch(number.written) is not None
        if not (american or leads or written.startswith("0") or number.last > 0):
            return False
        before = reading.before(number.start)
        if _OTHER.search(before):
            return False
        if american:
            return True
        if leads and (_NAMED.search(before) or _NAMED_AFTER.match(reading.after(number.end))):
            return True
        return self._is_national(number, written, alone=leads and _stands_alone(reading, number))

    def _is_national(self, number: Number, written: str, *, alone: bool) -> bool:
        """Whether it is a number of one of the regions, and looks like one without anybody saying so, or is all that is said."""
        grouped = len(number.digits) < len(written)
        for region in self._regions:
            prefix = self._prefixes[region]
            if prefix and number.digits.startswith(prefix):
                likely = len(number.digits) >= (9 if grouped else 10)
            else:
                likely = alone or (prefix is None and len(re.split(r"[^0-9]+", written)) >= 3 and len(number.digits) >= 8)
            if likely and _is_valid(number.digits, region):
                return True
        return False


def _stands_alone(reading: Reading, number: Number) -> bool:
    """Whether the number is nearly all that its line says: the answer to a question for it."""
    line = len(reading.before(number.start, _MOST_WORDS_BESIDE + 1).strip()) + len(
        reading.after(number.end, _MOST_WORDS_BESIDE + 1).strip()
    )
    return line <= _MOST_WORDS_BESIDE and len(number.digits) >= 9


def _is_international(digits: str) -> bool:
    """Whether a number with a plus is one; what is only possible is one too: countries set numbers aside for films."""
    if len(digits) < _SHORTEST_PREFIXED:
        return False
    try:
        parsed = phonenumbers.parse(f"+{digits}", None)
    except phonenumbers.NumberParseException:
        return False
    return phonenumbers.is_valid_number(parsed) or (len(digits) >= _SURELY_PREFIXED and phonenumbers.is_possible_number(parsed))


def _is_valid(digits: str, region: str | None) -> bool:
    try:
        parsed = phonenumbers.parse(digits, region)
    except phonenumbers.NumberParseException:
        return False
    return phonenumbers.is_valid_number(parsed)


def _national_prefix(region: str) -> str | None:
    """The digits that stand before a number that is dialled within the region, where there are any and they can be told (0, 06, 8)."""
    metadata = phonenumbers.PhoneMetadata.metadata_for_region(region)
    prefix = metadata.national_prefix if metadata else None
    return prefix if prefix and region not in _AMERICAN_REGIONS else "1" if region in _AMERICAN_REGIONS else None
