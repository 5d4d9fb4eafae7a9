"""Telephone numbers, with the country's prefix and without."""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

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
_NAMED_AFTER = re.compile(
    r"[^0-9\n]{0,6}(?:is|=|-|:)? ?(?:is )?(?:my|our|the|his|her|their) ?(?:phone|mobile|cell|number|telephone|whatsapp)(?![a-z])"
)
_OTHER = re.compile(
    r"(?:order|invoice|isbn|issn|ticket|tracking|serial|version|part|model|sku|item|doi|reference|ref|case|parcel|build|"
    r"bestell\w*|rechnung\w*|commande|pedido|#|№|[$€£¥])(?:(?<=\w)(?: (?:no|number|nr|id))?\.?)?(?: is|:)? ?[#($]?$"
)
_DATE = re.compile(r"[0-9]{1,2}([./\-])[0-9]{1,2}\1[0-9]{2,4}(?: .*)?|(?:1[0-9]|20)[0-9]{2}([./\- ])[0-9]{1,2}\2[0-9]{1,2}(?: .*)?")
_AMERICAN = re.compile(r"(?:1[ .\-]?)?(?:\([2-9][0-9]{2}\) ?|[2-9][0-9]{2}[ .\-/])[2-9][0-9]{2}[ .\-][0-9]{4}")
_DIALLED = re.compile(
    r"0[1-9](?:[ .]?[0-9]{2}){4}|\(?0[1-9][0-9]{1,4}\)?[ .\-/]{1,3}[0-9]{3}(?:[ .\-]?[0-9]){2,6}|"
    r"0[1-9][0-9]{1,3}-[0-9]{2,3}(?: [0-9]{2}){2}"
)
"""As numbers are dialled within most countries, known or not: an area code that begins with a nought, set off from the rest."""
_EXTENSION = re.compile(r",? ?(?:x|ext\.?|extension|durchwahl|poste) ?[0-9]{1,6}(?![0-9])")
_OTHER_FORM = re.compile(r"[0-9]{1,3}(?:[.,][0-9]{3})+|(?:[0-9]{1,3}\.){3}[0-9]{1,3}|[0-9]\.[0-9]+|[0-9]{1,5}-[0-9]{2,7}-[0-9]{1,7}-[0-9]")
_AMERICAN_REGIONS = frozenset({"US", "CA"})
_MOST_BESIDE = 14
_FEWEST_ALONE = 10
_FEWEST_GROUPED = 9
_FEWEST_SPLIT = 8
_FURTHER = re.compile(r"[ .\-/]{1,3}[0-9]")
_GOES_ON = re.compile(r"-[0-9]")
_GAP = re.compile(r"[^0-9]+")
_SHORTEST_PREFIXED = 8
_SURELY_PREFIXED = 10


class Phones:
    """Finds telephone numbers; those without a country's prefix as they are dialled in `regions` (ISO 3166, two letters)."""

    def __init__(self, regions: Sequence[str]) -> None:
        unknown = sorted(set(regions) - phonenumbers.SUPPORTED_REGIONS)
        if unknown:
            raise ValueError(", ".join(unknown))
        self._american = bool(_AMERICAN_REGIONS & set(regions))
        self._prefixes = {region: _national_prefix(region) for region in regions}

    def find(self, reading: Reading) -> Iterator[Span]:
        """A number with its prefix, a number in the grouping or form of a region, or any number that is said to be one's telephone's."""
        if not reading.number:
            return
        for groups in runs_of(reading):
            place = 0
            while place < len(groups):
                for number in numbers_from(reading, groups, place, _FEWEST, _MOST):
                    if self._is_phone(reading, number, place == 0):
                        extension = _EXTENSION.match(reading.lower, number.end)
                        yield Span(number.start, extension.end() if extension else number.end, "phone")
                        place = number.last
                        break
                place += 1

    def _is_phone(self, reading: Reading, number: Number, leads: bool) -> bool:
        written = number.written.lstrip("(")
        if written.startswith("+"):
            return _is_international(number.digits)
        if written.startswith("00"):
            return _is_valid(f"+{number.digits[2:]}", None)
        if _DATE.fullmatch(written) or _OTHER_FORM.fullmatch(written) or _GOES_ON.match(reading.plain, number.end):
            return False
        american = self._american and _AMERICAN.fullmatch(number.written) is not None
        if not (american or leads or written.startswith("0") or number.last > 0):
            return False
        before = reading.before(number.start)
        if _OTHER.search(before):
            return False
        if american:
            return True
        if leads and _is_dialled(reading, number):
            return True
        if leads and (_NAMED.search(before) or _NAMED_AFTER.match(reading.after(number.end))):
            return True
        return self._is_national(number, written, alone=leads and _stands_alone(reading, number))

    def _is_national(self, number: Number, written: str, *, alone: bool) -> bool:
        """Whether it is a number of one of the regions, and looks like one without anybody saying so, or is all that is said."""
        size = len(number.digits)
        grouped = size < len(written)
        for region, prefix in self._prefixes.items():
            if prefix and number.digits.startswith(prefix):
                likely = size >= (_FEWEST_GROUPED if grouped else _FEWEST_ALONE)
            else:
                # Without a prefix that tells it, only the grouping does; in North America `_AMERICAN` has judged that.
                likely = not prefix and region not in _AMERICAN_REGIONS and size >= _FEWEST_SPLIT and len(_GAP.findall(written)) > 1
            if (likely or alone) and _is_valid(number.digits, region):
                return True
        return False


def _is_dialled(reading: Reading, number: Number) -> bool:
    """Whether a number has the form that numbers have at home in most countries, and no further number follows as in a row of them."""
    grouped = _FEWEST_GROUPED <= len(number.digits) < len(number.written)
    return grouped and _DIALLED.fullmatch(number.written) is not None and _FURTHER.match(reading.plain, number.end) is None


def _stands_alone(reading: Reading, number: Number) -> bool:
    """Whether the number is nearly all that its line says: the answer to a question for it."""
    beside = len(reading.before(number.start).strip()) + len(reading.after(number.end).strip())
    return beside <= _MOST_BESIDE and len(number.digits) >= _FEWEST_ALONE


def _is_international(digits: str) -> bool:
    """Whether a number with a plus is one; what is only possible is one too: countries set numbers aside for films."""
    if len(digits) < _SHORTEST_PREFIXED:
        return False
    try:
        parsed = phonenumbers.parse(f"+{digits}", None)
    except phonenumbers.NumberParseException:
        return False
    return phonenumbers.is_valid_number(parsed) or (len(digits) >= _SURELY_PREFIXED and phonenumbers.is_possible_number(parsed))


@lru_cache(maxsize=4_096)
def _is_valid(digits: str, region: str | None) -> bool:
    try:
        parsed = phonenumbers.parse(digits, region)
    except phonenumbers.NumberParseException:
        return False
    return phonenumbers.is_valid_number(parsed)


def _national_prefix(region: str) -> str | None:
    """The digits that stand before a number that is dialled within the region, where there are any (0, 06, 8)."""
    metadata = phonenumbers.PhoneMetadata.metadata_for_region(region)
    return metadata.national_prefix if metadata and region not in _AMERICAN_REGIONS else None
