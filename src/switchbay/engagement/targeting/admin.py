"""The management API of explanations and simulations, for administrators and campaign managers."""

from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Depends, Path, Request, Response

from switchbay.accounts.public import Accounts, Role, require
from switchbay.engagement.targeting import errors
from switchbay.engagement.targeting.service import Explanations
from switchbay.infra.web import decode_as, json_response, read_body

MOST_VISIT_BYTES: Final = 256 * 1024
MOST_CROWD_BYTES: Final = 4 * 1024 * 1024
_Id = Annotated[int, Path(ge=1, le=2**62)]
_Moment = Annotated[int, msgspec.Meta(ge=0, le=4_102_444_800_000)]
_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class ExplainIn(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """A visit that is written down, or the ids of a session; the app that asks, by default the engagement's; when."""

    visit: dict[str, Any] | None = None
    visitor_id: _Text | None = None
    session_id: _Text | None = None
    app_installation_id: _Text | None = None
    at: _Moment | None = None


class SimulateIn(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Visits that are written down, or how many are to be made up; the seed of all chance; when."""

    visits: list[Any] | None = None
    count: int | None = None
    seed: Annotated[int, msgspec.Meta(ge=0, le=2**62)] = 1
    at: _Moment | None = None


_EXPLAIN = msgspec.json.Decoder(ExplainIn)
_SIMULATE = msgspec.json.Decoder(SimulateIn)


def router(explanations: Explanations, accounts: Accounts) -> APIRouter:
    """The routes ``…/engagements/{engagement}/explain`` and ``…/campaigns/{campaign}/simulate``."""

    async def manager(request: Request, account: str) -> None:
        principal = await accounts.authenticate(account, request.headers.get("authorization"))
        require(principal, Role.ADMIN, Role.CAMPAIGN_MANAGER)

    api = APIRouter(prefix="/accounts/{account}", tags=["engagements"], dependencies=[Depends(manager)])

    @api.post("/engagements/{engagement}/explain")
    async def explain(request: Request, account: str, engagement: _Id) -> Response:
        """Why the engagement may be offered in a visit, or why not, condition by condition with what was read."""
        asked = decode_as(await read_body(request, MOST_VISIT_BYTES), _EXPLAIN)
        app_id, at = asked.app_installation_id, asked.at
        match asked.visit, asked.visitor_id, asked.session_id:
            case dict() as visit, None, None:
                found = await explanations.explain_made_up(account, engagement, visit, app_id=app_id, at=at)
            case None, str() as visitor, str() as session:
                found = await explanations.explain_stored(account, engagement, visitor, session, app_id=app_id, at=at)
            case _:
                raise errors.visit_needed()
        return json_response(found, headers={"Cache-Control": "no-store"})

    @api.post("/campaigns/{campaign}/simulate")
    async def simulate(request: Request, account: str, campaign: _Id) -> Response:
        """How many of a crowd would be offered the campaign's engagements, and what holds the others."""
        asked = decode_as(await read_body(request, MOST_CROWD_BYTES), _SIMULATE)
        if (asked.visits is None) == (asked.count is None):
            raise errors.crowd_needed()
        found = await explanations.simulate(
            account, campaign, visits=asked.visits, count=asked.count, seed=asked.seed, at=asked.at
        )
        return json_response(found, headers={"Cache-Control": "no-store"})

    return api
