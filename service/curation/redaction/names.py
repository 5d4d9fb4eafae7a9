"""The talker's names: those they gave in the conversation, and where a name stands in a text."""

import re
import unicodedata
from collections.abc import Collection, Iterator
from functools import lru_cache

from service.curation.redaction.kinds import Span
from service.curation.redaction.reading import Reading
from service.curation.redaction.words import read_lines, read_words

_NOT_NAMES = read_words("not_names.txt")
_EVERYDAY = read_words("everyday_names.txt")
_PARTICLES = frozenset(("van", "von", "der", "den", "de", "del", "della", "di", "da", "do", "dos", "das", "du", "la", "le", "el", "al"))

_PART = r"[^\W\d_](?:[^\W\d_]|['’\-.](?=[^\W\d_])){0,30}"
_SAID_PLAINLY = re.compile(
    r"(?<![^\W_])(?:my (?:(?:first|full|last|real|birth|given|nick|sur|family) ?)?name(?: is|'s|s)|(?:nick)?name'?s|"
    r"i'?m called|i am called|i go by|(?:you can |you may |please |just |everyone |everybody |people |they |friends |my friends |folks )?"
    r"calls? me|ich hei(?:ß|ss)e|mein name ist|man nennt mich|nenn mich|je m'appelle|mon nom est|mon prénom est|appelle-moi|appelez-moi|"
    r"me llamo|mi nombre es|ll[aá]mame|mi chiamo|il mio nome è|chiamami|me chamo|(?:o )?meu nome é|pode me chamar de|"
    r"ik heet|mijn naam is|noem me|nazywam się|mam na imię|jag heter|mitt namn är|jeg hedder|jeg heter|mit navn er|mitt navn er|"
    r"benim adım|меня зовут)(?: (?:just|simply|usually|now|actually|nur|einfach))?[ :,]{1,2}[\"'“‘]?"
    r"(?:(?:mr|mrs|ms|miss|dr|prof|sir|herr|frau|señora?|signora?|monsieur|madame)\.? )?(?=(?P<name>"
    rf"{_PART}(?: {_PART}){{0,3}}))",
    re.IGNORECASE,
)
_GREETED = re.compile(
    r"(?i:(?<![^\W_])(?:hi|hello|hey|hiya|greetings|good (?:morning|evening|afternoon)|hallo|salut|hola|ciao)(?: there| all| everyone)?"
    r"[,!.]{0,2} (?:i'm|i am|im|it's|this is|here is|ich bin|je suis|soy|sono)) "
    rf"(?P<name>[A-ZÀ-ÖØ-Þ][^\W\d_]{{1,30}}(?: [A-ZÀ-ÖØ-Þ]{_PART}){{0,2}})(?=\s*(?:[.,!?;)\n]|$|and |from |here|und |from |de |aus ))"
)
_WITHOUT_SPACES = re.compile(
    r"(?:我叫|我的名字(?:是|叫)|私の名前は|わたしの名前は|제 이름은 |내 이름은 )(?P<name>[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af·]{2,6}?)"
    r"(?=です|だ|と|이에요|예요|입니다|이야|야|[，。,.!！?？\s]|$)"
)
_PHRASES = read_lines("name_phrases.txt")
_INTRODUCTIONS = ("i'm ", "i am ", "im ", "it's ", "this is ", "here is ", "ich bin ", "je suis ", "soy ", "sono ")
_ENDS = re.compile(
    r"[\"'”’)]?\s*(?:[.,!?;:)\n\-–—]|$|(?:and|but|by|from|please|pls|btw|und|et|y|e|en|och|og|aber|mais|pero|i|thanks|though)(?!\w))"
)
_LONGEST_NAME = 4


def given_names_in(text: str) -> Iterator[str]:
    """The names that the writer of a text gives as their own."""
    plain = text.replace("’", "'")
    lower = plain.lower()
    if any(phrase in lower for phrase in _PHRASES):
        for said in _SAID_PLAINLY.finditer(plain):
            end = said.end("name")
            name = _cut(said["name"], plain[end : end + 24], everyday="call" not in said[0].lower())
            if name:
                yield name
        for said in _WITHOUT_SPACES.finditer(plain):
            yield said["name"]
    if any(phrase in lower for phrase in _INTRODUCTIONS):
        for said in _GREETED.finditer(plain):
            if said["name"].split()[0].lower() not in _NOT_NAMES:
                yield said["name"]


def _cut(said: str, after: str, *, everyday: bool) -> str | None:
    """What of the words after "my name is" is a name: the capitalised ones at the beginning, or one or two in lower case that end it.

    With `everyday` that may be a word that is not always a name.
    """
    words = said.split(" ")
    first = words[0].lower().rstrip(".")
    if first in _NOT_NAMES:
        return None
    taken = 0
    for place, word in enumerate(words):
        capital = word[0].isupper()
        particle = word.lower() in _PARTICLES
        if not (capital or particle) or (word.lower() in _NOT_NAMES and not particle):
            break
        if capital:
            taken = place + 1
    if taken:
        name = " ".join(words[:taken])
        return None if words[0] == "I" or name.lower() in _NOT_NAMES else name
    kept: list[str] = []
    for place, word in enumerate(words):
        if place and (_ENDS.match(" ".join(words[place:])) or (everyday and word.lower() in _NOT_NAMES)):
            break
        kept.append(word)
    ended = len(kept) < len(words) or _ENDS.match(after) is not None
    if len(kept) > 2 or not ended or (set(kept) & _EVERYDAY and (len(kept) == 2 or not everyday)):
        return None
    return " ".join(kept)


def find_names(reading: Reading, original: str, names: Collection[str]) -> Iterator[Span]:
    """Where the names stand: whole words, in any case; names that are everyday words too (Will, Rose, Mark) only as names are written."""
    lower = original.lower()
    if len(lower) != len(original):
        lower = reading.lower
    for name in names:
        for form, everyday in _forms(name):
            place = lower.find(form)
            while place >= 0:
                end = place + len(form)
                if _is_whole(lower, place, end) and (not everyday or _is_name(original, place, end)):
                    yield Span(place, end, "name")
                place = lower.find(form, place + 1)


def _is_whole(text: str, start: int, end: int) -> bool:
    """Whether no letter or digit goes on on either side; scripts without spaces have no such sides."""
    left, right = text[start - 1 : start], text[end : end + 1]
    return not (
        (_is_spaced(text[start]) and left.isalnum() and _is_spaced(left))
        or (_is_spaced(text[end - 1]) and right.isalnum() and _is_spaced(right))
    )


def _is_spaced(letter: str) -> bool:
    """Whether the script puts spaces between words: not Thai, Lao, Khmer, Chinese, Japanese, and Korean puts particles after names."""
    return not (
        "\u0e00" <= letter <= "\u0eff" or "\u1780" <= letter <= "\u17ff" or "\u3040" <= letter <= "\u9fff" or "\uac00" <= letter <= "\ud7af"
    )


def _is_name(text: str, start: int, end: int) -> bool:
    """Whether an everyday word stands as a name does: capitalised, and at a sentence's beginning only before a pause or an 's."""
    if not text[start].isupper():
        return False
    before = text[max(0, start - 40) : start].rstrip(" \t\"'“‘(*_")
    begins = not before or before[-1] in ".!?\n:…"
    return not begins or _PAUSE.match(text, end) is not None


_PAUSE = re.compile(r"['’]s(?!\w)|[ ]?[,.!?;:)\n]|$|[*_\"”]")
_FEWEST_LETTERS = 2


@lru_cache(maxsize=16_384)
def _forms(name: str) -> tuple[tuple[str, bool], ...]:
    """How a name may be written in a text, in lower case, and whether that is an everyday word too.

    A name of several words is looked for as a whole and by its parts; each composed, decomposed and without accents.
    """
    whole = " ".join(name.split())
    words = re.split(r"[ ,]+", whole)
    parts = [whole]
    if 1 < len(words) <= _LONGEST_NAME and _are_parts(words):
        parts += words
    forms: dict[str, bool] = {}
    for part in parts:
        part = part.strip(" .'\"-")
        lower = part.lower()
        if len(part) < _FEWEST_LETTERS and not (part and not _is_spaced(part[0])):
            continue
        if lower in _NOT_NAMES or lower in _PARTICLES or not any(letter.isalnum() for letter in lower):
            continue
        everyday = lower in _EVERYDAY or (len(lower) == _FEWEST_LETTERS and _is_spaced(lower[0]))
        for form in (lower, unicodedata.normalize("NFC", lower), unicodedata.normalize("NFD", lower), _bare(lower)):
            if form:
                forms.setdefault(form, everyday)
    return tuple(forms.items())


def _are_parts(words: list[str]) -> bool:
    """Whether each word of a name may stand for the person: Ann Smith is called Ann, a Lover of Cats is not called Cats."""
    if all(word.islower() for word in words):
        return len(words) == 2 and all(word.isalpha() for word in words)
    return all(word[:1].isupper() or word.lower() in _PARTICLES for word in words if word)


def _bare(text: str) -> str:
    """A text without accents."""
    return "".join(letter for letter in unicodedata.normalize("NFD", text) if not unicodedata.combining(letter))
