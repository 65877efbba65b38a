"""The management API of routing: skills, agents, and what waits.

Whoever may answer consumers reads it; administrators and agent managers change it.
"""

import base64
import binascii
import re
from collections.abc import Awaitable, Callable
from typing import Annotated, Final, TypeAlias

from fastapi import APIRouter, Depends, Query, Request, Response
from msgspec import UNSET
from pydantic import BaseModel, ConfigDict, Field

from switchbay.accounts.public import Accounts, Actor, Principal, Role, User, actor_of, require
from switchbay.infra.web import client_address, json_response
from switchbay.kit.errors import AppError, Kind
from switchbay.messaging.routing import errors
from switchbay.messaging.routing.configuration import AgentChange
from switchbay.messaging.routing.service import Routing
from switchbay.messaging.routing.wire import render_agent, render_queued, render_skill

AGENTS: Final = frozenset({Role.AGENT, Role.AGENT_MANAGER, Role.ADMIN})
"""The roles of those who may answer consumers."""
_MOST_PER_PAGE: Final = 200
_FIRST: Final = (-1, "")
_SKILL_ID: Final = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)
_CURSOR: Final = re.compile(r"([0-9]{1,18})\.([0-9a-f-]{36})", re.ASCII)
Admission: TypeAlias = Callable[[Request, str], Awaitable[Actor]]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class SkillIn(_Strict):
    """A new skill."""

    name: str
    description: str = ""


class SkillPatch(_Strict):
    """What to change of a skill; what is absent stays."""

    name: str | None = None
    description: str | None = None


class AgentPatch(_Strict):
    """What to change of an agent; what is absent stays, and ``capacity`` null is the account's."""

    skills: Annotated[list[str], Field(max_length=1_000)] | None = None
    capacity: Annotated[int, Field(strict=True)] | None = None


def router(routing: Routing, accounts: Accounts) -> APIRouter:
    """Routes under ``/accounts/{account}/skills``, ``/agents`` and ``/queue``."""

    async def agent(request: Request, account: str) -> Principal:
        principal = await accounts.authenticate(account, request.headers.get("authorization"))
        require(principal, *sorted(AGENTS))
        return principal

    async def manager(request: Request, account: str) -> Actor:
        principal = await agent(request, account)
        require(principal, Role.ADMIN, Role.AGENT_MANAGER)
        return actor_of(principal, client_address(request))

    api = APIRouter(prefix="/accounts/{account}", tags=["routing"], dependencies=[Depends(agent)])
    _add_skills(api, routing, manager)
    _add_agents(api, routing, accounts, manager)
    _add_queue(api, routing)
    return api


def _add_skills(api: APIRouter, routing: Routing, manager: Admission) -> None:
    @api.get("/skills")
    async def list_skills(account: str) -> Response:
        """List the skills of the account, the oldest first."""
        found = await routing.configuration.list_skills(account)
        return json_response({"items": [render_skill(each) for each in found]})

    @api.post("/skills", status_code=201)
    async def create_skill(account: str, body: SkillIn, actor: Annotated[Actor, Depends(manager)]) -> Response:
        """Make a skill; its id is the account's next number."""
        skill = await routing.configuration.create_skill(account, body.name, body.description, actor)
        return json_response(render_skill(skill), 201)

    @api.get("/skills/{skill}")
    async def get_skill(account: str, skill: str) -> Response:
        """Read a skill."""
        return json_response(render_skill(await routing.configuration.get_skill(account, _skill_id(skill))))

    @api.patch("/skills/{skill}")
    async def update_skill(
        account: str, skill: str, body: SkillPatch, actor: Annotated[Actor, Depends(manager)]
    ) -> Response:
        """Rename or describe a skill."""
        changed = await routing.configuration.update_skill(
            account, _skill_id(skill), body.name, body.description, actor
        )
        return json_response(render_skill(changed))

    @api.delete("/skills/{skill}", status_code=204)
    async def delete_skill(account: str, skill: str, actor: Annotated[Actor, Depends(manager)]) -> None:
        """Delete a skill that no agent has and no open conversation asks for."""
        await routing.configuration.delete_skill(account, _skill_id(skill), actor)


def _add_agents(api: APIRouter, routing: Routing, accounts: Accounts, manager: Admission) -> None:
    @api.get("/agents")
    async def list_agents(
        account: str,
        cursor: str | None = None,
        limit: Annotated[int, Query(ge=1, le=_MOST_PER_PAGE)] = _MOST_PER_PAGE,
    ) -> Response:
        """List agents with state, load, capacity and skills, by user id; ``next_cursor`` leads to the next page."""
        users = await accounts.list_users(account, after=cursor, limit=limit)
        capacity = (await accounts.get_account(account)).agent_capacity
        views = await routing.configuration.view_agents(account, [one for one in users if _is_agent(one)])
        following = users[-1].user_id if len(users) == limit else None
        return json_response({"items": [render_agent(view, capacity) for view in views], "next_cursor": following})

    @api.get("/agents/{user}")
    async def get_agent(account: str, user: str) -> Response:
        """Read an agent, by the id of the user."""
        found = await _agent(accounts, account, user)
        [view] = await routing.configuration.view_agents(account, [found])
        return json_response(render_agent(view, (await accounts.get_account(account)).agent_capacity))

    @api.patch("/agents/{user}")
    async def update_agent(
        account: str, user: str, body: AgentPatch, actor: Annotated[Actor, Depends(manager)]
    ) -> Response:
        """Set the skills of an agent, or how many conversations they are given at once."""
        change = AgentChange(
            skill_ids=None if body.skills is None else tuple(map(_skill_id, body.skills)),
            capacity=body.capacity if "capacity" in body.model_fields_set else UNSET,
        )
        found = await _agent(accounts, account, user)
        view = await routing.configuration.update_agent(account, found, change, actor)
        return json_response(render_agent(view, (await accounts.get_account(account)).agent_capacity))


def _add_queue(api: APIRouter, routing: Routing) -> None:
    @api.get("/queue")
    async def list_queue(
        account: str,
        cursor: str | None = None,
        limit: Annotated[int, Query(ge=1, le=_MOST_PER_PAGE)] = 50,
    ) -> Response:
        """List the conversations that wait for an agent, the next one first, and how many there are."""
        page = await routing.configuration.list_queue(account, _read_cursor(cursor), limit)
        names = {one.skill_id: one.name for one in await routing.configuration.list_skills(account)}
        last = page.items[-1] if len(page.items) == limit else None
        return json_response(
            {
                "waiting": page.waiting,
                "items": [render_queued(each, names, page.read_at) for each in page.items],
                "next_cursor": None if last is None else _write_cursor(last.weight, last.conversation_id),
            }
        )


def _is_agent(user: User) -> bool:
    return not user.roles.isdisjoint(AGENTS)


async def _agent(accounts: Accounts, account: str, user_id: str) -> User:
    user = await accounts.find_user(account, user_id)
    if user is None or not _is_agent(user):
        raise errors.agent_not_found()
    return user


def _skill_id(text: str) -> str:
    if _SKILL_ID.fullmatch(text) is None:
        raise errors.skill_unknown()
    return text


def _write_cursor(weight: int, conversation_id: str) -> str:
    return base64.urlsafe_b64encode(f"{weight}.{conversation_id}".encode("ascii")).decode("ascii").rstrip("=")


def _read_cursor(cursor: str | None) -> tuple[int, str]:
    if cursor is None:
        return _FIRST
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
    except (binascii.Error, UnicodeError, ValueError):
        text = ""
    found = _CURSOR.fullmatch(text)
    if found is None:
        raise AppError(Kind.INVALID, "cursor_invalid", "The cursor is not one that this server gave out.")
    return int(found[1]), found[2]
