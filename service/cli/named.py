"""What people name by the end of its id, as lists show it, or as the latest."""

from typing import TypeVar

from sqlalchemy.orm import Mapped
from sqlmodel import Session
from sqlmodel.sql.expression import SelectOfScalar

from service.errors import Invalid, NotFound

LATEST = "latest"
_ID = 32
_FEWEST = 4

Row = TypeVar("Row")


def find_named(session: Session, query: SelectOfScalar[Row], by: Mapped[str], named: str, noun: str, none_yet: str) -> Row:
    """The only row of `query`, which has the newest first, whose id (`by`) ends so.

    Raises `NotFound`, with the sentence `none_yet` where there is nothing at all, and `Invalid` where several ids end so.
    """
    if named == LATEST:
        newest = session.exec(query.limit(1)).first()
        if newest is None:
            raise NotFound(none_yet, code=f"{noun}_not_found")
        return newest
    wanted = named.lower()
    found = session.exec(query.where(by.endswith(wanted, autoescape=True)).limit(2)).all() if _FEWEST <= len(wanted) <= _ID else []
    if len(found) > 1:
        raise Invalid(f"Several {noun}s end in '{named}'. Give more of the id: attune {noun}s list --json", code=f"{noun}_ambiguous")
    if not found:
        raise NotFound(f"There is no {noun} '{named[:_ID]}'. See: attune {noun}s list", code=f"{noun}_not_found")
    return found[0]
