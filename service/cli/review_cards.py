"""How a review is shown to the owner: why it waits, who or what it is about, and what was said."""

from typing import Any, NamedTuple

from sqlmodel import Session

from service.cli.output import on_one_line, short_id
from service.curation.quarantine import PEOPLE_KINDS
from service.curation.reviews import said
from service.db.tables import Person, Rating, Review

_WHY = {
    "new_person": "a new person; ratings wait until there are more of them",
    "burst": "many ratings of one person within a minute",
    "crowd": "many people who rated for the first time within a minute",
    "sweep": "one person gave a great part of all likes or all dislikes",
    "contrary": "somebody who likes next to nothing of what others like at the time",
    "rolled_back": "new to a version that people liked less and that was rolled back",
    "unlikely": "a liked reply that the base finds very unlikely",
}
_STATES = {None: "waits", True: "approved", False: "refused"}


class Line(NamedTuple):
    """One thing that was said: a message with its reply, what the person thought of it, and what they would rather have had."""

    message: str
    reply: str
    rating: str | None
    correction: str | None


class Card(NamedTuple):
    """A review, and what the owner needs to decide on it."""

    review: Review
    who: str
    lines: list[Line]

    @property
    def why(self) -> str:
        """The reason, in words and numbers."""
        reason = _WHY.get(self.review.kind, self.review.kind)
        return f"{reason} ({numbers})" if (numbers := self.numbers) else reason

    @property
    def numbers(self) -> str:
        """What was counted, such as `3 ratings, 60 %`."""
        detail = self.review.detail
        parts = []
        if "count" in detail:
            parts.append(f"{detail['count']:.0f} {'rating' if detail['count'] == 1 else 'ratings'}")
        if self.review.kind in {"burst", "sweep"} and "share" in detail:
            parts.append(f"{detail['share']:.0%}")
        if "usual" in detail:
            parts.append(f"{detail['likes']:.0f} of them likes, {detail['usual']:.0f} would be usual")
        if "people" in detail:
            parts.append(f"{detail['people']:.0f} people")
        if "version" in detail:
            parts.append(f"v{detail['version']:.0f}")
        if "nats" in detail:
            parts.append(f"{detail['nats']:.2f} nats per token")
        return ", ".join(parts)

    @property
    def state(self) -> str:
        """Waits, approved or refused."""
        return _STATES[self.review.approved]

    @property
    def short_id(self) -> str:
        """The end of the id, by which a review can be called."""
        return short_id(self.review.id)

    def document(self) -> dict[str, Any]:
        """As JSON shows it."""
        review = self.review
        return {
            "id": review.id,
            "persona": review.persona,
            "kind": review.kind,
            "subject": review.subject,
            "who": self.who,
            "why": self.why,
            "detail": review.detail,
            "state": self.state,
            "created_at": review.created_at,
            "decided_at": review.decided_at,
            "said": [line._asdict() for line in self.lines],
        }

    def text(self) -> list[str]:
        """As a terminal shows it, line by line."""
        lines = [f"{self.review.persona}: {self.why}", f"  id {self.short_id}, {self.state}" + (f", about {self.who}" if self.who else "")]
        for line in self.lines:
            lines += ["", f"  > {on_one_line(line.message)}", f"  < {on_one_line(line.reply)}"]
            if line.correction:
                lines.append(f"  = {on_one_line(line.correction)}")
            if line.rating:
                lines.append(f"  rated {line.rating}")
        return lines


def card_of(session: Session, review: Review, limit: int = 5) -> Card:
    """The review with the sample it is about, or with up to `limit` of the newest exchanges that its person rated."""
    lines = [Line(exchange.message, exchange.reply, *_word(review, rating)) for exchange, rating in said(session, review, limit)]
    return Card(review, _who(session, review), lines)


def _word(review: Review, rating: Rating | None) -> tuple[str | None, str | None]:
    if rating is None:
        return None, None
    return (rating.rating.value if review.kind in PEOPLE_KINDS else None), rating.correction


def _who(session: Session, review: Review) -> str:
    """A person by name and by where they come from, such as `Ann (visitor)`; nothing for a sample."""
    person = session.get(Person, review.subject) if review.kind in PEOPLE_KINDS else None
    if person is None:
        return ""
    source = person.external.partition(":")[0]
    return on_one_line(f"{person.name} ({source})" if person.name else f"{source} {short_id(person.id)}")
