"""The calls of the messaging interactions API (``msgHist``) and of the agents' states.

They want the bearer of a user with the role agent, agent_manager or admin, who sees every conversation of the account,
private messages included: clients look up what other agents have said before. Parameters that are not known here
(``NC``, ``__d``, ``source``, ``v`` …) are accepted.
"""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from switchbay.accounts.public import Accounts, Principal, Role, require
from switchbay.infra.machine import Clock
from switchbay.infra.web import JSON, json_response, read_body
from switchbay.messaging.history.domain.selection import Page
from switchbay.messaging.history.service import History
from switchbay.messaging.history.wire.requests import (
    Asked,
    parse_agents,
    parse_consumer,
    parse_conversation,
    parse_page,
    parse_search,
)

READERS: Final = (Role.AGENT, Role.AGENT_MANAGER, Role.ADMIN)
_BODY_BYTES: Final = 65_536
_BASE: Final = "/messaging_history/api/account/{account}"


def routes(history: History, accounts: Accounts, clock: Clock) -> list[BaseRoute]:
    """All calls of the service name ``msgHist``."""
    api = _Api(history, accounts, clock)
    return [
        Route(_BASE + "/conversations/conversation/search", api.by_conversation, methods=["POST"]),
        Route(_BASE + "/conversations/consumer/search", api.by_consumer, methods=["POST"]),
        Route(_BASE + "/conversations/search", api.by_filters, methods=["POST"]),
        Route(_BASE + "/agent-view/status", api.agent_states, methods=["POST"]),
    ]


class _Api:
    def __init__(self, history: History, accounts: Accounts, clock: Clock) -> None:
        self._history = history
        self._accounts = accounts
        self._clock = clock

    async def _begin(self, request: Request) -> tuple[Principal, bytes]:
        """Who asks, and the body, which is read of nobody who may not ask."""
        principal = await self._accounts.authenticate(
            request.path_params["account"], request.headers.get("authorization")
        )
        require(principal, *READERS)
        return principal, await read_body(request, _BODY_BYTES)

    async def by_conversation(self, request: Request) -> Response:
        principal, body = await self._begin(request)
        return await self._answer(request, principal, parse_conversation(body))

    async def by_consumer(self, request: Request) -> Response:
        principal, body = await self._begin(request)
        return await self._answer(request, principal, parse_consumer(body))

    async def by_filters(self, request: Request) -> Response:
        principal, body = await self._begin(request)
        return await self._answer(request, principal, parse_search(body, self._clock.now_ms()))

    async def _answer(self, request: Request, principal: Principal, asked: Asked) -> Response:
        page = parse_page(request.query_params)
        href = self._href(request, page)
        return Response(await self._history.search(principal.account_id, asked, page, href), media_type=JSON)

    async def agent_states(self, request: Request) -> Response:
        principal, body = await self._begin(request)
        page = parse_page(request.query_params)
        ids, states = parse_agents(body or b"{}")
        found = await self._history.agent_states(principal.account_id, ids, states, page, self._href(request, page))
        return json_response(found)

    def _href(self, request: Request, page: Page) -> str:
        """The call's own address, from what the directory says, not from what the client calls it."""
        path = request.url.path
        return f"https://{self._accounts.public_address}{path}?limit={page.limit}&offset={page.offset}"
