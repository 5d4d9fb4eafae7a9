"""Postal addresses, as far as they can be told from other talk: a street's name with a house number, and British postcodes."""

import re
from collections.abc import Iterator

from service.curation.redaction.kinds import Span
from service.curation.redaction.reading import Reading

_WORD = r"[A-ZÀ-ÖØ-Þ][\w'\-]{0,24}\.?"
_TOWN = rf"{_WORD}(?: {_WORD}){{0,2}}"
_NO_AMOUNT = r"(?<![\w.,:$€£/])"
_HOUSE_FIRST = rf"{_NO_AMOUNT}[0-9]{{1,5}}"
_HOUSE_LAST = r"[0-9]{1,4} ?[a-zA-Z]?(?![\w])"

_COMPASS = r"(?:(?:N|S|E|W|NE|NW|SE|SW|North|South|East|West)\.? )?"
_ENGLISH_STREETS = (
    r"(?:Street|St|Avenue|Ave|Road|Rd|Lane|Ln|Drive|Dr|Boulevard|Blvd|Court|Ct|Crescent|Close|Terrace|Terr|Parkway|Pkwy|Highway|Hwy|"
    r"Square|Sq|Gardens|Grove|Mews|Circle|Trail|Alley|Way|Place|Pl)(?![\w])\.?"
)
_FLAT = r"(?:,? (?:Apt|Apartment|Flat|Unit|Suite|Ste|#)\.? ?[0-9A-Za-z]{1,5})?"
_STATE = r"(?:,? [A-Z]{2,3},? [0-9]{4,5}(?:-[0-9]{4})?)?(?![0-9])"
_ENGLISH_WORD = rf"(?:{_WORD}|[0-9]{{1,3}}(?:st|nd|rd|th))"
_ENGLISH = rf"{_HOUSE_FIRST}[A-Za-z]?,? {_COMPASS}(?:{_ENGLISH_WORD} ){{1,3}}{_ENGLISH_STREETS}{_FLAT}(?:, {_TOWN})?{_STATE}"

_JOINED = (
    r"straße|strasse|str\.|gasse|allee|platz|weg|ufer|damm|straat|laan|plein|gracht|kade|gatan|vägen|vej|gade|stræde|gränd|torget|"
    r"singel|boulevard|veien|katu|kuja|polku|(?<![Ss]p)(?<![Ss]t)(?<![Bb])ring"
)
_APART = r"Straße|Strasse|Str\.|Gasse|Allee|Platz|Weg|Ufer|Damm|Allé|Ring|Boulevard|Singel"
_GERMANIC_TOWN = rf"(?:,? (?:[A-Z]{{1,2}}-)?[0-9]{{4,5}} (?:[A-Z]{{2}} )?{_TOWN})?"
_NO_STREET = r"(?!(?:Der|Die|Das|Den|Dem|Des|Ein|Eine|Einen|Mein|Kein|Jeder|Zum|Vom|Am|Im) )"
_GERMANIC = rf"(?<!\w){_NO_STREET}{_WORD}(?:[ \-]{_WORD})?(?:(?<=\w)(?:{_JOINED})|[ \-](?:{_APART})) {_HOUSE_LAST}{_GERMANIC_TOWN}"

_FRENCH_STREETS = r"(?:[Rr]ue|[Aa]venue|[Bb]oulevard|[Pp]lace|[Cc]hemin|[Aa]llée|[Ii]mpasse|[Qq]uai)"
_FRENCH_OF = r"(?:de |du |des |la |de la |de l'|d'|le |les ){0,2}"
_FRENCH = (
    rf"{_HOUSE_FIRST}(?: ?(?:bis|ter))?,? {_FRENCH_STREETS} {_FRENCH_OF}{_WORD}(?:[ \-](?:de |du |des |la )?{_WORD}){{0,3}}"
    rf"(?:,? [0-9]{{5}} {_TOWN})?"
)

_SOUTHERN_STREETS = (
    r"(?:Calle|C/|Avenida|Avda\.|Plaza|Paseo|Via|Viale|Piazza|Corso|Vicolo|Borgo|Strada|Largo|Rua|Praça|Travessa|"
    r"ul\.|ulica|Ulica|al\.|plac)"
)
_SOUTHERN_OF = r"(?:de |del |della |dei |da |do |dos |das |la |los |las |di ){0,2}"
_SOUTHERN = (
    rf"(?<!\w){_SOUTHERN_STREETS} ?{_SOUTHERN_OF}{_WORD}(?: (?:de |del |da |do |di )?{_WORD}){{0,3}},? (?:n[.º°]? ?)?{_HOUSE_LAST}"
    rf"(?:,? [0-9]{{2}}-?[0-9]{{3}} {_TOWN})?"
)

_AREA = r"[A-PR-UWYZ](?:[0-9]{1,2}|[A-HK-Y][0-9]{1,2}|[0-9][A-HJKPSTUW]|[A-HK-Y][0-9][A-Z])"
_POSTCODE = rf"(?<![\w])(?:GIR 0AA|{_AREA} [0-9][ABD-HJLNP-UW-Z]{{2}})(?!\w)"

_FORMS = tuple(re.compile(form) for form in (_ENGLISH, _GERMANIC, _FRENCH, _SOUTHERN, _POSTCODE))
# What a text of each form has at least; looking for that is much quicker.
_SIGNS = tuple(
    re.compile(sign)
    for sign in (
        r"[0-9][A-Za-z]?,? (?:[A-Z]|[0-9])",
        rf"(?:{_JOINED}|{_APART}) [0-9]",
        r"(?:ue|oulevard|lace|hemin|llée|mpasse|uai) ",
        r"(?:alle|C/|venida|vda\.|laza|aseo|ia|iale|iazza|orso|icolo|ua|raça|ravessa|orgo|trada|argo|ul\.|lica|al\.|plac) ?",
        r"[0-9][A-Z]? [0-9][A-Z]{2}|GIR",
    )
)


def find_postal_addresses(reading: Reading) -> Iterator[Span]:
    """Streets with house numbers in English, German, Dutch, Scandinavian, French, Spanish, Italian, Portuguese and Polish forms.

    Only capitalised ones: in lower case "5 minute drive" and a street cannot be told apart.
    """
    if not reading.digits:
        return
    for form, sign in zip(_FORMS, _SIGNS, strict=True):
        if sign.search(reading.plain):
            for found in form.finditer(reading.plain):
                yield Span(*found.span(), "postal")
