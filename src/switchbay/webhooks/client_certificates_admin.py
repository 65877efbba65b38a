"""The management API of client certificates, for administrators; developers may read what they say."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from switchbay.accounts.public import Accounts, Actor, Role
from switchbay.infra.web import json_response
from switchbay.kit.jsonvalue import JsonValue
from switchbay.webhooks.admission import admission
from switchbay.webhooks.client_certificates import certificate_state
from switchbay.webhooks.service import Webhooks
from switchbay.webhooks.store.client_certificates import CertificateRow

_MOST_CHARACTERS = 65_536
_Event = Annotated[str, Path(max_length=200, pattern=r"^[A-Za-z0-9_.-]+$")]


class PairIn(BaseModel):
    """A certificate with its key."""

    model_config = ConfigDict(extra="forbid")

    certificate: Annotated[
        str,
        Field(max_length=_MOST_CHARACTERS, description="PEM chain, the app's own first, each signed by the next."),
    ]
    private_key: Annotated[
        SecretStr, Field(max_length=_MOST_CHARACTERS, description="PEM private key, not encrypted. It is never shown.")
    ]


def router(webhooks: Webhooks, accounts: Accounts) -> APIRouter:
    """Routes under ``/accounts/{account}/apps/{app}/client-certificates``."""
    certificates = webhooks.client_certificates

    admit = admission(accounts, Role.ADMIN, Role.DEVELOPER)
    admitted = admission(accounts, Role.ADMIN)
    api = APIRouter(prefix="/accounts/{account}/apps/{app}/client-certificates", tags=["client certificates"])

    @api.get("", dependencies=[Depends(admit)])
    async def list_client_certificates(account: str, app: str) -> Response:
        """List what the endpoints of an app are shown when they ask who calls: no keys, only what certificates say."""
        found = await certificates.list(account, app)
        return json_response({"items": [_render(each, webhooks.now_ms()) for each in found]})

    @api.put("/{event}")
    async def put_client_certificate(
        account: str, app: str, event: _Event, body: PairIn, actor: Annotated[Actor, Depends(admitted)]
    ) -> Response:
        """Show the endpoint of an event, or with ``default`` all others of the app, this certificate from now on."""
        given = body.private_key.get_secret_value()
        row = await certificates.put(account, app, event, body.certificate.encode(), given.encode(), actor)
        return json_response(_render(row, webhooks.now_ms()))

    @api.delete("/{event}")
    async def remove_client_certificate(
        account: str, app: str, event: _Event, actor: Annotated[Actor, Depends(admitted)]
    ) -> Response:
        """Show no certificate any more to the endpoint of an event, or with ``default`` to those without their own."""
        await certificates.remove(account, app, event, actor)
        return Response(status_code=204)

    return api


def _render(row: CertificateRow, now: int) -> dict[str, JsonValue]:
    return {
        "event": row.event_key,
        "id": row.certificate_id,
        "subject": row.subject,
        "issuer": row.issuer,
        "fingerprint_sha256": row.fingerprint,
        "not_before": row.not_before,
        "not_after": row.not_after,
        "state": certificate_state(row.not_after, now),
        "created_at": row.created_at,
    }
