"""What people name by the end of its id, as lists show it, or as the latest."""

from typing import TypeVar

from sqlalchemy.orm import Mapped
from sqlmodel import Session
from sqlmodel.sql.expression import SelectOfScalar

from service.db.named import find_by_end
from service.errors import NotFound

LATEST = "latest"

Row = TypeVar("Row")


def find_named(session: Session, query: SelectOfScalar[Row], by: Mapped[str], named: str, noun: str, none_yet: str) -> Row:
    """The first row of `query`, which has the newest first, for `latest`; otherwise the only one whose id (`by`) ends so.

    Raises what `find_by_end` does, and `NotFound` with the sentence `none_yet` where there is nothing to be the latest.
    """
    if named != LATEST:
        return find_by_end(session, query, by, named.lower(), noun, f"{noun}s", f"See: attune {noun}s list")
    newest = session.exec(query.limit(1)).first()
    if newest is None:
        raise NotFound(none_yet, code=f"{noun}_not_found")
    return newest
