"""The token endpoint of both faces, and the endpoints around it: revocation, introspection, UserInfo.

Parse, call one service function, render. Errors have the shapes of RFC 6749 §5.2 and RFC 6750 §3; the exact reason goes
to the log and, where the client is known, to its developer log, never to the caller.
"""

from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from switchbay.infra.web import client_address, json_response, read_body, retry_headers
from switchbay.kit.errors import AppError, Kind
from switchbay.kit.ids import is_account_id
from switchbay.oauth.domain import Face, Version
from switchbay.oauth.protocol import oidc_userinfo
from switchbay.oauth.protocol.oidc_userinfo import BearerRefused
from switchbay.oauth.protocol.rfc6749_errors import TokenRequestRefused
from switchbay.oauth.protocol.rfc6749_parameters import Form, read_form, read_version
from switchbay.oauth.service.introspection import TokenInquiries
from switchbay.oauth.service.refusals import RefusalLog
from switchbay.oauth.service.token_endpoint import TokenEndpoint, TokenRequest
from switchbay.oauth.service.user_tokens import UserTokens

BODY_LIMIT: Final = 32_768
NOT_STORED: Final = {"Cache-Control": "no-store", "Pragma": "no-cache"}
_OPEN: Final = {"Access-Control-Allow-Origin": "*"}
_ERRORS: Final = {Kind.TOO_LARGE: "invalid_request", Kind.UNAVAILABLE: "temporarily_unavailable"}
_VERSIONS: Final[dict[int, Version]] = {1: "v1", 2: "v2"}
_log = structlog.get_logger("oauth")

Handler = Callable[[Request], Awaitable[Response]]


class _Routes:
    def __init__(
        self,
        endpoint: TokenEndpoint,
        inquiries: TokenInquiries,
        users: UserTokens,
        refusals: RefusalLog,
        *,
        query_credentials: bool,
    ) -> None:
        self._endpoint = endpoint
        self._inquiries = inquiries
        self._users = users
        self._refusals = refusals
        self._query_credentials = query_credentials

    def guarded(self, endpoint: str, handler: Handler, *, opened: bool) -> Handler:
        """The handler, with its refusals rendered and noted; ``opened`` to scripts of any origin."""
        extra = {**NOT_STORED, **(_OPEN if opened else {})}

        async def answer(request: Request) -> Response:
            try:
                response = await handler(request)
            except TokenRequestRefused as refused:
                self._note(request, endpoint, refused)
                return json_response(refused.body(), refused.status, {**extra, **refused.headers()})
            except AppError as error:
                if error.kind not in _ERRORS:
                    raise
                body = {"error": _ERRORS[error.kind], "error_description": error.message}
                return json_response(body, error.kind.http_status, {**extra, **retry_headers(error)})
            response.headers.update(extra)
            return response

        return answer

    def _note(self, request: Request, endpoint: str, refused: TokenRequestRefused) -> None:
        account_id: str = request.path_params["account"]
        address = client_address(request)
        _log.info(
            "request refused",
            endpoint=endpoint,
            account=account_id if is_account_id(account_id) else None,
            app=refused.client_id,
            error=refused.error,
            reason=refused.reason,
            address=address,
        )
        if refused.client_id is not None:
            self._refusals.note(
                account_id, refused.client_id, endpoint, refused.error, refused.reason, refused.detail, address
            )

    async def sentinel_token(self, request: Request) -> Response:
        form = await _read_form(request, query_credentials=self._query_credentials)
        version = _VERSIONS[read_version(request.scope["query_string"])]
        return await self._issue(request, Face.SENTINEL, version, form)

    async def oidc_token(self, request: Request) -> Response:
        return await self._issue(request, Face.OIDC, "oidc", await _read_form(request))

    async def _issue(self, request: Request, face: Face, version: Version, form: Form) -> Response:
        account_id: str = request.path_params["account"]
        authorization = request.headers.getlist("authorization")
        issued = await self._endpoint.serve(TokenRequest(account_id, face, version, authorization, form))
        return json_response(issued.body())

    async def revoke(self, request: Request) -> Response:
        form = await _read_form(request)
        await self._inquiries.revoke(request.path_params["account"], request.headers.getlist("authorization"), form)
        return Response(None, 200)

    async def introspect(self, request: Request) -> Response:
        form = await _read_form(request)
        authorization = request.headers.getlist("authorization")
        return json_response(await self._inquiries.introspect(request.path_params["account"], authorization, form))

    async def userinfo(self, request: Request) -> Response:
        try:
            form = await _read_form(request)
            text = oidc_userinfo.read_token(request.headers.getlist("authorization"), form.values)
            return json_response(await self._users.describe(request.path_params["account"], text))
        except TokenRequestRefused as malformed:
            refused = BearerRefused(malformed.status, malformed.error, malformed.description)
        except BearerRefused as error:
            refused = error
        return json_response(refused.body(), refused.status, refused.headers())


def routes(
    endpoint: TokenEndpoint,
    inquiries: TokenInquiries,
    users: UserTokens,
    refusals: RefusalLog,
    *,
    query_credentials: bool,
) -> list[BaseRoute]:
    """The routes. ``query_credentials``: whether the old token endpoint accepts parameters in the query."""
    ours = _Routes(endpoint, inquiries, users, refusals, query_credentials=query_credentials)
    issuer = "/oidc/{account}"
    return [
        Route(
            "/sentinel/api/account/{account}/token",
            ours.guarded("token", ours.sentinel_token, opened=False),
            methods=["POST"],
        ),
        *_opened(f"{issuer}/token", ours.guarded("token", ours.oidc_token, opened=True), "POST"),
        *_opened(f"{issuer}/revoke", ours.guarded("revoke", ours.revoke, opened=True), "POST"),
        *_opened(f"{issuer}/userinfo", ours.guarded("userinfo", ours.userinfo, opened=True), "GET", "POST"),
        Route(f"{issuer}/introspect", ours.guarded("introspect", ours.introspect, opened=False), methods=["POST"]),
    ]


def _opened(path: str, handler: Handler, *methods: str) -> list[BaseRoute]:
    """A route that scripts of any origin may call, without cookies (Fetch, CORS protocol)."""
    headers = {
        **_OPEN,
        "Access-Control-Allow-Methods": ", ".join(methods),
        "Access-Control-Allow-Headers": "Authorization, Content-Type",
        "Access-Control-Max-Age": "86400",
    }

    async def allow(_request: Request) -> Response:
        return Response(None, 204, headers)

    return [Route(path, handler, methods=list(methods)), Route(path, allow, methods=["OPTIONS"])]


async def _read_form(request: Request, *, query_credentials: bool = False) -> Form:
    query: bytes = request.scope["query_string"]
    body = await read_body(request, BODY_LIMIT)
    return read_form(query, request.headers.get("content-type"), body, query_credentials=query_credentials)
