"""What a form of export is: the rows it is made of, and how one row becomes another."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from msgspec import Struct

from service.curation.rows import Form

Row = dict[str, Any]


def no_remark(rows: Iterable[Row]) -> Iterator[str]:
    """A reader that takes whatever has the right form."""
    return iter(())


class Format(Struct, frozen=True, kw_only=True):
    """`convert` turns a frozen row of `form` into one of this form, or None when it has no place there (a disliked reply among examples).

    `remark` reads converted rows and says what their reader would object to, in sentences.
    """

    about: str
    form: Form
    convert: Callable[[Row], Row | None]
    remark: Callable[[Iterable[Row]], Iterator[str]] = no_remark
