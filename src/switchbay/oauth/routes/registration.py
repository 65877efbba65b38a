"""The wire routes of dynamic client registration (RFC 7591) and its management (RFC 7592): parse, call, render.

All errors have the shape of RFC 7591 §3.2.2, those of a bearer the challenge of RFC 6750 §3 as well.
"""

from collections.abc import Awaitable, Callable
from http import HTTPStatus

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from switchbay.infra.web import JSON, client_address, json_response, read_body, retry_headers
from switchbay.kit.errors import AppError
from switchbay.kit.ids import is_account_id
from switchbay.oauth.protocol.rfc7591_registration import LARGEST_BODY, RegistrationRefused, invalid_metadata
from switchbay.oauth.service.registration import Registrations

_NOT_STORED = {"Cache-Control": "no-store", "Pragma": "no-cache"}
_log = structlog.get_logger("oauth")


def routes(service: Registrations) -> list[BaseRoute]:
    """The routes under ``/oidc/{account}/register``."""

    async def register(request: Request) -> Response:
        body = await _read_json(request)
        account_id, bearer = _asked(request)
        answer = await service.register(account_id, bearer, body, client_address(request))
        return json_response(answer, 201, _NOT_STORED)

    async def read(request: Request) -> Response:
        account_id, bearer = _asked(request)
        return json_response(await service.read(account_id, _client(request), bearer), 200, _NOT_STORED)

    async def update(request: Request) -> Response:
        body = await _read_json(request)
        account_id, bearer = _asked(request)
        answer = await service.update(account_id, _client(request), bearer, body, client_address(request))
        return json_response(answer, 200, _NOT_STORED)

    async def remove(request: Request) -> Response:
        account_id, bearer = _asked(request)
        await service.remove(account_id, _client(request), bearer, client_address(request))
        return Response(status_code=204, headers=_NOT_STORED)

    one = "/oidc/{account}/register/{client_id}"
    return [
        Route("/oidc/{account}/register", _answering(register), methods=["POST"]),
        Route(one, _answering(read), methods=["GET"]),
        Route(one, _answering(update), methods=["PUT"]),
        Route(one, _answering(remove), methods=["DELETE"]),
    ]


async def _read_json(request: Request) -> bytes:
    media_type = request.headers.get("content-type", JSON).partition(";")[0].strip().lower()
    if media_type != JSON:
        raise invalid_metadata(f"The body must be {JSON}.")
    return await read_body(request, LARGEST_BODY)


def _asked(request: Request) -> tuple[str, str | None]:
    headers = request.headers.getlist("authorization")
    return request.path_params["account"], headers[0] if len(headers) == 1 else None


def _client(request: Request) -> str:
    client_id: str = request.path_params["client_id"]
    return client_id


def _answering(handle: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        try:
            return await handle(request)
        except RegistrationRefused as refused:
            account_id = request.path_params["account"]
            _log.info(
                "registration refused",
                account=account_id if is_account_id(account_id) else None,
                error=refused.error,
                description=refused.description,
                address=client_address(request),
            )
            return json_response(refused.body(), refused.status, {**_NOT_STORED, **_challenge(refused)})
        except AppError as error:
            body = {"error": error.code, "error_description": error.message}
            return json_response(body, error.kind.http_status, {**_NOT_STORED, **retry_headers(error)})

    return answer


def _challenge(refused: RegistrationRefused) -> dict[str, str]:
    if refused.status != HTTPStatus.UNAUTHORIZED:
        return {}
    return {"WWW-Authenticate": f'Bearer error="{refused.error}", error_description="{refused.description}"'}
