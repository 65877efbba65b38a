"""The developer log in the management API: why an app's requests were refused, for the account's administrators."""

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field

from switchbay.accounts.public import Accounts, Role, require
from switchbay.apps.public import Apps
from switchbay.oauth.service.refusals import RefusalLog


class RefusalOut(BaseModel):
    """One refused request."""

    refusal_id: str
    at: int = Field(description="Epoch milliseconds.")
    endpoint: str = Field(description="Where it was refused, such as token or authorize.")
    error: str = Field(description="What the caller was told.")
    reason: str = Field(description="What was really wrong; a stable word.")
    detail: dict[str, str] = Field(description="What was expected and what came. Never a secret, code or token.")
    address: str | None = Field(description="Where the request came from.")


class RefusalsOut(BaseModel):
    """The last refusals of an app, the newest first."""

    items: list[RefusalOut]


def router(log: RefusalLog, apps: Apps, accounts: Accounts) -> APIRouter:
    """The route under ``/accounts/{account}/apps/{app_id}/refusals``, with the bearer of an administrator."""
    api = APIRouter(prefix="/accounts/{account}/apps/{app_id}/refusals", tags=["apps"])

    async def admin(request: Request, account: str) -> None:
        require(await accounts.authenticate(account, request.headers.get("authorization")), Role.ADMIN)

    @api.get("", dependencies=[Depends(admin)])
    async def list_refusals(account: str, app_id: str) -> RefusalsOut:
        """List the last hundred refused requests of an app, with the exact reason of each."""
        await apps.get_app(account, app_id)
        return RefusalsOut(
            items=[
                RefusalOut(
                    refusal_id=refusal.refusal_id,
                    at=refusal.at,
                    endpoint=refusal.endpoint,
                    error=refusal.error,
                    reason=refusal.reason,
                    detail=dict(refusal.detail),
                    address=refusal.address,
                )
                for refusal in await log.list_refusals(account, app_id)
            ]
        )

    return api
