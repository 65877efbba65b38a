"""Test events: an administrator or developer has an app's endpoint called with an event of a kind it subscribes to."""

from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from switchbay.accounts.public import Accounts, Role, actor_of, require
from switchbay.infra.web import client_address, json_response
from switchbay.messaging.service import Messaging
from switchbay.webhooks.public import Webhooks, event_not_subscribed, render_delivery


class EventIn(BaseModel):
    """The event that is wanted."""

    model_config = ConfigDict(extra="forbid")

    event: Annotated[str, Field(max_length=200, pattern=r"^[^\x00]*$", description="Event key.")]


def router(messaging: Messaging, webhooks: Webhooks, accounts: Accounts) -> APIRouter:
    """The route ``/accounts/{account}/apps/{app_id}/test-events``."""
    api = APIRouter(prefix="/accounts/{account}/apps/{app_id}/test-events", tags=["apps"])

    @api.post("", status_code=201)
    async def send_test_event(request: Request, account: str, app_id: str, body: EventIn) -> Response:
        """Send an app a test event of a kind that it subscribes to, signed like real ones and marked as a test."""
        principal = await accounts.authenticate(account, request.headers.get("authorization"))
        require(principal, Role.ADMIN, Role.DEVELOPER)
        sample = messaging.sample(account, app_id, body.event, agent_id=principal.user_pid)
        if sample is None or "\x00" in app_id:
            raise event_not_subscribed(body.event)
        actor = actor_of(principal, client_address(request))
        made = await webhooks.send_test(account, app_id, sample.conversation_id, body.event, sample.body, actor)
        return json_response(render_delivery(made.summary), 201)

    return api
