"""The APIs beside the Monitoring API (section 10 of the reference), on the same visits.

- Visit Information, ``GET …/visits/current/state``: the state of a session, for people who may read conversations.
- Validate Engagement, ``GET …/contexts/{context}``: whether an offer was made in a session.
- Engagement Attributes, ``POST …/visits/current/events``: a bare list of attributes of a session.
"""

from collections.abc import Awaitable, Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from switchbay.accounts.public import Accounts, Role, require
from switchbay.engagement.monitoring.errors import Refusal
from switchbay.engagement.monitoring.routes import as_refusal, cors, preflight
from switchbay.engagement.monitoring.service import Monitoring
from switchbay.engagement.monitoring.wire import answers
from switchbay.engagement.monitoring.wire.bodies import ReportBody, parse_attributes
from switchbay.engagement.monitoring.wire.limits import BODY_BYTES
from switchbay.engagement.monitoring.wire.queries import parse_query
from switchbay.engagement.monitoring.wire.state import render_state
from switchbay.infra.machine import Clock
from switchbay.infra.web import JSON, json_bytes, read_body
from switchbay.kit.errors import AppError

READERS: Final = (Role.AGENT, Role.AGENT_MANAGER, Role.ADMIN)
_CODE_UNAUTHORIZED: Final = 10
_VISIT: Final = "/api/account/{account}/monitoring/visitors/{visitor}/visits/current"
_CONTEXT: Final = _VISIT + "/campaigns/{campaign}/engagements/{engagement}/contexts/{context}"
_Answer = Callable[[Request], Awaitable[tuple[int, bytes]]]


def routes(monitoring: Monitoring, accounts: Accounts, clock: Clock) -> list[BaseRoute]:
    """All of them."""
    api = _Api(monitoring, accounts, clock)
    return [
        Route(_VISIT + "/state", _in_their_shape(api.state, clock), methods=["GET"]),
        Route(_CONTEXT, _in_their_shape(api.validate, clock), methods=["GET"]),
        Route(_VISIT + "/events", _in_their_shape(api.events, clock), methods=["POST", "PUT"]),
        Route(_VISIT + "/events", preflight, methods=["OPTIONS"]),
        Route(_CONTEXT, preflight, methods=["OPTIONS"]),
    ]


def _in_their_shape(answer: _Answer, clock: Clock) -> Callable[[Request], Awaitable[Response]]:
    async def serve(request: Request) -> Response:
        headers = dict(cors(request.headers.get("origin")))
        try:
            status, body = await answer(request)
        except Exception as error:  # noqa: BLE001 - whatever it is becomes an answer of this API
            refusal = as_refusal(error)
            status, body = refusal.status, answers.refused(refusal, clock.now_ms())
        return Response(body, status, headers, media_type=JSON)

    return serve


class _Api:
    def __init__(self, monitoring: Monitoring, accounts: Accounts, clock: Clock) -> None:
        self._monitoring = monitoring
        self._accounts = accounts
        self._clock = clock

    async def state(self, request: Request) -> tuple[int, bytes]:
        """The state of a session."""
        query = parse_query(request.scope["query_string"])
        account_id: str = request.path_params["account"]
        await self._monitoring.check_account(account_id)
        try:
            principal = await self._accounts.authenticate(account_id, request.headers.get("authorization"))
            require(principal, *READERS)
        except AppError as error:
            raise Refusal(error.kind.http_status, _CODE_UNAUTHORIZED, error.message) from error
        visit = await self._monitoring.visit_of(account_id, request.path_params["visitor"], query.session_id)
        rules = await self._monitoring.rules_of(account_id)
        return 200, json_bytes(render_state(visit, rules, self._clock.now_ms()))

    async def validate(self, request: Request) -> tuple[int, bytes]:
        """Whether an offer was made in a session that goes on."""
        query = parse_query(request.scope["query_string"])
        given = request.path_params
        await self._monitoring.check_account(given["account"])
        visit = await self._monitoring.visit_of(given["account"], given["visitor"], query.session_id)
        wanted = (given["campaign"], given["engagement"], given["context"])
        if not any((str(one.campaign_id), str(one.engagement_id), one.id) == wanted for one in visit.contexts):
            raise Refusal(404, 6, "This engagement was not offered in the session in that context.")
        return 200, b"{}"

    async def events(self, request: Request) -> tuple[int, bytes]:
        """Attributes of a session that goes on."""
        query = parse_query(request.scope["query_string"])
        given = request.path_params
        attributes = parse_attributes(await read_body(request, BODY_BYTES))
        body = ReportBody(engagement_attributes=attributes)
        await self._monitoring.add(given["account"], given["visitor"], query.session_id, body)
        return 200, b"{}"
