"""The wire routes of the authorization server and of consumer identity: parse, call the service, render.

Paths are those that existing connectors call. The token endpoint answers errors as RFC 6749 §5.2 prescribes; the
others in the common shape.
"""

import msgspec
import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from switchbay.infra.web import client_address, decode_as, json_response, read_body, retry_headers
from switchbay.kit.errors import AppError, Kind
from switchbay.kit.ids import is_account_id
from switchbay.oauth.protocol.rfc6749_client_authentication import read_credentials
from switchbay.oauth.protocol.rfc6749_client_credentials import check_grant_type
from switchbay.oauth.protocol.rfc6749_errors import TokenRequestRefused
from switchbay.oauth.protocol.rfc6749_parameters import read_parameters, read_version
from switchbay.oauth.service import OAuth
from switchbay.oauth.service.refusals import RefusalLog

BODY_LIMIT = 16_384
_NOT_STORED = {"Cache-Control": "no-store", "Pragma": "no-cache"}
_TOKEN_ERRORS = {
    Kind.TOO_LARGE: "invalid_request",
    Kind.UNAVAILABLE: "temporarily_unavailable",
}
_log = structlog.get_logger("oauth")


class _ConsumerBody(msgspec.Struct, frozen=True):
    ext_consumer_id: str | int


_consumer_decoder = msgspec.json.Decoder(_ConsumerBody)


def routes(service: OAuth, refusals: RefusalLog | None = None, *, query_credentials: bool = True) -> list[BaseRoute]:
    """The routes. Refusals are noted for the developers of the apps that they concern.

    ``query_credentials`` tells whether the token endpoint accepts parameters in the query.
    """

    async def answer_token(request: Request, version: int | None) -> Response:
        account_id = request.path_params["account"]
        try:
            return await _issue(service, request, account_id, version, query_credentials=query_credentials)
        except TokenRequestRefused as refused:
            address = client_address(request)
            _log.info(
                "token request refused",
                account=account_id if is_account_id(account_id) else None,
                app=refused.client_id,
                error=refused.error,
                reason=refused.reason,
                address=address,
            )
            if refusals is not None and refused.client_id is not None:
                refusals.note(
                    account_id, refused.client_id, "app/token", refused.error, refused.reason, refused.detail, address
                )
            return json_response(refused.body(), refused.status, {**_NOT_STORED, **refused.headers()})
        except AppError as error:
            if error.kind not in _TOKEN_ERRORS:
                raise
            body = {"error": _TOKEN_ERRORS[error.kind], "error_description": error.message}
            return json_response(body, error.kind.http_status, {**_NOT_STORED, **retry_headers(error)})

    async def post_token(request: Request) -> Response:
        return await answer_token(request, None)

    async def post_token_v2(request: Request) -> Response:
        return await answer_token(request, 2)

    async def post_consumer(request: Request) -> Response:
        account_id = request.path_params["account"]
        token = await service.verify_app_token(account_id, request.headers.get("authorization"))
        body = decode_as(await read_body(request, BODY_LIMIT), _consumer_decoder)
        made = await service.consumer_identity(account_id, token, body.ext_consumer_id)
        return json_response({"token": made.reveal()}, 201, _NOT_STORED)

    return [
        Route("/sentinel/api/account/{account}/app/token", post_token, methods=["POST"]),
        Route("/sentinel/api/v2/account/{account}/app/token", post_token_v2, methods=["POST"]),
        Route("/api/account/{account}/consumer", post_consumer, methods=["POST"]),
    ]


async def _issue(
    service: OAuth, request: Request, account_id: str, version: int | None, *, query_credentials: bool
) -> Response:
    query: bytes = request.scope["query_string"]
    body = await read_body(request, BODY_LIMIT)
    parameters = read_parameters(query, request.headers.get("content-type"), body, query_credentials=query_credentials)
    asked_version = read_version(query) if version is None else version
    check_grant_type(parameters)
    presented = read_credentials(request.headers.getlist("authorization"), parameters)
    issued = await service.client_credentials(account_id, presented, parameters.get("scope"), version=asked_version)
    answer = {
        "access_token": issued.access_token,
        "token_type": "Bearer",
        "expires_in": issued.expires_in,
        "scope": issued.scope,
    }
    return json_response(answer, 200, _NOT_STORED)
