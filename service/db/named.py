"""Rows that people name by the end of an id: its beginning is the time, much the same for all that one night or build makes."""

from typing import TypeVar

from sqlalchemy import func
from sqlalchemy.orm import Mapped
from sqlmodel import Session
from sqlmodel.sql.expression import SelectOfScalar

from service.errors import Invalid, NotFound

_ID = 32
_FEWEST = 4

Row = TypeVar("Row")


def find_by_end(session: Session, query: SelectOfScalar[Row], by: Mapped[str], name: str, noun: str, commands: str, way_out: str) -> Row:
    """The only row of `query` with this id (`by`), or with an id that ends so, in four letters or more.

    Raises `NotFound`, with the way out, when there is none, and `Invalid` when there are several. `commands` has the list with whole ids.
    """
    found: list[Row] = []
    if _FEWEST <= len(name) <= _ID:
        named = by == name if len(name) == _ID else func.substr(by, _ID + 1 - len(name)) == name
        found = list(session.exec(query.where(named).limit(2)))
    if len(found) > 1:
        raise Invalid(f"Several {noun}s end in '{name}'. Give more of the id: attune {commands} list --json", code=f"{noun}_ambiguous")
    if not found:
        raise NotFound(f"There is no {noun} '{name[:_ID]}'. {way_out}", code=f"{noun}_not_found")
    return found[0]
