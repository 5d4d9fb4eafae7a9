"""Keys, tokens and passwords."""

import math
import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

from service.curation.redaction.kinds import Span
from service.curation.redaction.reading import Reading
from service.curation.redaction.vendors import VENDORS
from service.curation.redaction.words import read_words

_TOKEN = re.compile(r"[A-Za-z0-9+/_\-=.:]{16,}")
_SHORTEST_TOKEN = 16
_LONGEST_TOKEN = 2_000
_BESIDE = 64
_RANDOM = re.compile(r"[A-Za-z0-9+/_\-=]{20,}")
_HEX = re.compile(r"(?<![0-9a-fA-F])[0-9a-fA-F]{24,}(?![0-9a-fA-F])")
_KEY_BEFORE = re.compile(r"key|token|secret|passw|auth|credential|signature|bearer|seed|session|cookie")
_BEARER = re.compile(r"(?<!\w)(?:bearer|basic|token) +([A-Za-z0-9+/_\-=.~]{16,2000})", re.IGNORECASE)

_SET = re.compile(
    r"(?<![^\W_])(?:passwor[dt]|passwd|passphrase|passcode|pwd|pw|secret|(?:api|access|secret)[ _\-]?key|auth[ _\-]?token|token|"
    r"client[ _\-]?secret|private[ _\-]?key|contraseña|clave|senha|mot de passe|kennwort|wachtwoord|пароль|密码|パスワード)"
    r"['\"]?\s{0,3}(?:=>|:=|=|:|：)\s{0,3}(?:['\"`]([^'\"`\n]{3,200})['\"`]|([^\s'\"`,;]{4,200}))",
    re.IGNORECASE,
)
_SAID = re.compile(
    r"(?<!\w)(?:passwor[dt]|passcode|passphrase|pwd|contraseña|senha|mot de passe|kennwort|wachtwoord)"
    r"(?: (?:for|to|of|on|at|para|für|pour) [^\n.,:;!?]{1,40}?)? (?:is|was|ist|lautet|es|est|é|war|should be|to)(?: now| still)?:? "
    r"(?:['\"“‘`]([^'\"”’`\n]{3,100})['\"”’`]|([^\s,;]{4,100}?)(?=[.!?,;]*(?:\s|$)))",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W\d_]+(?:['-][^\W\d_]+)*")
_CODE = re.compile(r"(?:os\.|sys\.|process\.|env|config|settings|self\.|input|getpass|getenv|prompt)[\w.]*[(\[].*|\$\{?[A-Z_]+\}?|<[^>]*>")
"""A value that a program takes from elsewhere: os.environ[..., getpass(..., ${PASSWORD}."""
_PIN = re.compile(
    r"(?<!\w)(?:pins?|pin ?(?:code|number)|passcode|(?:door|gate|access|alarm|safe|entry|security|unlock|lock|verification) ?code|otp|"
    r"one-time (?:code|password)|geheimzahl|código pin)(?: (?:for|to|of|on) [^\n.,:;!?0-9]{1,30}?)?"
    r"(?: is| was| ist| es| est|:| =|=)(?: now| still)? {0,2}#?([0-9]{3,8})(?![\w.,:]*[0-9a-z%])",
    re.IGNORECASE,
)
_PASSWORDS = ("passw", "passc", "passp", "pwd", "pw", "clave", "contraseña", "senha", "mot de passe", "kennwort", "wachtwoord")
_PINS = ("pin", "passcode", "code", "otp", "one-time", "geheimzahl")
_BEARERS = ("bearer ", "basic ", "token ")
_SECRET_WORDS = (
    "pass",
    "pwd",
    "pw",
    "secret",
    "key",
    "token",
    "pin",
    "code",
    "otp",
    "contraseña",
    "clave",
    "senha",
    "kennwort",
    "wachtwoord",
)
_SECRET_WORDS_ELSEWHERE = ("geheimzahl", "пароль", "密码", "パスワード", "bearer")
_BEGIN = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|PuTTY-User-Key-File-[0-9]:")
_END = re.compile(r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|Private-MAC: [0-9a-f]+")

_URL = re.compile(r"://[^\s<>\"'`]+")
_QUERY = re.compile(
    r"[?&#;](?:[a-z0-9_.\-]{0,20}(?:token|key|secret|passw(?:or)?d|pwd|signature|session)|auth|authorization|sig|sid|code|otp|jwt|sess|"
    r"phpsessid|jsessionid|pass|pin|nonce|ticket|invite|hash|credential|x-amz-credential)=([^&#;\s]{1,2000})"
)


def find_secrets(reading: Reading) -> Iterator[Span]:
    """Private-key blocks, vendors' tokens, random-looking strings, what is said or set to be a password, credentials in URLs."""
    if "-----BEGIN" in reading.plain or "PuTTY" in reading.plain:
        yield from _private_keys(reading.plain)
    if "://" in reading.plain:
        yield from _within_urls(reading)
    if any(word in reading.lower for word in _SECRET_WORDS) or any(word in reading.lower for word in _SECRET_WORDS_ELSEWHERE):
        yield from _named(reading)
    if reading.digits and any(len(word) >= _SHORTEST_TOKEN for word in reading.plain.split()):
        yield from _tokens(reading)


def _private_keys(plain: str) -> Iterator[Span]:
    """From BEGIN to END; a block that is broken off goes to the end of the text."""
    place = 0
    while begin := _BEGIN.search(plain, place):
        end = _END.search(plain, begin.end())
        place = end.end() if end else len(plain)
        yield Span(begin.start(), place, "secret")


def _within_urls(reading: Reading) -> Iterator[Span]:
    for url in _URL.finditer(reading.plain):
        start = url.start() + 3
        authority = re.split(r"[/?#]", url[0][3:], maxsplit=1)[0]
        credentials, at, _ = authority.rpartition("@")
        if at and ":" in credentials:
            yield Span(start, start + len(authority), "secret")
        for value in _QUERY.finditer(reading.lower, url.start(), url.end()):
            yield Span(*value.span(1), "secret")


def _is_within_url(plain: str, place: int) -> bool:
    """Whether the word that a place is in has begun as a URL, whose query ends a value with an ampersand."""
    before = plain[max(0, place - _LONGEST_TOKEN) : place]
    return "://" in before and not re.search(r"\s", before[before.rindex("://") :])


def _named(reading: Reading) -> Iterator[Span]:
    if "=" in reading.lower or ":" in reading.lower or "：" in reading.lower:
        yield from _set(reading)
    if any(word in reading.lower for word in _PASSWORDS):
        yield from _said(reading)
    if reading.digits and any(word in reading.lower for word in _PINS):
        for found in _PIN.finditer(reading.plain):
            yield Span(*found.span(1), "secret")
    if reading.digits and any(word in reading.lower for word in _BEARERS):
        for found in _BEARER.finditer(reading.plain):
            if any(letter.isdigit() for letter in found[1]):
                yield Span(*found.span(1), "secret")


def _set(reading: Reading) -> Iterator[Span]:
    """Values beside a colon or an equals sign: password: hunter2."""
    for found in _SET.finditer(reading.plain):
        start, end = found.span(1 if found[1] else 2)
        plain_word = reading.plain[found.start() : found.end()].lower().startswith(_PASSWORDS)
        if _is_value(reading.plain[start:end], set_to=plain_word) and not _is_within_url(reading.plain, start):
            yield Span(start, end, "secret")


def _said(reading: Reading) -> Iterator[Span]:
    """What is said to be a password: my password is hunter2."""
    for found in _SAID.finditer(reading.plain):
        start, end = found.span(1 if found[1] else 2)
        last = _ENDS.match(reading.plain, found.end()) is not None
        if found[1] or _is_value(reading.plain[start:end], set_to=last):
            yield Span(start, end, "secret")


def _is_value(value: str, *, set_to: bool) -> bool:
    """Whether a word is a password and not a remark on one. A plain word is taken for one only where nothing else is said (`set_to`)."""
    if _CODE.fullmatch(value):
        return False
    if _WORD.fullmatch(value):
        return (set_to and value.lower() not in _REMARKS) or _is_mixed(value)
    return True


def _is_mixed(word: str) -> bool:
    return not (word.islower() or word.isupper() or word.istitle())


_REMARKS = read_words("password_remarks.txt")
_ENDS = re.compile(r"[.!?,;]*\s*(?:$|\n)|[.!?;]+\s")


def _tokens(reading: Reading) -> Iterator[Span]:
    plain = reading.plain
    for token in _TOKEN.finditer(plain):
        start, end = token.span()
        if not _has_digit_and_letter(token[0]):
            continue
        if end - start > _LONGEST_TOKEN:
            yield Span(start, end, "secret")
            continue
        window = max(0, start - _BESIDE), min(len(plain), end + 2)
        for pattern in VENDORS:
            for found in pattern.finditer(plain, *window):
                yield Span(*found.span(), "secret")
        for part in _RANDOM.finditer(plain, start, end):
            if _looks_random(part[0]):
                yield Span(*part.span(), "secret")
        for part in _HEX.finditer(plain, start, end):
            if not part[0].isdigit() and _KEY_BEFORE.search(reading.before(part.start())):
                yield Span(*part.span(), "secret")


def _has_digit_and_letter(token: str) -> bool:
    return not token.isalpha() and any(letter.isdigit() for letter in token) and any(letter.isalpha() for letter in token)


_FEWEST_DIGITS = 3
_LEAST_ENTROPY = 3.9
_LEAST_CHANGES = 0.3


def _looks_random(token: str) -> bool:
    """Upper and lower case and digits through each other, as in no word, name of a file or identifier; hexadecimal does not count.

    Bits per character (Shannon) alone, as in detect-secrets, take long identifiers for keys; how often the kind of character changes
    tells them apart: of two neighbours in random base64 six in ten differ in kind.
    """
    kinds = ["d" if letter.isdigit() else "u" if letter.isupper() else "l" if letter.islower() else "s" for letter in token]
    if kinds.count("d") < _FEWEST_DIGITS or "u" not in kinds or "l" not in kinds:
        return False
    changes = sum(one != other for one, other in pairwise(kinds)) / len(token)
    counts = Counter(token).values()
    entropy = -sum(count / len(token) * math.log2(count / len(token)) for count in counts)
    return changes >= _LEAST_CHANGES and entropy >= _LEAST_ENTROPY
