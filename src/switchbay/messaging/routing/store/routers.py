"""The lock of an account's routing, and which accounts have something to be done."""

from typing import Final

import sqlalchemy as sa

from switchbay.infra.db import Tx
from switchbay.messaging.tables import agents, presence_nodes, queue, rings, routers

_lock: Final = (
    sa.select(routers.c.last_skill).where(routers.c.account_id == sa.bindparam("account_id")).with_for_update()
)
_count: Final = (
    sa.update(routers)
    .where(routers.c.account_id == sa.bindparam("in_account"))
    .values(last_skill=sa.bindparam("number", type_=sa.BigInteger))
)


async def lock_router(tx: Tx, account_id: str) -> int:
    """Keep others from routing in the account until the transaction ends; return the number of its last skill."""
    row = await tx.fetch_one(_lock, {"account_id": account_id})
    if row is None:
        await tx.insert_many(routers, [{"account_id": account_id, "last_skill": 0}], ignore_conflicts=True)
        row = await tx.fetch_one(_lock, {"account_id": account_id})
    if row is None:
        raise AssertionError("a row that was inserted is there")
    return int(row[0])


async def next_skill(tx: Tx, account_id: str) -> int:
    """Lock the router and give out the account's next number of a skill."""
    number = await lock_router(tx, account_id) + 1
    await tx.execute(_count, {"in_account": account_id, "number": number})
    return number


_ONLINE = agents.c.availability == sa.literal_column("'ONLINE'")  # as the index has it
_WAITING = rings.c.state == sa.literal_column("'WAITING'")
_unrung = queue.c.rings_at.is_(None)
_is_online: Final = (
    sa.select(agents.c.user_pid)
    .where(agents.c.account_id == sa.bindparam("account_id"), _ONLINE, agents.c.is_connected)
    .limit(1)
)
_is_suggested: Final = (
    sa.select(queue.c.conversation_id)
    .where(queue.c.account_id == sa.bindparam("account_id"), queue.c.suggested_pid.is_not(None))
    .limit(1)
)


async def may_ring(tx: Tx, account_id: str) -> bool:
    """Whether anything can come of looking at the queue: an agent is online, or a conversation suggested."""
    params = {"account_id": account_id}
    return await tx.fetch_one(_is_online, params) is not None or await tx.fetch_one(_is_suggested, params) is not None


_due_rings: Final = (
    sa.select(rings.c.account_id).distinct().where(_WAITING, rings.c.expires_at <= sa.bindparam("now")).limit(500)
)
_due_agents: Final = (
    sa.select(agents.c.account_id)
    .distinct()
    .where(agents.c.leaves_at.is_not(None), agents.c.leaves_at <= sa.bindparam("now"))
    .limit(500)
)
_dead_nodes: Final = (
    sa.select(presence_nodes.c.account_id)
    .distinct()
    .where(presence_nodes.c.lease_until <= sa.bindparam("now"))
    .limit(500)
)
_online = sa.select(agents.c.account_id).distinct().where(_ONLINE, agents.c.is_connected).subquery()
_next_weight = (  # the least, not whether there is one: this is found at the end of an index
    sa.select(sa.func.min(queue.c.weight))
    .where(queue.c.account_id == _online.c.account_id, queue.c.suggested_pid.is_(None), _unrung)
    .scalar_subquery()
)
_unserved: Final = sa.select(_online.c.account_id).where(_next_weight.is_not(None)).limit(500)
_suggested: Final = sa.select(queue.c.account_id).distinct().where(queue.c.suggested_pid.is_not(None), _unrung)


async def list_due(tx: Tx, now: int) -> set[str]:
    """The accounts in which a time is over that some node should have seen to, or in which an offer may be missing."""
    found: set[str] = set()
    for statement in (_due_rings, _due_agents, _dead_nodes):
        found.update(row[0] for row in await tx.fetch(statement, {"now": now}))
    for unserved in (_unserved, _suggested):
        found.update(row[0] for row in await tx.fetch(unserved))
    return found
