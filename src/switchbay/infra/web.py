"""What every HTTP route shares: bounded bodies, JSON in and out, one shape of errors, request ids.

No answer is ever a bare 500 with a trace: what is not an ``AppError`` is logged with the request's id and answered as
``internal_error``.
"""

import itertools
import os
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import msgspec
import structlog
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from switchbay.infra.express import Call, ExpressRoute, JsonAnswer, too_large
from switchbay.kit.errors import AppError, Kind
from switchbay.kit.jsonvalue import JsonValue

JSON = "application/json"
T = TypeVar("T")
_MOST_PROBLEMS = 20
# Unique without asking the kernel at every request: random per process, then counted.
_REQUEST_PREFIX = os.urandom(10).hex()
_request_numbers = itertools.count(1)
_log = structlog.get_logger("web")
_encoder = msgspec.json.Encoder()


def json_bytes(value: object) -> bytes:
    """Encode a JSON value, compact, UTF-8."""
    return _encoder.encode(value)


def json_response(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Answer JSON with the plain media type that existing clients insist on."""
    return Response(_encoder.encode(value), status, headers, media_type=JSON)


def error_response(error: AppError) -> Response:
    """Answer an error in the shape of the management API."""
    return json_response(error.to_json(), error.kind.http_status, retry_headers(error))


def retry_headers(error: AppError) -> dict[str, str]:
    """``Retry-After`` (seconds) where the error carries one, and the challenge of a 401 (RFC 9110 §11.6.1)."""
    headers = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
    if error.kind is Kind.UNAUTHENTICATED:
        headers["WWW-Authenticate"] = "Bearer"
    return headers


async def read_body(request: Request, limit: int) -> bytes:
    """Read the request's body; refuse it with 413 as soon as it is larger than ``limit`` bytes."""
    declared = request.headers.get("content-length")
    if declared is not None and declared.isdigit() and int(declared) > limit:
        raise too_large(limit)
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise too_large(limit)
        parts.append(part)
    return b"".join(parts)


def decode_json(body: bytes) -> JsonValue:
    """Parse a body as JSON of any shape."""
    try:
        value: JsonValue = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise malformed_json(str(error)) from error
    return value


def malformed_json(reason: str) -> AppError:
    """The error for a body that is not JSON."""
    return AppError(Kind.INVALID, "malformed_json", "The body is not valid JSON.", {"reason": reason})


def decode_as(body: bytes, decoder: "msgspec.json.Decoder[T]") -> T:
    """Parse a body into a typed value; a wrong type is ``invalid_body`` with the place where it stands."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise AppError(Kind.INVALID, "invalid_body", f"The body does not fit: {error}.") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise malformed_json(str(error)) from error


async def read_json(request: Request, limit: int) -> JsonValue:
    """Read a bounded body and parse it as JSON."""
    return decode_json(await read_body(request, limit))


def client_address(request: Request) -> str | None:
    """The peer's IP address, as the server sees it (behind trusted proxies: as they say)."""
    return request.client.host if request.client else None


_STATUS_KINDS = {kind.http_status: kind for kind in Kind}
_STATUS_CODES = {404: "route_unknown", 405: "method_not_allowed", 413: "body_too_large"}


def _refusal_of_the_router(error: HTTPException) -> Response:
    kind = _STATUS_KINDS.get(error.status_code, Kind.INVALID)
    code = _STATUS_CODES.get(error.status_code, "request_refused")
    refused = AppError(
        kind,
        code,
        {404: "There is nothing here.", 405: "This method is not allowed here."}.get(
            error.status_code, str(error.detail)
        ),
    )
    response = error_response(refused)
    response.status_code = error.status_code
    for name, value in (error.headers or {}).items():
        response.headers[name] = value
    return response


def _internal_error(request_id: str) -> AppError:
    return AppError(
        Kind.INTERNAL, "internal_error", "The server failed; the log has the details.", {"request_id": request_id}
    )


async def _answer_app_error(_request: Request, error: Exception) -> Response:
    return error_response(error) if isinstance(error, AppError) else _failed_inside(_request)


async def _answer_http_exception(_request: Request, error: Exception) -> Response:
    return _refusal_of_the_router(error) if isinstance(error, HTTPException) else _failed_inside(_request)


async def _answer_unforeseen(request: Request, _error: Exception) -> Response:
    return _failed_inside(request)  # the outermost layer logs it


def _failed_inside(request: Request) -> Response:
    return error_response(_internal_error(str(request.scope.get("request_id", ""))))


async def _answer_invalid_request(request: Request, error: Exception) -> Response:
    """What FastAPI refuses of parameters and bodies; the values themselves are not repeated."""
    if not isinstance(error, RequestValidationError):
        return _failed_inside(request)
    problems: list[JsonValue] = [
        {"at": "/".join(str(part) for part in problem["loc"]), "problem": str(problem["msg"])}
        for problem in error.errors()[:_MOST_PROBLEMS]
    ]
    if any(problem.get("type") == "json_invalid" for problem in error.errors()):
        return error_response(malformed_json(str(error.errors()[0].get("ctx", {}).get("error", ""))))
    return error_response(
        AppError(Kind.INVALID, "invalid_request", "The request does not fit the API.", {"problems": problems})
    )


MANAGEMENT_EXCEPTION_HANDLERS: dict[Any, Any] = {
    AppError: _answer_app_error,
    HTTPException: _answer_http_exception,
    RequestValidationError: _answer_invalid_request,
    Exception: _answer_unforeseen,
}
"""For FastAPI's applications, which answer their errors themselves."""


class BodyLimit:
    """Refuses bodies over a limit, for an application that reads them whole before it asks who is there."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self.app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, counting what it sends."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        declared = dict(scope["headers"]).get(b"content-length", b"")
        if declared.isdigit() and int(declared) > self._limit:
            await error_response(too_large(self._limit))(scope, receive, send)
            return
        taken = 0

        async def receive_within() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self._limit:
                # The one exception that FastAPI lets through while it reads a body.
                raise HTTPException(413, too_large(self._limit).message)
            return message

        await self.app(scope, receive_within, send)


class Application:
    """The outermost layer: finds the route, gives each answer a request id, and lets no exception reach the server.

    It does in one step what Starlette's application does in three layers, which at thousands of requests a second is a
    noticeable share of the work.
    """

    def __init__(self, routes: Sequence[BaseRoute]) -> None:
        self.router = Router(routes, default=_nowhere)
        self._express: dict[str, list[ExpressRoute]] = {}
        for route in routes:
            if isinstance(route, ExpressRoute):
                for method in route.methods or ():
                    self._express.setdefault(method, []).append(route)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return  # no lifespan, and no sockets yet: the server closes what is not accepted
        request_id = _REQUEST_PREFIX + format(next(_request_numbers), "012x")
        scope["request_id"] = request_id
        scope["app"] = self
        express = self._express.get(scope["method"])
        if express is not None and not scope.get("root_path"):
            path = scope["path"]
            for route in express:
                segments = route.segments(path)
                if segments is not None:
                    await _serve_express(route, segments, request_id, scope, receive, send)
                    return
        await self._serve(request_id, scope, receive, send)

    async def _serve(self, request_id: str, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def send_with_id(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", request_id.encode("ascii"))]
            await send(message)

        try:
            await self.router(scope, receive, send_with_id)
        except Exception as error:  # noqa: BLE001 - the last resort: whatever it is becomes an answer
            answer = _answer_failure(error, scope["method"], scope["path"], request_id)
            if answer is not None and not started:
                await answer(scope, receive, send_with_id)


async def _serve_express(
    route: ExpressRoute, segments: tuple[str, ...], request_id: str, scope: Scope, receive: Receive, send: Send
) -> None:
    answer: JsonAnswer | Response | None
    try:
        answer = await route.serve(Call(segments, scope, receive))
    except Exception as error:  # noqa: BLE001 - the last resort: whatever it is becomes an answer
        answer = _answer_failure(error, scope["method"], scope["path"], request_id)
    if answer is None:
        return  # nobody is there to read it
    headers = answer.raw_headers() if isinstance(answer, JsonAnswer) else list(answer.raw_headers)
    headers.append((b"x-request-id", request_id.encode("ascii")))
    status = answer.status if isinstance(answer, JsonAnswer) else answer.status_code
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


def _answer_failure(error: Exception, method: str, path: str, request_id: str) -> Response | None:
    if isinstance(error, AppError):
        return error_response(error)
    if isinstance(error, HTTPException):
        return _refusal_of_the_router(error)
    if isinstance(error, ClientDisconnect):
        _log.info("client went away", path=path, request_id=request_id)
        return None
    _log.error("request failed", path=path, method=method, request_id=request_id, exc_info=error)
    return error_response(_internal_error(request_id))


async def _nowhere(_scope: Scope, _receive: Receive, _send: Send) -> None:
    raise HTTPException(404)
