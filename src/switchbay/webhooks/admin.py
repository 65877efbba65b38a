"""The management API of deliveries, for administrators and developers of the account: what was sent, what came back."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from switchbay.accounts.public import Accounts, Role, require
from switchbay.infra.web import json_response
from switchbay.webhooks import wire
from switchbay.webhooks.domain import Status, canonical_event_key
from switchbay.webhooks.service import Webhooks
from switchbay.webhooks.store.listing import DeliveryFilter

MOST_PER_PAGE = 200
_Word = Annotated[str | None, Query(max_length=200, pattern=r"^[^\x00]*$")]


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
        cursor: str | None = None,
        limit: Annotated[int, Query(ge=1, le=MOST_PER_PAGE)] = 50,
    ) -> Response:
        """List deliveries, newest first; ``next_cursor`` leads to the next page."""
        wanted = DeliveryFilter(app, conversation, None if event is None else canonical_event_key(event), status)
        page, following = await webhooks.list_deliveries(account, wanted, cursor=cursor, limit=limit)
        return json_response({"items": [wire.render_summary(each) for each in page], "next_cursor": following})

    @api.get("/{delivery}")
    async def get_delivery(account: str, delivery: str) -> Response:
        """Read a delivery with its body and every attempt."""
        return json_response(wire.render_detail(await webhooks.get_delivery(account, delivery)))

    return api
