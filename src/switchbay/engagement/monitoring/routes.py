"""The Monitoring API: ``engagement`` and ``report``, for anybody, from pages of any origin.

``POST /api/account/{account}/app/{app}/engagement`` and ``PUT /api/account/{account}/app/{app}/report``, which may also
come as a POST with ``X-HTTP-Method-Override: PUT`` (section 4 of the reference).
"""

from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from switchbay.engagement.monitoring.errors import Refusal, body_invalid, unavailable, unexpected
from switchbay.engagement.monitoring.service import Caller, Monitoring
from switchbay.engagement.monitoring.wire import answers
from switchbay.engagement.monitoring.wire.bodies import parse_engagement, parse_report
from switchbay.engagement.monitoring.wire.limits import BODY_BYTES
from switchbay.engagement.monitoring.wire.queries import parse_query
from switchbay.infra.express import Call, ExpressRoute, JsonAnswer, Serve
from switchbay.infra.machine import Clock
from switchbay.kit.errors import AppError, Kind

_APP: Final = "/api/account/{account}/app/{app}"
_METHODS: Final = "GET, POST, PUT, PATCH, OPTIONS"
_HEADERS: Final = "Content-Type, Accept, Authorization, X-HTTP-Method-Override, If-Match"
_PREFLIGHT_SECONDS: Final = "600"
_OVERRIDE: Final = "x-http-method-override"
_NO_ORIGIN: Final = (("Vary", "Origin"),)
_log = structlog.get_logger("monitoring")
_Answer = Callable[[Call], Awaitable[tuple[int, bytes]]]


def routes(monitoring: Monitoring, clock: Clock) -> list[BaseRoute]:
    """Both methods, and what browsers ask before they use them."""
    api = _MonitoringApi(monitoring)
    return [
        ExpressRoute(_APP + "/engagement", in_their_shape(api.engagement, clock)),
        ExpressRoute(_APP + "/report", in_their_shape(api.report, clock), methods=("POST", "PUT")),
        Route(_APP + "/engagement", preflight, methods=["OPTIONS"]),
        Route(_APP + "/report", preflight, methods=["OPTIONS"]),
    ]


def in_their_shape(answer: _Answer, clock: Clock) -> Serve:
    """Answer refusals and failures in the API's shape, and let the pages of every origin read the answer."""

    async def serve(call: Call) -> JsonAnswer:
        headers = cors(call.headers.get("origin"))
        try:
            status, body = await answer(call)
        except Exception as error:  # noqa: BLE001 - whatever it is becomes an answer of this API
            refusal = as_refusal(error)
            if refusal.retry_after is not None:
                headers = (*headers, ("Retry-After", str(refusal.retry_after)))
            status, body = refusal.status, answers.refused(refusal, clock.now_ms())
        return JsonAnswer(body, headers, status)

    return serve


def as_refusal(error: Exception) -> Refusal:
    """What an error is answered as; of who went away nothing."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, ClientDisconnect):
        raise error
    if isinstance(error, AppError) and error.kind is Kind.TOO_LARGE:
        return body_invalid(error.message)
    if isinstance(error, AppError) and error.kind is Kind.UNAVAILABLE:
        return unavailable()
    _log.error("request failed", exc_info=error)
    return unexpected()


def cors(origin: str | None) -> tuple[tuple[str, str], ...]:
    """Headers with which the page that asks may read the answer. There are no cookies that could tell who asks."""
    if origin is None:
        return _NO_ORIGIN
    return (
        ("Access-Control-Allow-Origin", origin),
        ("Access-Control-Allow-Credentials", "true"),
        ("Vary", "Origin"),
    )


async def preflight(request: Request) -> Response:
    """What a browser asks before it lets a page send JSON."""
    headers = {
        **dict(cors(request.headers.get("origin"))),
        "Access-Control-Allow-Methods": _METHODS,
        "Access-Control-Allow-Headers": _HEADERS,
        "Access-Control-Max-Age": _PREFLIGHT_SECONDS,
    }
    return Response(status_code=204, headers=headers)


class _MonitoringApi:
    def __init__(self, monitoring: Monitoring) -> None:
        self._monitoring = monitoring

    async def _caller(self, call: Call) -> Caller:
        query = parse_query(call.query)
        caller = Caller(
            call.segments[0],
            call.segments[1],
            query.visitor_id,
            query.session_id,
            query.on_behalf,
            call.peer or "",
            call.headers.get("user-agent", ""),
        )
        await self._monitoring.check(caller)
        return caller

    async def engagement(self, call: Call) -> tuple[int, bytes]:
        """What is the visitor to be offered?"""
        caller = await self._caller(call)
        body = parse_engagement(await call.body(BODY_BYTES))
        done = await self._monitoring.engagement(caller, body)
        return _status(done.decision.before is None), answers.engaged(done.decision, done.rules)

    async def report(self, call: Call) -> tuple[int, bytes]:
        """This has happened."""
        if call.method == "POST" and call.headers.get(_OVERRIDE, "").upper() != "PUT":
            raise Refusal(405, 5, "report is a PUT, or a POST with X-HTTP-Method-Override: PUT.")
        caller = await self._caller(call)
        body = parse_report(await call.body(BODY_BYTES))
        done = await self._monitoring.report(caller, body)
        return _status(done.decision.before is None), answers.reported(done.decision)


def _status(is_new: bool) -> int:  # noqa: FBT001 - one flag, one meaning
    return 201 if is_new else 200
