"""The management API of deliveries, for administrators and developers of the account: what was sent, what came back,
and sending it again.
"""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from switchbay.accounts.public import Accounts, Actor, Role
from switchbay.infra.web import json_response
from switchbay.webhooks import wire
from switchbay.webhooks.admission import Admission, admission
from switchbay.webhooks.domain import Status, canonical_event_key
from switchbay.webhooks.replay import ReplayFilter
from switchbay.webhooks.service import Webhooks
from switchbay.webhooks.store.listing import LATEST_MS, DeliveryFilter

MOST_PER_PAGE = 200
_Word = Annotated[str | None, Query(max_length=200, pattern=r"^[^\x00]*$")]
_Time = Annotated[int | None, Query(ge=0, le=LATEST_MS)]


_Text = Annotated[str | None, Field(max_length=200, pattern=r"^[^\x00]*$")]
_Outcome = Annotated[str | None, Field(pattern=r"^[a-z0-9_]{1,40}$")]
_Millis = Annotated[int, Field(strict=True, ge=0, le=LATEST_MS)]


class ReplayIn(BaseModel):
    """Which events are to be sent again."""

    model_config = ConfigDict(extra="forbid")

    since: _Millis = Field(description="Made at or after, epoch milliseconds.")
    until: _Millis | None = Field(default=None, description="Made before; now, if it is missing.")
    app: _Text = Field(default=None, description="Installation id.")
    conversation: _Text = None
    event: _Text = Field(default=None, description="Event key.")
    status: Literal["delivered", "failed", "cancelled"] | None = None
    outcome: _Outcome = Field(default=None, description="What the last attempt led to, its HTTP status or its failure.")


def router(webhooks: Webhooks, accounts: Accounts) -> APIRouter:
    """Routes under ``/accounts/{account}``: ``/deliveries`` and ``/replays``.

    Each needs the bearer of an administrator or developer.
    """

    admit = admission(accounts, Role.ADMIN, Role.DEVELOPER)
    api = APIRouter(prefix="/accounts/{account}", dependencies=[Depends(admit)])
    _add_deliveries(api, webhooks, admit)
    _add_replays(api, webhooks, admit)
    return api


def _add_deliveries(api: APIRouter, webhooks: Webhooks, admit: Admission) -> None:
    @api.get("/deliveries", tags=["deliveries"])
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

    @api.get("/deliveries/{delivery}", tags=["deliveries"])
    async def get_delivery(account: str, delivery: str) -> Response:
        """Read a delivery with its body, every attempt and its timeline."""
        return json_response(wire.render_detail(await webhooks.get_delivery(account, delivery)))

    @api.post("/deliveries/{delivery}/replay", status_code=201, tags=["deliveries"])
    async def replay_delivery(account: str, delivery: str, actor: Annotated[Actor, Depends(admit)]) -> Response:
        """Send an event again, from the end of its conversation."""
        made = await webhooks.replays.replay_one(account, delivery, actor)
        return json_response(wire.render_summary((await webhooks.get_delivery(account, made)).summary), 201)


def _add_replays(api: APIRouter, webhooks: Webhooks, admit: Admission) -> None:
    @api.get("/replays", tags=["replays"])
    async def list_replays(
        account: str,
        cursor: str | None = None,
        limit: Annotated[int, Query(ge=1, le=MOST_PER_PAGE)] = 50,
    ) -> Response:
        """List replays, newest first; ``next_cursor`` leads to the next page."""
        page, following = await webhooks.replays.list(account, cursor=cursor, limit=limit)
        return json_response({"items": [wire.render_replay(each) for each in page], "next_cursor": following})

    @api.post("/replays", status_code=201, tags=["replays"])
    async def begin_replay(account: str, body: ReplayIn, actor: Annotated[Actor, Depends(admit)]) -> Response:
        """Begin to send the events of the log again that a filter wants."""
        wanted = ReplayFilter(
            body.app,
            body.conversation,
            None if body.event is None else canonical_event_key(body.event),
            body.status,
            body.outcome,
            body.since,
            webhooks.now_ms() if body.until is None else body.until,
        )
        return json_response(wire.render_replay(await webhooks.replays.begin(account, wanted, actor)), 201)

    @api.get("/replays/{replay}", tags=["replays"])
    async def get_replay(account: str, replay: str) -> Response:
        """Read how far a replay is."""
        return json_response(wire.render_replay(await webhooks.replays.get(account, replay)))

    @api.delete("/replays/{replay}", tags=["replays"])
    async def cancel_replay(account: str, replay: str, actor: Annotated[Actor, Depends(admit)]) -> Response:
        """Cancel a replay, and what it has queued and is not yet being sent."""
        return json_response(wire.render_replay(await webhooks.replays.cancel(account, replay, actor)))
