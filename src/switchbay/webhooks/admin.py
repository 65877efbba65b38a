"""The management API of deliveries, for administrators and developers of the account: what was sent, what came back."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from switchbay.accounts.public import Accounts, Role, require
from switchbay.infra.web import json_response
from switchbay.webhooks import wire
from switchbay.webhooks.domain import Status, canonical_event_key
from switchbay.webhooks.service import Webhooks
from switchbay.webhooks.store.listing import LATEST_MS, DeliveryFilter

MOST_PER_PAGE = 200
_Word = Annotated[str | None, Query(max_length=200, pattern=r"^[^\x00]*$")]
_Time = Annotated[int | None, Query(ge=0, le=LATEST_MS)]


def router(webhooks: Webhooks, accounts: Accounts) -> APIRouter:
    """Routes under ``/accounts/{account}/deliveries``; each needs the bearer of an administrator or developer."""

    async def admit(request: Request, account: str) -> None:
        principal = await accounts.authenticate(account, request.headers.get("authorization"))
        require(principal, Role.ADMIN, Role.DEVELOPER)

    api = APIRouter(prefix="/accounts/{account}/deliveries", tags=["deliveries"], dependencies=[Depends(admit)])

    @api.get("")
    async def list_deliveries(  # one parameter for each filter of the query
        account: str,
        app: _Word = None,
        conversation: _Word = None,
        event: _Word = None,
        status: Status | None = None,
        outcome: Annotated[str | None, Query(pattern=r"^[a-z0-9_]{1,40}$")] = None,
        since: _Time = None,
        until: _Time = None,
        replay: _Word = None,
        cursor: str | None = None,
        limit: Annotated[int, Query(ge=1, le=MOST_PER_PAGE)] = 50,
    ) -> Response:
        """List deliveries, newest first; ``next_cursor`` leads to the next page."""
        key = None if event is None else canonical_event_key(event)
        wanted = DeliveryFilter(app, conversation, key, status, outcome, since, until, replay)
        page, following = await webhooks.list_deliveries(account, wanted, cursor=cursor, limit=limit)
        return json_response({"items": [wire.render_summary(each) for each in page], "next_cursor": following})

    @api.get("/{delivery}")
    async def get_delivery(account: str, delivery: str) -> Response:
        """Read a delivery with its body, every attempt and its timeline."""
        return json_response(wire.render_detail(await webhooks.get_delivery(account, delivery)))

    return api
