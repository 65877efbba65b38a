"""The management API of the keys that sign webhooks, for administrators; developers may read the public ones."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, ConfigDict, Field

from switchbay.accounts.public import Accounts, Actor, Role
from switchbay.infra.web import json_response
from switchbay.webhooks.admission import admission
from switchbay.webhooks.service import Webhooks

_LONGEST_OVERLAP_SECONDS = 30 * 24 * 3600


class Rotation(BaseModel):
    """How long the previous key goes on signing beside the new one; 0 ends it at once."""

    model_config = ConfigDict(extra="forbid")

    overlap_seconds: Annotated[int, Field(strict=True, ge=0, le=_LONGEST_OVERLAP_SECONDS)] = 86_400


def router(webhooks: Webhooks, accounts: Accounts) -> APIRouter:
    """Routes under ``/accounts/{account}/webhook-keys``."""

    admit = admission(accounts, Role.ADMIN, Role.DEVELOPER)
    admitted = admission(accounts, Role.ADMIN)
    api = APIRouter(prefix="/accounts/{account}/webhook-keys", tags=["webhook keys"])

    async def shown(account: str) -> Response:
        keys = await webhooks.signing_keys.public_keys(account)
        return json_response(
            {
                "items": [
                    {
                        "id": key.key_id,
                        "public_key": key.public_key,
                        "created_at": key.created_at,
                        "ends_at": key.ends_at,
                    }
                    for key in keys
                ]
            }
        )

    @api.get("", dependencies=[Depends(admit)])
    async def list_webhook_keys(account: str) -> Response:
        """List the public keys whose signatures webhooks carry, the newest first."""
        return await shown(account)

    @api.post("/rotate")
    async def rotate_webhook_key(
        account: str, actor: Annotated[Actor, Depends(admitted)], rotation: Rotation | None = None
    ) -> Response:
        """Make a new key that signs from now on; the previous one signs beside it for a while."""
        await webhooks.signing_keys.rotate(account, (rotation or Rotation()).overlap_seconds, actor)
        return await shown(account)

    return api
