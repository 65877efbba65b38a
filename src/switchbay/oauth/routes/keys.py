"""The published keys: each account's JWK Set (RFC 7517 §5) on both faces, and the common one of existing clients.

A set's ``Cache-Control`` comes from the schedule by which keys rotate; a cache that asks again with the set's ``ETag``
gets 304 while nothing has changed.
"""

import hashlib

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from switchbay.infra.web import JSON
from switchbay.oauth.service.keyring import KeyRing, KeySet
from switchbay.oauth.service.tokens import AccountDirectory

_ALLOWED = {"Access-Control-Allow-Origin": "*"}
_PREFLIGHT = {**_ALLOWED, "Access-Control-Allow-Methods": "GET", "Access-Control-Max-Age": "86400"}


def routes(keys: KeyRing, accounts: AccountDirectory) -> list[BaseRoute]:
    """The routes of key sets."""

    async def get_account_keys(request: Request) -> Response:
        account_id = request.path_params["account"]
        await accounts.get_account(account_id)
        return _answer(request, await keys.render_account_keys(account_id))

    async def get_all_keys(request: Request) -> Response:
        return _answer(request, await keys.render_all_keys())

    async def allow(_request: Request) -> Response:
        return Response(None, 204, _PREFLIGHT)

    return [
        Route("/oidc/{account}/jwks", get_account_keys, methods=["GET"]),
        Route("/oidc/{account}/jwks", allow, methods=["OPTIONS"]),
        Route("/sentinel/api/account/{account}/jwks", get_account_keys, methods=["GET"]),
        Route("/sentinel/well-known/jwks", get_all_keys, methods=["GET"]),
        Route("/.well-known/jwks.json", get_all_keys, methods=["GET"]),
    ]


def _answer(request: Request, found: KeySet) -> Response:
    tag = f'"{hashlib.sha256(found.document).hexdigest()[:32]}"'
    caching = f"public, max-age={found.max_age}" if found.max_age else "public, no-cache"
    headers = {"Cache-Control": caching, "ETag": tag, **_ALLOWED}
    known = {each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")}
    if tag in known or "*" in known:
        return Response(None, 304, headers)
    return Response(found.document, 200, headers, media_type=JSON)
