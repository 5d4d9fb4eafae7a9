"""Payment cards and international bank account numbers."""

import re
from collections.abc import Iterator
from functools import cache

from stdnum import iban, luhn, numdb

from service.curation.redaction.kinds import Span
from service.curation.redaction.numbers import numbers_from, runs_of
from service.curation.redaction.reading import LETTER, Reading

# Issuers' prefixes and lengths: ISO/IEC 7812, as the networks publish them.
_ISSUERS = re.compile(
    r"4(?:[0-9]{12}|[0-9]{15}|[0-9]{18})"  # Visa
    r"|(?:5[1-5][0-9]{2}|222[1-9]|22[3-9][0-9]|2[3-6][0-9]{2}|27[01][0-9]|2720)[0-9]{12}"  # Mastercard
    r"|3[47][0-9]{13}"  # American Express
    r"|(?:6011|64[4-9][0-9]|65[0-9]{2})[0-9]{12,15}"  # Discover
    r"|3(?:0[0-5]|095|6[0-9]|[89][0-9])[0-9]{11,16}"  # Diners Club
    r"|35[0-9]{14,17}"  # JCB
    r"|62[0-9]{14,17}"  # UnionPay
    r"|220[0-4][0-9]{12,15}"  # Mir
    r"|(?:5018|5020|5038|5893|6304|6759|676[1-3])[0-9]{8,15}"  # Maestro
    r"|(?:60|81|82|508)[0-9]{13,14}"  # RuPay
)
_CODE = re.compile(
    r"(?<!\w)(?:cvv2?|cvc2?|cv2|card security code|card verification)(?: (?:number|code))?(?: is|:| =|=)? {0,2}([0-9]{3,4})(?!\w)"
)
_WRITTEN = re.compile(r"[0-9]+(?:[ \-][0-9]+)*")
_FEWEST, _MOST = 12, 19
_IBAN = re.compile(rf"(?<![{LETTER}])[A-Za-z]{{2}}[0-9]{{2}}(?=[ \-]?[A-Za-z0-9]{{4}})")
_LONGEST_IBAN = 34


def find_cards(reading: Reading) -> Iterator[Span]:
    """Card numbers that an issuer could have given and whose check digit (Luhn) is right, and security codes that are named so."""
    for groups in runs_of(reading) if reading.number else ():
        place = 0
        while place < len(groups):
            for number in numbers_from(reading, groups, place, _FEWEST, _MOST):
                if _ISSUERS.fullmatch(number.digits) and _WRITTEN.fullmatch(number.written) and luhn.is_valid(number.digits):
                    yield Span(number.start, number.end, "card")
                    place = number.last
                    break
            place += 1
    if reading.digits and ("cv" in reading.lower or "card " in reading.lower):
        for code in _CODE.finditer(reading.lower):
            yield Span(*code.span(1), "card")


def find_ibans(reading: Reading) -> Iterator[Span]:
    """International bank account numbers, by their country's form and check digits (ISO 13616)."""
    if not reading.number:
        return
    plain = reading.plain
    for begin in _IBAN.finditer(plain):
        length = _lengths().get(begin[0][:2].upper())
        end = begin.start()
        taken = 0
        while length and end < len(plain) and taken < length:
            if plain[end].isascii() and plain[end].isalnum():
                taken += 1
            elif plain[end] not in " -.":
                break
            end += 1
        if taken == length and not plain[end : end + 1].isalnum() and iban.is_valid(plain[begin.start() : end], check_country=False):
            yield Span(begin.start(), end, "iban")


@cache
def _lengths() -> dict[str, int]:
    """How many characters an account number of each country has."""
    lengths = {}
    for first in "ABCDEFGHIJKLMNOPQRSTUVWXYZ":
        for second in "ABCDEFGHIJKLMNOPQRSTUVWXYZ":
            form = numdb.get("iban").info(first + second + "00")[0][1].get("bban")
            if form:
                lengths[first + second] = 4 + sum(int(size) for size in re.findall(r"([0-9]+)!", form))
    return lengths
