"""Numbers that a state or a bank knows a person by."""

import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import NamedTuple

from stdnum import get_cc_module

from service.curation.redaction.kinds import Span
from service.curation.redaction.reading import LETTER, Reading


class _Form(NamedTuple):
    """How numbers of one kind are written, and the modules of python-stdnum whose check makes one of them sure; none: the form suffices."""

    written: str
    modules: tuple[tuple[str, str], ...] = ()


_FORMS = (
    _Form(r"[0-9]{3}-[0-9]{2}-[0-9]{4}"),  # US: Social Security number, ITIN
    _Form(r"(?:QQ|[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]) ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[A-D]"),  # GB: National Insurance number
    _Form(r"[12] ?[0-9]{2} ?[0-9]{2} ?(?:[0-9]{2}|2[AB]) ?[0-9]{3} ?[0-9]{3} ?[0-9]{2}", (("fr", "nir"),)),
    _Form(r"(?:[0-9]{8}|[0-9]{2}\.[0-9]{3}\.[0-9]{3})-?[A-Z]", (("es", "dni"),)),
    _Form(r"[XYZ]-?[0-9]{7}-?[A-Z]", (("es", "nie"),)),
    _Form(r"[A-Z]{3} ?[A-Z]{3} ?[0-9LMNP-V]{2}[A-EHLMPRST][0-9LMNP-V]{2} ?[A-Z][0-9LMNP-V]{3}[A-Z]", (("it", "codicefiscale"),)),
    _Form(r"[0-9]{6}[-+A-FU-Y][0-9]{3}[0-9A-FHJ-NPR-Y]", (("fi", "hetu"), ("is_", "kennitala"), ("se", "personnummer"))),
    _Form(r"(?:19|20)?[0-9]{6}[-+][0-9]{4}", (("se", "personnummer"),)),
    _Form(r"[0-9]{6}/[0-9]{3,4}", (("cz", "rc"), ("sk", "rc"))),
    _Form(r"[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}", (("br", "cpf"),)),
    _Form(r"(?<![0-9] )[2-9][0-9]{3}[ -][0-9]{4}[ -][0-9]{4}(?! [0-9])", (("in_", "aadhaar"),)),
    _Form(r"[A-Z]{3}[ABCFGHJLPT][A-Z][0-9]{4}[A-Z]"),  # IN: permanent account number
    _Form(r"[0-9]{17}[0-9X]", (("cn", "ric"),)),
    _Form(r"[0-9]{6}-[0-9]{7}", (("kr", "rrn"),)),
    _Form(r"[0-9]{6}-[0-9]{2}-[0-9]{4}", (("my", "nric"),)),
    _Form(r"[A-Z]{4}[0-9]{6}[HM][A-Z]{5}[0-9A-Z][0-9]", (("mx", "curp"),)),
    _Form(r"[0-9]{2}-[0-9]{8}-[0-9]", (("ar", "cuit"),)),
    _Form(r"[0-9]{1,2}\.[0-9]{3}\.[0-9]{3}-[0-9K]", (("cl", "rut"),)),
    _Form(r"756[. ]?[0-9]{4}[. ]?[0-9]{4}[. ]?[0-9]{2}", (("ch", "ssn"),)),
    _Form(r"[0-9]{2}\.[0-9]{2}\.[0-9]{2}-[0-9]{3}\.[0-9]{2}", (("be", "nn"),)),
    _Form(r"[0-9]{5}-[0-9]{7}-[0-9]", (("pk", "cnic"),)),
    _Form(r"[0-9]-[0-9]{4}-[0-9]{5}-[0-9]{2}-[0-9]", (("th", "pin"),)),
    _Form(r"[0-9]{3}-[0-9]{7}-[0-9]", (("do", "cedula"),)),
    _Form(r"[0-9]{8} ?[0-9] ?[A-Z0-9]{2}[0-9]", (("pt", "cc"),)),
    _Form(r"[0-9]{6} ?[0-9]{5}", (("no", "fodselsnummer"),)),
    _Form(r"[0-9]{13}", (("za", "idnr"), ("ro", "cnp"), ("si", "emso"))),
)
# A number begins where no letter, digit, decimal point or currency stands before it.
_NUMBERS = tuple((re.compile(rf"(?<![{LETTER}_.,$€£/+\-])(?:{form.written})(?![{LETTER}_\-/]|[.,][0-9])"), form.modules) for form in _FORMS)

_NAMES = re.compile(
    r"(?<![^\W_])(?:ssn|itin|social security|social insurance|national insurance|nino?\b|nhs|passport|passport number|driver'?s licen[cs]e|"
    r"driving licen[cs]e|licen[cs]e number|(?:my|your|national|tax(?:payer)?|citizen|personal|identity|student|employee|voter|health) id|"
    r"id (?:card|number|no)|identity (?:card|number)|personal (?:number|code)|tax (?:file|number|code|reference)|taxpayer (?:id|number)|"
    r"tfn|utr|sin\b|medicare|aadhaar|pan card|pan number|bank account|account (?:number|no)|acct|routing(?: number)?|sort code|iban|"
    r"pesel|cpf|cpr|bsn|burgerservicenummer|sofinummer|personnummer|fødselsnummer|fodselsnummer|hetu|henkilötunnus|kennitala|rodné číslo|"
    r"dni|nie|nif|nss|curp|rfc|cuit|cuil|rut|cédula|cedula|codice fiscale|carta d'identità|"
    r"numéro de sécurité sociale|sécu|carte d'identité|steuer-?id\w*|steueridentifikationsnummer|steuernummer|"
    r"idnr|ausweisnummer|personalausweis\w*|"
    r"reisepass\w*|sozialversicherungsnummer|versicherungsnummer|kontonummer|führerschein\w*|ahv|avs|passeport|pasaporte|passaporto|passaporte|paspoort\w*|tckn|kimlik|oib|egn|"
    r"cnp|amka|afm|nric|mykad|hkid|nik|ktp|rrn|pps|ppsn|snils|inn|снилс|инн|паспорт|身份证|身份證|マイナンバー|주민등록번호)"
)
_NAMED = re.compile(
    rf"[^0-9\n]{{0,32}}?(?<![{LETTER}])"
    r"((?:[A-Z]{1,4}[ \-]?|[a-z]{1,3})?[0-9](?:[ .\-/]?[0-9]){3,18}(?:[ \-]?[A-Z]{1,3}|[a-z]{1,2}(?![^\W_])|[ \-]?\([0-9A-Za-z]\))?|"
    r"(?=[A-Za-z]{0,8}[0-9])[0-9A-Za-z]{6,20})(?![^\W_])"
)
_DATE = re.compile(r"[0-9]{1,2}[./\- ][0-9]{1,2}[./\- ][0-9]{2,4}|(?:19|20)[0-9]{2}(?:[./\-][0-9]{1,2}){0,2}(?:-(?:19|20)[0-9]{2})?")
_FEWEST_DIGITS = 4
_FEWEST = 6
_SHORT = re.compile(r"[A-Z] ?[0-9]{4}|[0-9]{4} ?[A-Z]")
"""What an id has at least."""


def find_id_numbers(reading: Reading) -> Iterator[Span]:
    """Numbers whose form and check digits make them ids, and numbers that the words before them call an id, right or mistyped."""
    if not reading.number and not (reading.digits and _SHORT.search(reading.plain)):
        return
    for form, modules in _NUMBERS:
        for found in form.finditer(reading.plain):
            if not modules or any(check(found[0]) for check in _checks(modules)):
                yield Span(*found.span(), "id_number")
    for name in _NAMES.finditer(reading.lower):
        named = _NAMED.match(reading.plain, name.end())
        if named and (_could_be_id(named[1]) or name[0] == "sort code"):
            yield Span(*named.span(1), "id_number")


def _could_be_id(written: str) -> bool:
    digits = sum(letter.isdigit() for letter in written)
    return digits >= _FEWEST_DIGITS and len(written) >= _FEWEST and not _DATE.fullmatch(written)


@cache
def _checks(modules: tuple[tuple[str, str], ...]) -> list[Callable[[str], bool]]:
    found = [get_cc_module(country, name) for country, name in modules]
    return [module.is_valid for module in found if module is not None]
