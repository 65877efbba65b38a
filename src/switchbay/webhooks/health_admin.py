"""The management API of how endpoints are doing: looking, for administrators and developers; doing something about it,
for administrators; and who is told of it.
"""

from typing import Annotated

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from switchbay.accounts.public import Accounts, Actor, Role
from switchbay.infra.web import json_response
from switchbay.kit.jsonvalue import JsonValue
from switchbay.kit.secret import Secret
from switchbay.webhooks.admission import admission
from switchbay.webhooks.health_report import render_report
from switchbay.webhooks.service import Webhooks
from switchbay.webhooks.store.operational import Subscription

MOST_A_SECOND = 1_000
_NO_STORE = {"Cache-Control": "no-store"}


class RateLimit(BaseModel):
    """Most requests a second to each endpoint of the app, from each node; null for no limit."""

    model_config = ConfigDict(extra="forbid")

    requests_per_second: Annotated[int, Field(strict=True, ge=1, le=MOST_A_SECOND)] | None


class OperationalWebhook(BaseModel):
    """Where operational events go, and the secret that signs them; one is made up if it is missing."""

    model_config = ConfigDict(extra="forbid")

    url: Annotated[str, Field(max_length=2_000, pattern=r"^https?://[^\x00-\x20]+$")]
    secret: Annotated[SecretStr, Field(min_length=16, max_length=200)] | None = None


def router(webhooks: Webhooks, accounts: Accounts) -> APIRouter:
    """Routes under ``/accounts/{account}``: an app's ``/webhooks``, and ``/operational-webhooks``."""

    reader = admission(accounts, Role.ADMIN, Role.DEVELOPER)
    admin = admission(accounts, Role.ADMIN)
    acting = Annotated[Actor, Depends(admin)]
    api = APIRouter(prefix="/accounts/{account}")

    @api.get("/apps/{app_id}/webhooks/health", dependencies=[Depends(reader)], tags=["webhook health"])
    async def get_webhooks_health(account: str, app_id: str) -> Response:
        """Say how an app's endpoints are doing, on all nodes, and why."""
        return json_response(render_report(await webhooks.care.get_report(account, app_id)))

    @api.post("/apps/{app_id}/webhooks/enable", tags=["webhook health"])
    async def enable_webhooks(account: str, app_id: str, actor: acting) -> Response:
        """Call an app's disabled webhooks again."""
        return json_response(render_report(await webhooks.care.enable(account, app_id, actor)))

    @api.put("/apps/{app_id}/webhooks/rate-limit", tags=["webhook health"])
    async def limit_webhooks(account: str, app_id: str, body: RateLimit, actor: acting) -> Response:
        """Limit the requests a second to each endpoint of an app."""
        report = await webhooks.care.limit(account, app_id, body.requests_per_second, actor)
        return json_response(render_report(report))

    @api.get("/operational-webhooks", dependencies=[Depends(reader)], tags=["webhook health"])
    async def list_operational_webhooks(account: str) -> Response:
        """List who is told how endpoints are doing."""
        return json_response({"items": [_render(each) for each in await webhooks.operational.list_all(account)]})

    @api.post("/operational-webhooks", status_code=201, tags=["webhook health"])
    async def add_operational_webhook(account: str, body: OperationalWebhook, actor: acting) -> Response:
        """Tell an address from now on how endpoints are doing. The secret is shown this once."""
        given = None if body.secret is None else Secret(body.secret.get_secret_value())
        made, secret = await webhooks.operational.add(account, body.url, given, actor)
        return json_response({**_render(made), "secret": secret.reveal()}, 201, _NO_STORE)

    @api.delete("/operational-webhooks/{subscription}", status_code=204, tags=["webhook health"])
    async def remove_operational_webhook(account: str, subscription: str, actor: acting) -> None:
        """Tell an address no more."""
        await webhooks.operational.remove(account, subscription, actor)

    return api


def _render(subscription: Subscription) -> dict[str, JsonValue]:
    return {"id": subscription.subscription_id, "url": subscription.url, "created_at": subscription.created_at}
