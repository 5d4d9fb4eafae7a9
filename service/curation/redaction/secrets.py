"""Keys, tokens and passwords."""

import math
import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

from detect_secrets.plugins.artifactory import ArtifactoryDetector
from detect_secrets.plugins.aws import AWSKeyDetector
from detect_secrets.plugins.azure_storage_key import AzureStorageKeyDetector
from detect_secrets.plugins.base import RegexBasedDetector
from detect_secrets.plugins.cloudant import CloudantDetector
from detect_secrets.plugins.discord import DiscordBotTokenDetector
from detect_secrets.plugins.github_token import GitHubTokenDetector
from detect_secrets.plugins.gitlab_token import GitLabTokenDetector
from detect_secrets.plugins.ibm_cloud_iam import IbmCloudIamDetector
from detect_secrets.plugins.ibm_cos_hmac import IbmCosHmacDetector
from detect_secrets.plugins.jwt import JwtTokenDetector
from detect_secrets.plugins.mailchimp import MailchimpDetector
from detect_secrets.plugins.npm import NpmDetector
from detect_secrets.plugins.openai import OpenAIDetector
from detect_secrets.plugins.pypi_token import PypiTokenDetector
from detect_secrets.plugins.sendgrid import SendGridDetector
from detect_secrets.plugins.slack import SlackDetector
from detect_secrets.plugins.softlayer import SoftlayerDetector
from detect_secrets.plugins.square_oauth import SquareOAuthDetector
from detect_secrets.plugins.stripe import StripeDetector
from detect_secrets.plugins.telegram_token import TelegramBotTokenDetector
from detect_secrets.plugins.twilio import TwilioKeyDetector

from service.curation.redaction.kinds import Span
from service.curation.redaction.reading import Reading
from service.curation.redaction.words import read_words

# Only their patterns are used: scanning files, settings for the whole process and asking the vendors are not.
_DETECTORS: tuple[type[RegexBasedDetector], ...] = (
    ArtifactoryDetector,
    AWSKeyDetector,
    AzureStorageKeyDetector,
    CloudantDetector,
    DiscordBotTokenDetector,
    GitHubTokenDetector,
    GitLabTokenDetector,
    IbmCloudIamDetector,
    IbmCosHmacDetector,
    JwtTokenDetector,
    MailchimpDetector,
    NpmDetector,
    OpenAIDetector,
    PypiTokenDetector,
    SendGridDetector,
    SlackDetector,
    SoftlayerDetector,
    SquareOAuthDetector,
    StripeDetector,
    TelegramBotTokenDetector,
    TwilioKeyDetector,
)
_FURTHER = (
    r"(?<![\w\-])(?:sk|pk|rk)[-_](?:ant|proj|live|test|or|svcacct)[-_a-zA-Z0-9]{12,200}",
    r"(?<![\w\-])sk-[a-zA-Z0-9]{20,100}",
    r"AIza[0-9A-Za-z_\-]{35}",
    r"ya29\.[0-9A-Za-z_\-]{20,200}",
    r"(?<!\w)hf_[a-zA-Z0-9]{30,40}",
    r"(?<!\w)github_pat_[a-zA-Z0-9_]{30,100}",
    r"(?<!\w)xapp-[0-9]-[A-Z0-9]+-[0-9]+-[a-z0-9]+",
    r"(?<!\w)do[opr]_v1_[a-f0-9]{64}",
    r"(?<!\w)npm_[a-zA-Z0-9]{36}",
    r"(?<!\w)shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}",
    r"(?<!\w)AGE-SECRET-KEY-1[A-Z0-9]{58}",
)
_VENDORS = tuple(pattern for detector in _DETECTORS for pattern in detector().denylist) + tuple(map(re.compile, _FURTHER))

_TOKEN = re.compile(r"[A-Za-z0-9+/_\-=.:]{16,}")
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
_PIN = re.compile(
    r"(?<!\w)(?:pins?|pin ?(?:code|number)|passcode|(?:door|gate|access|alarm|safe|entry|security|unlock|lock|verification) ?code|otp|"
    r"one-time (?:code|password)|geheimzahl|código pin)(?: (?:for|to|of|on) [^\n.,:;!?0-9]{1,30}?)?"
    r"(?: is| was| ist| es| est|:| =|=)(?: now| still)? {0,2}#?([0-9]{3,8})(?![\w.,:]*[0-9a-z%])",
    re.IGNORECASE,
)
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
    if reading.digits:
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


def _named(reading: Reading) -> Iterator[Span]:
    for found in _SET.finditer(reading.plain):
        start, end = found.span(1 if found[1] else 2)
        if _is_value(reading.plain[start:end], set_to=True):
            yield Span(start, end, "secret")
    for found in _SAID.finditer(reading.plain):
        start, end = found.span(1 if found[1] else 2)
        last = _ENDS.match(reading.plain, found.end()) is not None
        if found[1] or _is_value(reading.plain[start:end], set_to=last):
            yield Span(start, end, "secret")
    for found in _PIN.finditer(reading.plain):
        yield Span(*found.span(1), "secret")
    for found in _BEARER.finditer(reading.plain):
        if any(letter.isdigit() for letter in found[1]):
            yield Span(*found.span(1), "secret")


def _is_value(value: str, *, set_to: bool) -> bool:
    """Whether a word is a password and not a remark on one. A plain word is taken for one only where nothing else is said (`set_to`)."""
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
        for pattern in _VENDORS:
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
