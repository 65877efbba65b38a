"""Rows of agents: their state, their skills, what they have to do."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from switchbay.infra.db import Params, Row, Tx
from switchbay.infra.db.door import Value
from switchbay.infra.db.lists import any_of, places
from switchbay.messaging.routing.domain import Agent, Availability
from switchbay.messaging.tables import agent_skills, agents, participants, rings

_encode: Final = msgspec.json.Encoder().encode
_channels: Final = msgspec.json.Decoder(tuple[str, ...])
_ACCOUNT = agents.c.account_id == sa.bindparam("account_id")


def _agent(row: Row) -> Agent:
    return Agent(
        account_id=row["account_id"],
        user_pid=row["user_pid"],
        availability=Availability(row["availability"]),
        channels=_channels.decode(row["channels"]),
        description=row["description"],
        changed_at=row["changed_at"],
        capacity=row["capacity"],
        is_connected=row["is_connected"],
        leaves_at=row["leaves_at"],
        rung_at=row["rung_at"],
    )


@lru_cache(maxsize=16)
def _find_agents(count: int) -> sa.Select[Any]:
    return sa.select(agents).where(_ACCOUNT, agents.c.user_pid.in_(any_of("p", count)))


async def find_agents(tx: Tx, account_id: str, user_pids: Collection[str]) -> dict[str, Agent]:
    """Read agents; those that routing has not heard of are missing."""
    if not user_pids:
        return {}
    count, params = places("p", user_pids)
    rows = await tx.fetch(_find_agents(count), {**params, "account_id": account_id})
    return {one.user_pid: one for one in map(_agent, rows)}


async def find_agent(tx: Tx, account_id: str, user_pid: str) -> Agent | None:
    """Read an agent, if routing has heard of them."""
    return (await find_agents(tx, account_id, (user_pid,))).get(user_pid)


_takers: Final = sa.select(agents).where(
    _ACCOUNT, agents.c.availability.in_([Availability.ONLINE.value, Availability.OCCUPIED.value])
)


async def list_takers(tx: Tx, account_id: str) -> list[Agent]:
    """The agents who are ONLINE or OCCUPIED, connected or not."""
    return [_agent(row) for row in await tx.fetch(_takers, {"account_id": account_id})]


_leavers: Final = sa.select(agents).where(_ACCOUNT, agents.c.leaves_at.is_not(None))


async def list_leavers(tx: Tx, account_id: str) -> list[Agent]:
    """The agents without a socket who have not been seen off yet."""
    return [_agent(row) for row in await tx.fetch(_leavers, {"account_id": account_id})]


async def save_agents(tx: Tx, changed: Sequence[Agent]) -> None:
    """Store agents whose router is locked, new ones too."""
    if not changed:
        return
    rows = [_row(one) for one in changed]
    await tx.insert_many(agents, rows, ignore_conflicts=True)
    await tx.update_many(agents, rows, keys=("account_id", "user_pid"))


def _row(one: Agent) -> dict[str, Value]:
    return {
        "account_id": one.account_id,
        "user_pid": one.user_pid,
        "availability": one.availability.value,
        "channels": _encode(one.channels).decode(),
        "description": one.description,
        "changed_at": one.changed_at,
        "capacity": one.capacity,
        "is_connected": one.is_connected,
        "leaves_at": one.leaves_at,
        "rung_at": one.rung_at,
    }


async def mark_rung(tx: Tx, account_id: str, user_pids: Iterable[str], now: int) -> None:
    """Remember that agents were just offered something."""
    rows: list[dict[str, Value]] = [
        {"account_id": account_id, "user_pid": user_pid, "rung_at": now} for user_pid in sorted(set(user_pids))
    ]
    await tx.update_many(agents, rows, keys=("account_id", "user_pid"))


_ASSIGNED = (
    participants.c.account_id == sa.bindparam("account_id"),
    sa.literal_column("is_assigned", sa.Boolean),  # as the index has it
)


@lru_cache(maxsize=16)
def _loads(count: int) -> sa.Select[Any]:
    return (
        sa.select(participants.c.participant_id, sa.func.count())
        .where(*_ASSIGNED, participants.c.participant_id.in_(any_of("p", count)))
        .group_by(participants.c.participant_id)
    )


async def count_assigned(tx: Tx, account_id: str, user_pids: Collection[str]) -> Mapping[str, int]:
    """How many open conversations agents are assigned to; those with none are missing."""
    if not user_pids:
        return {}
    count, params = places("p", user_pids)
    rows = await tx.fetch(_loads(count), {**params, "account_id": account_id})
    return {row[0]: row[1] for row in rows}


@lru_cache(maxsize=16)
def _ringing(count: int) -> sa.Select[Any]:
    return (
        sa.select(rings.c.user_pid, sa.func.count())
        .where(
            rings.c.account_id == sa.bindparam("account_id"),
            rings.c.state == sa.literal_column("'WAITING'"),  # as the index has it
            rings.c.user_pid.in_(any_of("p", count)),
        )
        .group_by(rings.c.user_pid)
    )


async def count_ringing(tx: Tx, account_id: str, user_pids: Collection[str]) -> Mapping[str, int]:
    """How many conversations ring at agents; those with none are missing."""
    if not user_pids:
        return {}
    count, params = places("p", user_pids)
    rows = await tx.fetch(_ringing(count), {**params, "account_id": account_id})
    return {row[0]: row[1] for row in rows}


_assigned_to: Final = (
    sa.select(participants.c.conversation_id)
    .where(*_ASSIGNED, participants.c.participant_id == sa.bindparam("user_pid"))
    .order_by(participants.c.conversation_id)
    .limit(sa.bindparam("most"))
)


async def list_assigned(tx: Tx, account_id: str, user_pid: str, most: int) -> list[str]:
    """The ids of open conversations that an agent is assigned to."""
    params: Params = {"account_id": account_id, "user_pid": user_pid, "most": most}
    return [row[0] for row in await tx.fetch(_assigned_to, params)]


@lru_cache(maxsize=16)
def _skills_of(count: int) -> sa.Select[Any]:
    return sa.select(agent_skills.c.user_pid, agent_skills.c.skill_id).where(
        agent_skills.c.account_id == sa.bindparam("account_id"), agent_skills.c.user_pid.in_(any_of("p", count))
    )


async def list_skills_of(tx: Tx, account_id: str, user_pids: Collection[str]) -> Mapping[str, frozenset[str]]:
    """The ids of the skills of agents; those without any are missing."""
    if not user_pids:
        return {}
    count, params = places("p", user_pids)
    found: dict[str, set[str]] = {}
    for row in await tx.fetch(_skills_of(count), {**params, "account_id": account_id}):
        found.setdefault(row[0], set()).add(row[1])
    return {user_pid: frozenset(ids) for user_pid, ids in found.items()}


_drop_skills: Final = sa.delete(agent_skills).where(
    agent_skills.c.account_id == sa.bindparam("account_id"), agent_skills.c.user_pid == sa.bindparam("user_pid")
)


async def set_skills_of(tx: Tx, account_id: str, user_pid: str, skill_ids: Collection[str]) -> None:
    """Replace the skills of an agent."""
    await tx.execute(_drop_skills, {"account_id": account_id, "user_pid": user_pid})
    rows = [{"account_id": account_id, "user_pid": user_pid, "skill_id": one} for one in sorted(skill_ids)]
    await tx.insert_many(agent_skills, rows)
