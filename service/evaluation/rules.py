"""What a persona's own rules say of a reply: length, language, banned claims, other people's lines, how often it asks. Deterministic."""

import re
from collections.abc import Sequence

from service.evaluation.health import plain, words_of
from service.personas.persona import ReplyExpectations

_LINE = re.compile(r"^\s*([A-Z]\w+(?: [A-Z]\w+)?):\s", re.MULTILINE)
_FEWEST_WORDS = 4  # of a reply whose language can be told
_FUNCTION_WORDS = {
    "en": "the a is are you your i it to of and that in not do what have my for with was be this so",
    "de": "der die das ist und nicht ich du ein eine zu mit auf es sie wir dein für was von den dem war so",
    "fr": "le la les est et je tu il un une des pas que vous ne de en pour ce dans mon ton avec qui",
    "es": "el la los es y no yo tú un una de que en por con para mi tu lo se está muy qué pero",
    "it": "il la che è e non io tu un una di in per con mio tuo sono lo si ma come questo hai",
    "nl": "de het een is en niet ik je jij van dat te met op voor zijn wat maar heb aan ook hoe er",
    "pt": "o a os é e não eu você um uma de que em por com para meu seu se está mas muito isso como",
}
_WORDS = {language: frozenset(words.split()) for language, words in _FUNCTION_WORDS.items()}


def broken_rules(rules: ReplyExpectations, reply: str, title: str) -> list[str]:
    """The names of the rules that a reply breaks, in the order of this function. `title` is how the persona is called.

    How often it asks is a habit of many replies: `question_share`.
    """
    count = len(words_of(reply))
    verdicts = {
        "min_words": count >= rules.min_words,
        "max_words": not rules.max_words or count <= rules.max_words,
        "language": not rules.language or language_of(reply) in {None, rules.language},
        "banned": not any(plain(phrase) in plain(reply) for phrase in rules.banned),
        "other_speaker": all(name.casefold() == title.casefold() for name in _LINE.findall(reply)),
    }
    return [name for name, holds in verdicts.items() if not holds]


def language_of(text: str) -> str | None:
    """The language whose function words are the most by a clear lead, of the seven that are known; None when that cannot be told."""
    words = words_of(text)
    if len(words) < _FEWEST_WORDS:
        return None
    counts = sorted(((sum(word in known for word in words), language) for language, known in _WORDS.items()), reverse=True)
    return counts[0][1] if counts[0][0] >= 2 and counts[0][0] > counts[1][0] else None


def question_share(replies: Sequence[str]) -> float:
    """The share of replies that ask something."""
    return sum("?" in reply for reply in replies) / max(1, len(replies))
