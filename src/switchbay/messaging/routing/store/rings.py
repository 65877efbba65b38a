"""Rows of rings."""

from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import Any, Final

import sqlalchemy as sa

from switchbay.infra.db import Row, Tx
from switchbay.infra.db.door import Value
from switchbay.infra.db.lists import any_of, places
from switchbay.messaging.routing.domain import Ring, RingState
from switchbay.messaging.store.keys import Key
from switchbay.messaging.tables import queue, rings

PURGED_AT_ONCE: Final = 500
EXPIRED_AT_ONCE: Final = 500
_WAITING = rings.c.state == sa.literal_column("'WAITING'")  # as the indexes have it
_ACCOUNT = rings.c.account_id == sa.bindparam("account_id")


def _ring(row: Row) -> Ring:
    return Ring(
        account_id=row["account_id"],
        ring_id=row["ring_id"],
        task_id=row["task_id"],
        conversation_id=row["conversation_id"],
        consumer_id=row["consumer_id"],
        skill_id=row["skill_id"],
        user_pid=row["user_pid"],
        state=RingState(row["state"]),
        is_suggestion=row["is_suggestion"],
        weight=row["weight"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        ended_at=row["ended_at"],
    )


_find: Final = sa.select(rings).where(_ACCOUNT, rings.c.ring_id == sa.bindparam("ring_id"))


async def find_ring(tx: Tx, account_id: str, ring_id: str) -> Ring | None:
    """Read a ring."""
    row = await tx.fetch_one(_find, {"account_id": account_id, "ring_id": ring_id})
    return None if row is None else _ring(row)


@lru_cache(maxsize=64)
def _lock_rings(accounts: int, ids: int) -> sa.Select[Any]:
    return (
        sa.select(rings)
        .where(rings.c.account_id.in_(any_of("a", accounts)), rings.c.ring_id.in_(any_of("i", ids)))
        .order_by(rings.c.account_id, rings.c.ring_id)
        .with_for_update()
    )


async def lock_rings(tx: Tx, keys: Collection[Key]) -> dict[Key, Ring]:
    """Lock these rings, at most 128, and read them."""
    if not keys:
        return {}
    accounts, account_params = places("a", {account_id for account_id, _ in keys})
    ids, id_params = places("i", {ring_id for _, ring_id in keys})
    found = [_ring(row) for row in await tx.fetch(_lock_rings(accounts, ids), {**account_params, **id_params})]
    return {(one.account_id, one.ring_id): one for one in found}


@lru_cache(maxsize=64)
def _lock_waiting_of(accounts: int, ids: int) -> sa.Select[Any]:
    return (
        sa.select(rings)
        .where(_WAITING, rings.c.account_id.in_(any_of("a", accounts)), rings.c.conversation_id.in_(any_of("i", ids)))
        .with_for_update()
    )


async def lock_waiting_of_conversations(tx: Tx, keys: Collection[Key]) -> list[Ring]:
    """Lock the waiting rings of these conversations, at most 128."""
    if not keys:
        return []
    accounts, account_params = places("a", {account_id for account_id, _ in keys})
    ids, id_params = places("i", {conversation_id for _, conversation_id in keys})
    rows = await tx.fetch(_lock_waiting_of(accounts, ids), {**account_params, **id_params})
    wanted = set(keys)
    return [one for row in rows if ((one := _ring(row)).account_id, one.conversation_id) in wanted]


# With the conversation's place in the queue, which a batch of messaging takes before the ring: see the package.
_in_queue = rings.join(
    queue, sa.and_(queue.c.account_id == rings.c.account_id, queue.c.conversation_id == rings.c.conversation_id)
)
_take_expired: Final = (
    sa.select(rings)
    .select_from(_in_queue)
    .where(_WAITING, _ACCOUNT, rings.c.expires_at <= sa.bindparam("now"), ~rings.c.is_suggestion)
    .order_by(rings.c.expires_at)
    .limit(EXPIRED_AT_ONCE)
    .with_for_update(of=(queue, rings), skip_locked=True)
)


async def take_expired(tx: Tx, account_id: str, now: int) -> list[Ring]:
    """Lock the rings of the queue whose time is over and that nobody answers just now. Transfers are not among them."""
    return [_ring(row) for row in await tx.fetch(_take_expired, {"account_id": account_id, "now": now})]


_OF_AGENT = (_WAITING, _ACCOUNT, rings.c.user_pid == sa.bindparam("user_pid"))
_take_of_agent: Final = (
    sa.select(rings)
    .select_from(_in_queue)
    .where(*_OF_AGENT, ~rings.c.is_suggestion)
    .with_for_update(of=(queue, rings), skip_locked=True)
)
_list_of_agent: Final = sa.select(rings).where(*_OF_AGENT).order_by(rings.c.created_at, rings.c.ring_id)


async def take_of_agent(tx: Tx, account_id: str, user_pid: str) -> list[Ring]:
    """Lock the waiting rings of the queue at an agent that nobody answers just now."""
    params = {"account_id": account_id, "user_pid": user_pid}
    return [_ring(row) for row in await tx.fetch(_take_of_agent, params)]


async def list_waiting_of(tx: Tx, account_id: str, user_pid: str) -> list[Ring]:
    """The waiting rings at an agent, the oldest first."""
    params = {"account_id": account_id, "user_pid": user_pid}
    return [_ring(row) for row in await tx.fetch(_list_of_agent, params)]


_list_waiting: Final = sa.select(rings).where(_WAITING, _ACCOUNT)


async def list_waiting(tx: Tx, account_id: str) -> list[Ring]:
    """All waiting rings of an account."""
    return [_ring(row) for row in await tx.fetch(_list_waiting, {"account_id": account_id})]


_pauses: Final = (
    sa.select(rings.c.conversation_id, rings.c.user_pid, sa.func.max(rings.c.ended_at))
    .where(
        _ACCOUNT,
        rings.c.ended_at > sa.bindparam("since", type_=sa.BigInteger),
        rings.c.state.in_([RingState.REJECTED.value, RingState.EXPIRED.value]),
    )
    .group_by(rings.c.conversation_id, rings.c.user_pid)
)


async def list_pauses(tx: Tx, account_id: str, now: int, pause_ms: int) -> dict[tuple[str, str], int]:
    """Until when which conversation is not offered again to an agent who has not taken it."""
    rows = await tx.fetch(_pauses, {"account_id": account_id, "since": now - pause_ms})
    return {(row[0], row[1]): row[2] + pause_ms for row in rows}


@lru_cache(maxsize=16)
def _find_taken(count: int) -> sa.Select[Any]:
    return sa.select(rings.c.ring_id).where(_ACCOUNT, rings.c.ring_id.in_(any_of("i", count)))


async def find_taken(tx: Tx, account_id: str, ring_ids: Collection[str]) -> set[str]:
    """Which of these ids are those of rings."""
    if not ring_ids:
        return set()
    count, params = places("i", ring_ids)
    return {row[0] for row in await tx.fetch(_find_taken(count), {**params, "account_id": account_id})}


async def insert_rings(tx: Tx, made: Sequence[Ring]) -> None:
    """Store new rings."""
    await tx.insert_many(
        rings,
        [
            {
                "account_id": one.account_id,
                "ring_id": one.ring_id,
                "task_id": one.task_id,
                "conversation_id": one.conversation_id,
                "consumer_id": one.consumer_id,
                "skill_id": one.skill_id,
                "user_pid": one.user_pid,
                "state": one.state.value,
                "is_suggestion": one.is_suggestion,
                "weight": one.weight,
                "created_at": one.created_at,
                "expires_at": one.expires_at,
                "ended_at": one.ended_at,
            }
            for one in made
        ],
    )


async def end_rings(tx: Tx, ended: Sequence[Ring]) -> None:
    """Store how rings ended; what they offered rings at nobody then."""
    await tx.update_many(
        rings,
        [
            {
                "account_id": one.account_id,
                "ring_id": one.ring_id,
                "state": one.state.value,
                "ended_at": one.ended_at,
            }
            for one in ended
        ],
        keys=("account_id", "ring_id"),
    )
    places_in_queue = sorted({(one.account_id, one.conversation_id) for one in ended})
    rows: list[dict[str, Value]] = [
        {"account_id": account_id, "conversation_id": conversation_id, "rings_at": None}
        for account_id, conversation_id in places_in_queue
    ]
    await tx.update_many(queue, rows, keys=("account_id", "conversation_id"))


_doomed = (
    sa.select(rings.c.account_id, rings.c.ring_id)
    .where(rings.c.ended_at < sa.bindparam("before"))
    .order_by(rings.c.ended_at)
    .limit(PURGED_AT_ONCE)
)
_purge: Final = sa.delete(rings).where(sa.tuple_(rings.c.account_id, rings.c.ring_id).in_(_doomed))


async def purge_rings(tx: Tx, before: int) -> int:
    """Forget up to 500 rings that ended before a time; return how many there were."""
    return await tx.execute(_purge, {"before": before})
