"""Skills, and what agents can do: changed by administrators and agent managers, with an entry in the audit log."""

import unicodedata
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from switchbay.accounts.public import Actor, User, record_audit
from switchbay.infra.db import Database, Tx, UniqueViolation
from switchbay.infra.machine import Clock
from switchbay.kit.jsonvalue import JsonValue
from switchbay.kit.record import Record
from switchbay.messaging.routing import errors
from switchbay.messaging.routing.domain import Agent, AgentState
from switchbay.messaging.routing.store import agents as agent_store
from switchbay.messaging.routing.store import skills as store
from switchbay.messaging.routing.store import waiting as waiting_store
from switchbay.messaging.routing.store.routers import lock_router, next_skill
from switchbay.messaging.routing.store.skills import Skill
from switchbay.messaging.routing.store.waiting import Queued

_LONGEST_NAME: Final = 128
_LONGEST_DESCRIPTION: Final = 1_000
_MOST_SKILLS: Final = 1_000
_MOST_CAPACITY: Final = 10_000


class AgentChange(Record, frozen=True):
    """What to change of an agent. ``skill_ids`` None leaves them; ``capacity`` None is the account's."""

    skill_ids: tuple[str, ...] | None = None
    capacity: int | UnsetType | None = UNSET


class AgentView(Record, frozen=True):
    """An agent for those who look after agents: ``load`` counts open conversations, ``ringing`` what rings."""

    user: User
    state: AgentState
    load: int
    ringing: int
    capacity: int | None
    skill_ids: tuple[str, ...]


class QueuePage(Record, frozen=True):
    """How many conversations wait in all, when that was (epoch milliseconds), and some of them."""

    waiting: int
    read_at: int
    items: tuple[Queued, ...]


class Configuration:
    """The use cases. ``wake`` is called with an account in which more may be offered than before."""

    def __init__(self, db: Database, clock: Clock, wake: Callable[[str], None]) -> None:
        self._db = db
        self._clock = clock
        self._wake = wake

    async def list_skills(self, account_id: str) -> list[Skill]:
        """The skills of an account, the oldest first."""
        return await self._db.read(lambda tx: store.list_skills(tx, account_id))

    async def get_skill(self, account_id: str, skill_id: str) -> Skill:
        """A skill. Raises ``skill_unknown``."""
        found = await self._db.read(lambda tx: store.find_skill(tx, account_id, skill_id))
        if found is None:
            raise errors.skill_unknown()
        return found

    async def create_skill(self, account_id: str, name: str, description: str, actor: Actor) -> Skill:
        """Make a skill. Raises ``skill_invalid``, ``skill_exists`` and ``skills_too_many``."""
        key = _checked_name(name)
        text = _checked_description(description)
        now = self._clock.now_ms()

        async def create(tx: Tx) -> Skill:
            skill_id = str(await next_skill(tx, account_id))
            if len(await store.list_skills(tx, account_id)) >= _MOST_SKILLS:
                raise errors.skills_too_many(_MOST_SKILLS)
            skill = Skill(account_id, skill_id, name, key, text, now)
            await store.insert_skill(tx, skill)
            await _audit_skill(tx, skill, actor, "skill.create", now, {"name": name})
            return skill

        return await self._write_skill(create)

    async def update_skill(
        self, account_id: str, skill_id: str, name: str | None, description: str | None, actor: Actor
    ) -> Skill:
        """Rename or describe a skill; None leaves it. Raises ``skill_unknown``, ``skill_invalid``, ``skill_exists``."""
        key = None if name is None else _checked_name(name)
        text = None if description is None else _checked_description(description)
        now = self._clock.now_ms()

        async def update(tx: Tx) -> Skill:
            await lock_router(tx, account_id)
            before = await store.find_skill(tx, account_id, skill_id)
            if before is None:
                raise errors.skill_unknown()
            after = before
            if name is not None and key is not None:
                after = replace(after, name=name, name_key=key)
            if text is not None:
                after = replace(after, description=text)
            if after != before:
                await store.save_skill(tx, after)
                detail: dict[str, JsonValue] = {}
                if after.name != before.name:
                    detail["name"] = {"from": before.name, "to": after.name}
                if after.description != before.description:
                    detail["description"] = {"from": before.description, "to": after.description}
                await _audit_skill(tx, after, actor, "skill.update", now, detail)
            return after

        return await self._write_skill(update)

    async def _write_skill(self, work: Callable[[Tx], Awaitable[Skill]]) -> Skill:
        try:
            return await self._db.write(work)
        except UniqueViolation as taken:
            raise errors.skill_exists() from taken

    async def delete_skill(self, account_id: str, skill_id: str, actor: Actor) -> None:
        """Forget a skill that nobody has and no open conversation asks for.

        Raises ``skill_unknown`` and ``skill_used``.
        """
        now = self._clock.now_ms()

        async def delete(tx: Tx) -> None:
            await lock_router(tx, account_id)
            skill = await store.find_skill(tx, account_id, skill_id)
            if skill is None:
                raise errors.skill_unknown()
            agents, conversations = await store.count_uses(tx, account_id, skill_id)
            if agents or conversations:
                raise errors.skill_used(agents, conversations)
            await store.delete_skill(tx, account_id, skill_id)
            await _audit_skill(tx, skill, actor, "skill.delete", now, {"name": skill.name})

        await self._db.write(delete)

    async def view_agents(self, account_id: str, users: Sequence[User]) -> list[AgentView]:
        """How these users are as agents."""
        pids = [user.user_pid for user in users]

        async def read(tx: Tx) -> list[AgentView]:
            known = await agent_store.find_agents(tx, account_id, pids)
            loads = await agent_store.count_assigned(tx, account_id, pids)
            ringing = await agent_store.count_ringing(tx, account_id, pids)
            skills = await agent_store.list_skills_of(tx, account_id, pids)
            views = []
            for user in users:
                pid = user.user_pid
                agent = known.get(pid) or Agent(account_id, pid)
                ids = tuple(sorted(skills.get(pid, ()), key=int))
                views.append(AgentView(user, agent.state, loads.get(pid, 0), ringing.get(pid, 0), agent.capacity, ids))
            return views

        return await self._db.read(read)

    async def update_agent(self, account_id: str, user: User, change: AgentChange, actor: Actor) -> AgentView:
        """Set the skills of an agent, or how many conversations they get at once.

        Raises ``skill_unknown`` and ``capacity_invalid``.
        """
        capacity, skill_ids = change.capacity, change.skill_ids
        if isinstance(capacity, int) and not 0 <= capacity <= _MOST_CAPACITY:
            raise errors.capacity_invalid(_MOST_CAPACITY)
        now = self._clock.now_ms()

        async def update(tx: Tx) -> None:
            await lock_router(tx, account_id)
            detail: dict[str, JsonValue] = {}
            if skill_ids is not None:
                await self._set_skills(tx, account_id, user.user_pid, frozenset(skill_ids), detail)
            if not isinstance(capacity, UnsetType):
                before = await agent_store.find_agent(tx, account_id, user.user_pid) or Agent(account_id, user.user_pid)
                if before.capacity != capacity:
                    await agent_store.save_agents(tx, [replace(before, capacity=capacity)])
                    detail["capacity"] = {"from": before.capacity, "to": capacity}
            if detail:
                await record_audit(
                    tx,
                    account_id=account_id,
                    actor=actor,
                    action="agent.update",
                    object_type="agent",
                    object_id=user.user_id,
                    at=now,
                    detail=detail,
                )

        await self._db.write(update)
        self._wake(account_id)
        return (await self.view_agents(account_id, [user]))[0]

    async def _set_skills(
        self, tx: Tx, account_id: str, user_pid: str, wanted: frozenset[str], detail: dict[str, JsonValue]
    ) -> None:
        known = {one.skill_id for one in await store.list_skills(tx, account_id)}
        if not wanted <= known:
            raise errors.skill_unknown()
        before = (await agent_store.list_skills_of(tx, account_id, [user_pid])).get(user_pid, frozenset())
        if before != wanted:
            await agent_store.set_skills_of(tx, account_id, user_pid, wanted)
            detail["skills"] = {"from": [*sorted(before, key=int)], "to": [*sorted(wanted, key=int)]}

    async def list_queue(self, account_id: str, after: tuple[int, str], most: int) -> QueuePage:
        """A page of what waits, the next one first, those ``after`` a weight and id."""
        now = self._clock.now_ms()

        async def read(tx: Tx) -> QueuePage:
            page = await waiting_store.list_queue(tx, account_id, after, most)
            return QueuePage(await waiting_store.count_queue(tx, account_id), now, tuple(page))

        return await self._db.read(read)


async def _audit_skill(tx: Tx, skill: Skill, actor: Actor, action: str, now: int, detail: dict[str, JsonValue]) -> None:
    await record_audit(
        tx,
        account_id=skill.account_id,
        actor=actor,
        action=action,
        object_type="skill",
        object_id=skill.skill_id,
        at=now,
        detail=detail,
    )


def _checked_name(name: str) -> str:
    """The form of a skill's name that is unique in its account."""
    if not 1 <= len(name) <= _LONGEST_NAME or not name.isprintable() or name != name.strip():
        raise errors.skill_invalid(
            f"its name must have 1 to {_LONGEST_NAME} printable characters, no space around them"
        )
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


def _checked_description(text: str) -> str:
    if len(text) > _LONGEST_DESCRIPTION or not all(one.isprintable() or one == "\n" for one in text):
        raise errors.skill_invalid(f"its description must have at most {_LONGEST_DESCRIPTION} printable characters")
    return text
