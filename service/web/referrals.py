"""How often a crisis card was shown: what an owner has to be able to report."""

from datetime import UTC, datetime
from functools import partial
from typing import Annotated

import msgspec
from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from sqlmodel import Session

from service.chat.crisis import count_referrals
from service.web.guards import known, operating
from service.web.state import Desk


class ReferralsOut(msgspec.Struct, kw_only=True):
    """The cards of a calendar year (UTC): in all, and by persona where there were any."""

    year: int
    count: int
    personas: dict[str, int]


class ReferralsController(Controller):
    """What was shown to people who spoke of self-harm; needs a key with the scope `operate`."""

    path = "/api/referrals"
    guards = [known, operating]
    tags = ["Operator"]

    @get(summary="Count crisis cards")
    async def count(
        self, desk: NamedDependency[Desk], year: Annotated[int | None, QueryParameter(ge=2000, le=9998)] = None
    ) -> ReferralsOut:
        """How many crisis cards were shown in a year, by default the present one. Nobody's words and no person are behind the numbers."""
        return await desk.read(partial(_count, year=year or datetime.now(UTC).year))


def _count(session: Session, year: int) -> ReferralsOut:
    personas = count_referrals(session, datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC))
    return ReferralsOut(year=year, count=sum(personas.values()), personas=personas)
