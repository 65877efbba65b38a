"""Discovery: where the account's authorization server is and what it can do (OpenID Connect Discovery 1.0, RFC 8414).

RFC 8414 §3.1 puts the well-known part before the path of an issuer, OpenID Connect behind it; both are served.
"""

from collections.abc import Collection

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from switchbay.infra.web import json_response
from switchbay.oauth.domain import Face
from switchbay.oauth.protocol.rfc8414_metadata import make_metadata
from switchbay.oauth.service.minting import PolicyBook, issuer_of
from switchbay.oauth.service.token_endpoint import GRANT_TYPES
from switchbay.oauth.service.tokens import AccountDirectory

MAX_AGE_SECONDS = 300
_OPEN = {"Access-Control-Allow-Origin": "*"}
_PREFLIGHT = {**_OPEN, "Access-Control-Allow-Methods": "GET", "Access-Control-Max-Age": "86400"}
PATHS = (
    "/oidc/{account}/.well-known/openid-configuration",
    "/oidc/{account}/.well-known/oauth-authorization-server",
    "/.well-known/openid-configuration/oidc/{account}",
    "/.well-known/oauth-authorization-server/oidc/{account}",
)


def routes(
    accounts: AccountDirectory, policies: PolicyBook, *, origin: str, scopes: Collection[str]
) -> list[BaseRoute]:
    """The routes. ``origin`` is the settings', whatever a request's ``Host`` says; ``scopes`` those of manifests."""

    async def get_metadata(request: Request) -> Response:
        account_id = request.path_params["account"]
        await accounts.get_account(account_id)
        policy = await policies.get(account_id)
        document = make_metadata(issuer_of(origin, account_id), policy, GRANT_TYPES[Face.OIDC], scopes)
        return json_response(document, 200, {"Cache-Control": f"public, max-age={MAX_AGE_SECONDS}", **_OPEN})

    async def allow(_request: Request) -> Response:
        return Response(None, 204, _PREFLIGHT)

    found: list[BaseRoute] = []
    for path in PATHS:
        found += [Route(path, get_metadata, methods=["GET"]), Route(path, allow, methods=["OPTIONS"])]
    return found
