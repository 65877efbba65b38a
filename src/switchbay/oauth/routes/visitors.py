"""Sign-up of consumers who come by themselves, on the paths that the vendor documents for unauthenticated messaging.

Pages of the account's web origins may call these from a browser; programs, which name no origin, may too.
"""

from collections.abc import Awaitable, Callable

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from switchbay.infra.cors import preflight, readable
from switchbay.infra.web import client_address, decode_as, error_response, json_response, read_body
from switchbay.kit.errors import AppError, Kind
from switchbay.kit.secret import Secret
from switchbay.oauth.errors import consumer_token_missing
from switchbay.oauth.service.visitors import Visitors

BODY_LIMIT = 20_480
_NOT_STORED = {"Cache-Control": "no-store"}


class _Given(msgspec.Struct, frozen=True):
    """What the bodies of all these calls may hold; each call reads its own member."""

    jwt: str | None = None
    id_token: str | None = None
    auth_code: str | None = msgspec.field(default=None, name="authCode")


_decoder = msgspec.json.Decoder(_Given)
_Work = Callable[[str, _Given, str | None], Awaitable[dict[str, str]]]


def routes(visitors: Visitors) -> list[BaseRoute]:
    """The routes, each with its preflight."""

    async def sign_up(account_id: str, given: _Given, address: str | None) -> dict[str, str]:
        return _shown(await visitors.sign_up(account_id, given.jwt, address), "jwt")

    async def authorize(account_id: str, given: _Given, address: str | None) -> dict[str, str]:
        return _shown(await visitors.identify(account_id, given.id_token, address), "token")

    async def authenticate(account_id: str, given: _Given, address: str | None) -> dict[str, str]:
        identity = given.id_token or given.auth_code
        if not identity:
            raise consumer_token_missing()
        return _shown(await visitors.exchange(account_id, identity, address), "token", "jwt")

    base = "/api/account/{account}"
    calls = {
        "/signup": sign_up,
        "/anonymous/authorize": authorize,
        "/authenticate": authenticate,
        "/app/{connector}/authenticate": authenticate,
    }
    return [
        route
        for path, work in calls.items()
        for route in (
            Route(base + path, _answering(visitors, work), methods=["POST"]),
            Route(base + path, _preflight(visitors), methods=["OPTIONS"]),
        )
    ]


def _shown(token: Secret, *members: str) -> dict[str, str]:
    return dict.fromkeys(members, token.reveal())


def _answering(visitors: Visitors, work: _Work) -> Callable[[Request], Awaitable[Response]]:
    async def post(request: Request) -> Response:
        account_id, origin = request.path_params["account"], request.headers.get("origin")
        headers = {**_NOT_STORED, **readable(origin)}
        try:
            await visitors.admit_page(account_id, origin)
            body = await read_body(request, BODY_LIMIT)
            given = decode_as(body, _decoder) if body.strip() else _Given()
            return json_response(await work(account_id, given, client_address(request)), 200, headers)
        except AppError as error:  # any page may read why, so that its messenger can tell
            answer = error_response(error)
            answer.headers.update(headers)
            return answer

    return post


def _preflight(visitors: Visitors) -> Callable[[Request], Awaitable[Response]]:
    async def options(request: Request) -> Response:
        origin = request.headers.get("origin")
        if origin is None:
            raise AppError(Kind.INVALID, "origin_missing", "A preflight names the origin of its page.")
        await visitors.admit_page(request.path_params["account"], origin)
        return preflight(origin, methods="POST", headers="content-type")

    return options
