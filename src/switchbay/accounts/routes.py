"""Wire routes of the agent login (agentVep), the directory of services (Domain API) and the feature grants.

The version in the query (``v``, ``version``) is accepted in any value or none, as clients send all sorts.
"""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from switchbay.accounts import errors, wire
from switchbay.accounts.domain.directory import SERVICES, base_uri
from switchbay.accounts.service import Accounts
from switchbay.infra.web import client_address, json_response, read_body

SESSION_COOKIE = "Session_id"
_LOGIN_BODY_BYTES = 8_192
_NO_STORE = {"Cache-Control": "no-store"}
_API = "/api/account/{account}"


def directory_routes(accounts: Accounts) -> list[BaseRoute]:
    """The two calls of the directory. They hold nothing secret and are served over plain http too."""

    async def all_services(request: Request) -> Response:
        account = await accounts.get_account(request.path_params["account"])
        return json_response({"baseURIs": accounts.base_uris(account.account_id)})

    async def one_service(request: Request) -> Response:
        account = await accounts.get_account(request.path_params["account"])
        service: str = request.path_params["service"]
        if service not in SERVICES:
            raise errors.service_unknown()
        return json_response(base_uri(account.account_id, service, accounts.public_address))

    return [
        Route(_API + "/service/baseURI.json", all_services, methods=["GET"]),
        Route(_API + "/service/{service}/baseURI.json", one_service, methods=["GET"]),
    ]


def routes(accounts: Accounts) -> list[BaseRoute]:
    """Login, refresh, logout and the feature grants."""

    async def login(request: Request) -> Response:
        account: str = request.path_params["account"]
        given = wire.parse_login(await read_body(request, _LOGIN_BODY_BYTES))
        opened = await accounts.login(account, given.username, given.password, client_address(request), code=given.otp)
        body = wire.render_login(opened, accounts.base_uris(account), accounts.session_ms, accounts.now_ms())
        response = json_response(body, headers=_NO_STORE)
        # The path keeps apart the sessions of two accounts in one browser.
        response.set_cookie(
            SESSION_COOKIE,
            opened.bearer.reveal(),
            path=f"/api/account/{account}",
            secure=True,
            httponly=True,
            samesite="strict",
        )
        return response

    async def refresh(request: Request) -> Response:
        csrf = wire.parse_csrf(await read_body(request, _LOGIN_BODY_BYTES))
        await accounts.refresh(request.path_params["account"], _bearer(request), csrf)
        return Response(status_code=200, headers=_NO_STORE)

    async def logout(request: Request) -> Response:
        account: str = request.path_params["account"]
        body = await read_body(request, _LOGIN_BODY_BYTES)
        # A browser sends a cookie on its own, so a cookie alone does not prove that the user wants out.
        csrf = None if request.headers.get("authorization") else wire.parse_csrf(body or b"{}")
        await accounts.logout(account, _bearer(request), client_address(request), csrf=csrf)
        response = Response(status_code=200, headers=_NO_STORE)
        response.delete_cookie(
            SESSION_COOKIE, path=f"/api/account/{account}", secure=True, httponly=True, samesite="strict"
        )
        return response

    async def feature_grants(request: Request) -> Response:
        account: str = request.path_params["account"]
        await accounts.authenticate(account, request.headers.get("authorization"))
        return json_response(wire.render_feature_grants(await accounts.get_account(account)))

    return [
        Route(_API + "/login", login, methods=["POST"]),
        Route(_API + "/refresh", refresh, methods=["POST"]),
        Route(_API + "/logout", logout, methods=["POST"]),
        Route(_API + "/configuration/provision/featureGrants", feature_grants, methods=["GET"]),
    ]


def _bearer(request: Request) -> str | None:
    """The header if there is one, else the cookie of the login."""
    return request.headers.get("authorization") or request.cookies.get(SESSION_COOKIE)
