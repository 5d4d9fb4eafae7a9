"""Pages of lists: so many rows after the last one seen. New rows shift nothing."""

import re
from collections.abc import Callable, Sequence
from typing import Annotated, Any, NamedTuple, TypeVar

from litestar import Request
from litestar.di import Provide
from litestar.params import QueryParameter
from sqlmodel import Session, col

from service.errors import Invalid
from service.web.wire import Page

T = TypeVar("T")
MOST_PER_PAGE = 100
_ID = re.compile(r"[0-9a-f]{32}")

Limit = Annotated[int, QueryParameter(description="Rows of the page.", schema_extra={"minimum": 1, "maximum": MOST_PER_PAGE})]
After = Annotated[str | None, QueryParameter(description="The page after the row of this id: `last_id` of the page before.")]


class PageAsked(NamedTuple):
    """Which page of a list is asked for."""

    limit: int
    after: str | None


def page_asked(request: Request[Any, Any, Any], limit: Limit = 20, after: After = None) -> PageAsked:
    """Read the page that is asked for; raise `Invalid` when it cannot be, and for a parameter that the list does not know."""
    fields = request.scope["route_handler"].parsed_fn_signature.parameters
    filters = [
        (field.kwarg_definition.name or name) for name, field in fields.items() if isinstance(field.kwarg_definition, QueryParameter)
    ]
    known = ["limit", "after", *filters]
    unknown = next((name for name in request.query_params if name not in known), None)
    if unknown is not None:
        raise Invalid(
            f"This list has no parameter '{unknown[:40]}'. It knows {', '.join(known)}.", code="parameter_unknown", param=unknown[:40]
        )
    if not 1 <= limit <= MOST_PER_PAGE:
        raise Invalid(f"limit must lie between 1 and {MOST_PER_PAGE}.", param="limit")
    if after is not None and not after.strip():
        raise Invalid("after is empty. Leave it out for the first page.", param="after")
    return PageAsked(limit, after)


pages = {"page": Provide(page_asked, sync_to_thread=False)}


def read_page(
    session: Session,
    query: Any,
    table: Any,
    page: PageAsked,
    show: Callable[[Session, Sequence[Any]], list[T]],
    *,
    newest_first: bool = True,
) -> Page[T]:
    """One page of what `query` selects, in the order of age, as `show` makes it of the rows."""
    if page.after is not None:
        if not _ID.fullmatch(page.after):
            raise Invalid("after is no id of a row. Take last_id of the page before.", param="after")
        query = query.where(col(table.id) < page.after if newest_first else col(table.id) > page.after)
    rows = list(session.exec(query.order_by(col(table.id).desc() if newest_first else col(table.id)).limit(page.limit + 1)))
    data: list[Any] = show(session, rows[: page.limit])
    return Page(
        data=data,
        first_id=data[0].id if data else None,
        last_id=data[-1].id if data else None,
        has_more=len(rows) > page.limit,
    )


def cut_page(rows: Sequence[tuple[str, T]], page: PageAsked) -> Page[T]:
    """One page of a short list that is in memory, in the order of its names."""
    rest = [row for row in rows if page.after is None or row[0] > page.after]
    shown = rest[: page.limit]
    return Page(
        data=[row for _, row in shown],
        first_id=shown[0][0] if shown else None,
        last_id=shown[-1][0] if shown else None,
        has_more=len(rest) > page.limit,
    )
