"""What a person asks a persona to remember: read out of their message, kept as their own, and forgotten when they say so."""

import re
from collections.abc import Sequence
from typing import Literal, NamedTuple

from sqlalchemy import bindparam, delete
from sqlmodel import Session, col, select

from service.db.tables import Fact, Person
from service.errors import Invalid

LONGEST_FACT = 300
"""Characters."""

MOST_FACTS = 50
"""Facts of one person with one persona; with one more, the oldest goes."""

_BEFORE = r"(?:(?:hey|hi|hello|hallo|salut|hola)\b[^.!?\n]{0,30}?[,!]\s+)?(?:(?:and|ok|okay|so)[, ]\s*)?"
"""A greeting may stand before the request."""

_REMEMBER = {
    "en": r"(?:please,?\s+)?(?:(?:do\s+)?remember|keep\s+in\s+mind|don['’]?t\s+forget|do\s+not\s+forget|make\s+a\s+note)(?:\s+please)?",
    "de": r"(?:bitte\s+)?(?:merke?\s+dir|merken\s+sie\s+sich|vergiss\s+nicht|vergessen\s+sie\s+nicht|denke?\s+daran|"
    r"erinnere?\s+dich(?:\s+daran)?)(?:\s+bitte)?",
    "fr": r"(?:s['’]il\s+te\s+pla[iî]t,?\s+)?(?:souviens-toi|souvenez-vous|rappelle-toi|retiens|retenez|n['’]oublie(?:z)?\s+pas)",
    "es": r"(?:por\s+favor,?\s+)?(?:recuerda|recuerde|acu[eé]rdate(?:\s+de)?|no\s+olvides|no\s+te\s+olvides(?:\s+de)?|ten\s+en\s+cuenta)",
}
_FORGET = {
    "en": r"(?:please,?\s+)?forget",
    "de": r"(?:bitte\s+)?(?:vergiss|vergessen\s+sie)(?:\s+bitte)?",
    "fr": r"(?:s['’]il\s+te\s+pla[iî]t,?\s+)?oublie(?:z)?",
    "es": r"(?:por\s+favor,?\s+)?(?:olvida|olvide)",
}
_THAT = {"en": r"\s+that\s+", "de": r"\s*,\s*dass\s+", "fr": r"\s+(?:que\s+|qu['’])", "es": r"\s+que\s+"}
_EVERYTHING = (
    r"(?:please,?\s+)?forget\s+(?:everything|all|all\s+that)(?:\s+that)?\s+(?:you\s+(?:know|remember)\s+)?about\s+me",
    r"(?:please,?\s+)?forget\s+all\s+(?:the\s+|your\s+)?facts(?:\s+about\s+me)?",
    r"(?:bitte\s+)?(?:vergiss|vergessen\s+sie)(?:\s+bitte)?\s+alles\s*,?\s*(?:was\s+(?:du|sie)\s+)?über\s+mich(?:\s+(?:weißt|weisst|wissen))?",
    r"oublie(?:z)?\s+tout\s+(?:ce\s+que\s+(?:tu\s+sais|vous\s+savez)\s+)?(?:de|sur)\s+moi",
    r"olvid[ae]\s+todo\s+(?:lo\s+que\s+sabes?\s+)?(?:de|sobre)\s+m[ií]",
)
_MEMORIES = r"(?!(?:time|times|day|days|night|nights|one|guy|girl|song|movie|film|book|place|trip|party|game|story|scene|feeling|thing)\b)"
"""'Remember that day in Rome' tells a memory and no fact."""


def _asking(verbs: dict[str, str], after: str = "") -> re.Pattern[str]:
    """One of the verbs, then 'that' in its language or a colon, then the fact up to the end of the sentence."""
    forms = "|".join(f"(?:{verbs[language]}(?:{_THAT[language]}|\\s*:\\s*))" for language in verbs)
    return re.compile(rf"{_BEFORE}(?:{forms}){after}(?P<fact>\S.*)", re.IGNORECASE | re.DOTALL)


_KEEP = _asking(_REMEMBER, _MEMORIES)
_DROP = _asking(_FORGET)
_DROP_ALL = re.compile(rf"{_BEFORE}(?:{'|'.join(_EVERYTHING)})\s*(?:[.!…\n]|\Z)", re.IGNORECASE)
_SENTENCE_END = re.compile(r"(?<!\b[A-Z])(?<!\.[A-Za-z])(?<!\bMr)(?<!\bDr)(?<!\bMs)(?<!\bSt)(?<!\bMrs)[.!?…]+(?=\s|$)|\n")


_READ = 1_000
"""Characters of a message that are looked at: a request and the longest fact have room in them."""


_THEIRS = (
    select(Fact).where(Fact.person_id == bindparam("person_id"), Fact.persona == bindparam("persona")).order_by(col(Fact.id))
)  # Built once: to build it takes longer than to ask it.


class Wish(NamedTuple):
    """What a message asks for: to keep a fact, to drop that one, or to drop all of them."""

    kind: Literal["keep", "drop", "drop_all"]
    text: str = ""


class Change(NamedTuple):
    """The facts as they are after a wish, oldest first, and what changes for that in the database."""

    facts: list[Fact]
    added: Fact | None = None
    dropped: Sequence[Fact] = ()


def read_wish(message: str) -> Wish | None:
    """The wish in a message whose first sentence, or all of it, is one; a question is none, and a fact that is too long neither."""
    text = message[:_READ].strip()
    if _DROP_ALL.match(text):
        return Wish("drop_all")
    for kind, pattern in (("keep", _KEEP), ("drop", _DROP)):
        if found := pattern.match(text):
            fact, end = _first_sentence(found["fact"])
            fact = tidy(fact)
            if fact and "?" not in end and len(fact) <= LONGEST_FACT:
                return Wish("keep" if kind == "keep" else "drop", fact)
            return None
    return None


def _first_sentence(text: str) -> tuple[str, str]:
    """The first sentence, and the mark that ends it."""
    end = _SENTENCE_END.search(text)
    return (text[: end.start()], end[0]) if end else (text, "")


def tidy(text: str) -> str:
    """The fact on one line, without the marks at its ends: so it is kept, shown and compared."""
    return " ".join(text.replace("\x00", "").split()).strip(' .!,;:"“”„«»')


def may_remember(person: Person) -> bool:
    """Whether this is somebody: an app that does not say who is talking is many people, who would hear each other's facts."""
    source, _, rest = person.external.partition(":")
    return not (source == "key" and ":" not in rest)


def list_facts(session: Session, person_id: str, persona: str) -> list[Fact]:
    """What the person asked this persona to remember, oldest first."""
    return list(session.exec(_THEIRS, params={"person_id": person_id, "persona": persona}))


def change(facts: list[Fact], wish: Wish, person_id: str, persona: str, exchange_id: str | None = None) -> Change:
    """What a wish changes among a person's facts. Nothing is written yet."""
    if wish.kind == "drop_all":
        return Change([], None, facts)
    same = [fact for fact in facts if fact.text.casefold() == wish.text.casefold()]
    if wish.kind == "drop":
        return Change([fact for fact in facts if fact not in same], None, same)
    if same:
        return Change(facts)
    added = Fact(person_id=person_id, persona=persona, text=wish.text, exchange_id=exchange_id)
    stay = facts[max(0, len(facts) + 1 - MOST_FACTS) :]
    return Change([*stay, added], added, facts[: len(facts) - len(stay)])


def write_change(session: Session, changed: Change) -> None:
    """Keep and delete what a change says; a fact that somebody else deleted in the meantime is gone as well."""
    if changed.dropped:
        session.execute(delete(Fact).where(col(Fact.id).in_([fact.id for fact in changed.dropped])))
    if changed.added is not None:
        session.add(changed.added)
    session.flush()


def add_fact(session: Session, person: Person, persona: str, text: str) -> Fact:
    """Keep a fact that the person wrote down themselves, or return the one that says the same; raise `Invalid`."""
    if not may_remember(person):
        raise Invalid(
            "The app did not say who is talking, so nothing can be remembered. Name the `user`.", code="person_unknown", param="user"
        )
    if len(text) > LONGEST_FACT:
        raise Invalid(f"The fact has {len(text)} characters; the limit is {LONGEST_FACT}.", code="fact_too_long", param="text")
    fact = tidy(text)
    if not fact:
        raise Invalid("The fact is empty. Write one.", code="fact_empty", param="text")
    facts = list_facts(session, person.id, persona)
    changed = change(facts, Wish("keep", fact), person.id, persona)
    write_change(session, changed)
    return changed.added or next(each for each in facts if each.text.casefold() == fact.casefold())
