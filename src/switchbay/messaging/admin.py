"""The agents' door over plain HTTP: see conversations, join one, answer, close it.

Every route needs the bearer of a user with the role agent, agent_manager or admin. An agent answers in conversations
that they have joined, as their assigned agent; what they publish reaches the connector exactly as an event of the
consumer does.
"""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final, Literal, TypeAlias

from fastapi import APIRouter, Depends, Query, Request, Response

from switchbay.accounts.public import Accounts, Principal, Role, require
from switchbay.infra.web import json_response, read_body
from switchbay.messaging.commit import Outcome
from switchbay.messaging.domain import (
    AddParticipant,
    AgentCaller,
    Audience,
    CloseConversation,
    Command,
    Publish,
    RemoveParticipant,
    Step,
)
from switchbay.messaging.domain import Role as ParticipantRole
from switchbay.messaging.service import Messaging
from switchbay.messaging.wire import agents
from switchbay.messaging.wire.cursors import read_cursor, write_cursor
from switchbay.messaging.wire.events import AGENT_STATUSES, parse_event
from switchbay.messaging.wire.keys import parse_key

MOST_PER_PAGE: Final = 200
MANAGERS: Final = (Role.ADMIN, Role.AGENT_MANAGER)
"""Roles that may see, join, take over and close any conversation."""
Admission: TypeAlias = Callable[[Request, str], Awaitable[Principal]]
_EVENT_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"type": "object", "required": ["type"]}}},
    }
}


def router(service: Messaging, accounts: Accounts) -> APIRouter:
    """Routes under ``/accounts/{account}/conversations``."""

    async def admitted(request: Request, account: str) -> Principal:
        principal = await accounts.authenticate(account, request.headers.get("authorization"))
        require(principal, Role.AGENT, *MANAGERS)
        return principal

    api = APIRouter(
        prefix="/accounts/{account}/conversations", tags=["conversations"], dependencies=[Depends(admitted)]
    )
    _add_reading(api, service)
    _add_taking_part(api, service, admitted)
    _add_publishing(api, service, admitted)
    return api


def _add_reading(api: APIRouter, service: Messaging) -> None:
    @api.get("")
    async def list_conversations(
        account: str,
        state: Literal["OPEN", "CLOSE"] | None = None,
        cursor: str | None = None,
        limit: Annotated[int, Query(ge=1, le=MOST_PER_PAGE)] = 50,
    ) -> Response:
        """List conversations, the newest first; ``next_cursor`` leads to the next page."""
        found = await service.list_conversations(account, state=state, before=read_cursor(cursor), most=limit)
        following = write_cursor(found[-1].started_at, found[-1].conversation_id) if len(found) == limit else None
        return json_response(agents.Page([agents.render_conversation(one) for one in found], following))

    @api.get("/{conversation}")
    async def get_conversation(account: str, conversation: str) -> Response:
        """Read a conversation with what is known about its consumer."""
        found = await service.get_conversation(account, conversation)
        consumer = await service.find_consumer(account, found.consumer_id)
        return json_response(agents.render_conversation(found, {} if consumer is None else consumer.profile))

    @api.get("/{conversation}/events")
    async def list_events(
        account: str,
        conversation: str,
        since: Annotated[int, Query(ge=0, le=2**53)] = 0,
        dialog: str | None = None,
        limit: Annotated[int, Query(ge=1, le=MOST_PER_PAGE)] = 100,
    ) -> Response:
        """List the events of a dialog whose sequence is at least ``since``, in order. Chat states are not kept."""
        found = await service.list_events(account, conversation, dialog, since=since, most=limit)
        rendered = [agents.render_event(conversation, dialog or conversation, one) for one in found]
        return json_response(agents.Events(rendered, found[-1].sequence + 1 if len(found) == limit else None))


def _add_taking_part(api: APIRouter, service: Messaging, admitted: Admission) -> None:
    async def take(account: str, conversation: str, principal: Principal, step: Step) -> Response:
        await service.submit(Command(account, _caller(principal), conversation, (step,)))
        return json_response(agents.render_conversation(await service.get_conversation(account, conversation)))

    @api.post("/{conversation}/join")
    async def join_conversation(
        account: str, conversation: str, principal: Annotated[Principal, Depends(admitted)]
    ) -> Response:
        """Become the assigned agent; joining again changes nothing."""
        return await take(
            account, conversation, principal, AddParticipant(principal.user_pid, ParticipantRole.ASSIGNED_AGENT)
        )

    @api.post("/{conversation}/leave")
    async def leave_conversation(
        account: str, conversation: str, principal: Annotated[Principal, Depends(admitted)]
    ) -> Response:
        """Stop being the assigned agent, so that another may join."""
        return await take(account, conversation, principal, RemoveParticipant(principal.user_pid))

    @api.post("/{conversation}/close")
    async def close_conversation(
        account: str, conversation: str, principal: Annotated[Principal, Depends(admitted)]
    ) -> Response:
        """Close the conversation and its dialogs. Administrators may close any, agents those they have joined."""
        return await take(account, conversation, principal, CloseConversation())


def _add_publishing(api: APIRouter, service: Messaging, admitted: Admission) -> None:
    @api.post("/{conversation}/events", openapi_extra=_EVENT_BODY)
    async def publish_event(
        request: Request,
        account: str,
        conversation: str,
        principal: Annotated[Principal, Depends(admitted)],
        dialog: str = "",
        audience: Literal["ALL", "AGENTS_AND_MANAGERS"] = "ALL",
    ) -> Response:
        """Publish the event in the body: ContentEvent, RichContentEvent, AcceptStatusEvent or ChatStateEvent.

        ``audience=AGENTS_AND_MANAGERS`` keeps it from the consumer. A repeated ``Idempotency-Key`` gets the
        first answer.
        """
        body = await read_body(request, service.limits.body_bytes)
        event = parse_event(
            agents.decode_event(body),
            characters=service.limits.message_characters,
            statuses=AGENT_STATUSES,
        )
        key = parse_key(
            request.headers.get("idempotency-key"),
            scope=("agent", account, principal.user_pid),
            route=f"events\0{conversation}\0{dialog}\0{audience}",
            body=body,
        )
        step = Publish(dialog, event, Audience(audience))
        return _published(await service.submit(Command(account, _caller(principal), conversation, (step,), key=key)))


def _published(outcome: Outcome) -> Response:
    headers = {"Idempotency-Replayed": "true"} if outcome.is_replayed else None
    return json_response({"sequence": outcome.sequences[-1]}, headers=headers)


def _caller(principal: Principal) -> AgentCaller:
    return AgentCaller(principal.user_pid, may_manage=not principal.roles.isdisjoint(MANAGERS))
