"""Every text of a persona's file, and of the safety text, kept under its fingerprint: what an exchange was stamped with can be read.

The safety text stands under the persona `""`.
"""

from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, func, select

from service import registry
from service.db.tables import Exchange, Revision
from service.errors import Invalid, NotFound
from service.personas.file import SAFETY_FILE
from service.personas.persona import Persona, fingerprint

_SAFETY = ""


class Kept(NamedTuple):
    """A revision, and how many exchanges it has served."""

    revision: Revision
    served: int


def kept_under(name: str) -> str:
    """The name under which the texts of a persona, or of `safety.txt`, are kept."""
    return _SAFETY if name == SAFETY_FILE else name


def introduce(session: Session, personas: Iterable[Persona]) -> None:
    """Keep the texts of these personas, and give a new persona its first version; before they serve, so that every stamp can be read."""
    for persona in personas:
        _keep(session, persona.name, persona.text)
        if persona.safety:
            _keep(session, _SAFETY, persona.safety)
        registry.champion(session, persona.name)


def list_revisions(session: Session, persona: str) -> list[Kept]:
    """All kept texts of the persona, newest first."""
    stamp = col(Exchange.revision) if persona else col(Exchange.safety)
    of_persona = col(Exchange.persona) == persona if persona else stamp.is_not(None)
    counts = select(stamp, func.count()).where(of_persona, stamp.is_not(None)).group_by(stamp)
    served = dict(session.exec(counts).all())
    kept = session.exec(select(Revision).where(Revision.persona == persona).order_by(col(Revision.created_at).desc()))
    return [Kept(revision, served.get(revision.fingerprint, 0)) for revision in kept]


def find_revision(session: Session, persona: str, prefix: str) -> Revision:
    """Return the one revision whose fingerprint begins so; raise `NotFound` when there is none, `Invalid` when there are several."""
    kept = session.exec(select(Revision).where(Revision.persona == persona))
    found = [revision for revision in kept if revision.fingerprint.startswith(prefix.lower())]
    if not found:
        raise NotFound(f"No kept text has a fingerprint that begins with '{prefix[:80]}'.", code="revision_not_found")
    if len(found) > 1:
        raise Invalid(f"{len(found)} kept texts have fingerprints that begin with '{prefix}'. Give more of it.", code="revision_ambiguous")
    return found[0]


def _keep(session: Session, persona: str, text: str) -> None:
    mark = fingerprint(text)
    if session.get(Revision, (persona, mark)) is not None:
        return
    try:
        with session.begin_nested():
            session.add(Revision(persona=persona, fingerprint=mark, text=text))
    except IntegrityError:  # Another process keeps the same text in the same moment.
        return
