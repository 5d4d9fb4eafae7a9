"""The first line of the self-harm protocol: a message that speaks of harming oneself is answered with a card that says where help is.

The card stands beside the persona's reply, never in its place. Nothing is guessed by a model: `crisis_phrases.py` lists what people
write who mean themselves, in seven languages, and whoever writes otherwise gets no card. What is counted is that a card was shown, and
when; never who was shown it or what they wrote.
"""

from datetime import datetime

from sqlmodel import Session, col, func, select

from service.chat.crisis_phrases import language_of
from service.chat.crisis_words import WORDS, Card, Link
from service.db.tables import Referral
from service.personas.persona import Persona


def crisis_card(persona: Persona, message: str) -> Card | None:
    """The card for whoever wrote this message, in its language where the persona's file says nothing else; None where none is due."""
    language = language_of(message)
    if language is None:
        return None
    own, ours = persona.settings.crisis, WORDS[language]
    links = [Link(link.label, link.href) for link in own.links]
    return Card(title=own.title or ours.title, text=own.text or ours.text, links=links or ours.links)


def speaks_of_self_harm(message: str) -> bool:
    """Whether a card is due. The longest messages take milliseconds: not on the thread that writes, nor on the event loop."""
    return language_of(message) is not None


def note_referral(session: Session, persona: str) -> None:
    """Note that a card was shown: the day's count for the owner's report. No word, no person and no exchange is in it."""
    session.add(Referral(persona=persona))


def count_referrals(session: Session, since: datetime, until: datetime) -> dict[str, int]:
    """How many cards each persona's people were shown from `since` on and before `until`; personas without any are left out."""
    shown = select(Referral.persona, func.count()).where(col(Referral.created_at) >= since, col(Referral.created_at) < until)
    return dict(session.exec(shown.group_by(col(Referral.persona)).order_by(col(Referral.persona))).all())
