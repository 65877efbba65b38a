"""Rows that tell which nodes have sockets of which agents, and until when each node is believed to live."""

from collections.abc import Collection
from typing import Final

import sqlalchemy as sa

from switchbay.infra.db import Tx
from switchbay.infra.db.door import Value
from switchbay.messaging.tables import presence, presence_nodes

_ACCOUNT = presence.c.account_id == sa.bindparam("account_id")
_NODE = presence.c.node_id == sa.bindparam("node_id")


async def keep_node(tx: Tx, account_id: str, node_id: str, lease_until: int) -> None:
    """Have a node live until a time in an account."""
    row: dict[str, Value] = {"account_id": account_id, "node_id": node_id, "lease_until": lease_until}
    if not await tx.insert_many(presence_nodes, [row], ignore_conflicts=True):
        await tx.update_many(presence_nodes, [row], keys=("account_id", "node_id"))


_renew: Final = (
    sa.update(presence_nodes)
    .where(presence_nodes.c.node_id == sa.bindparam("of_node"))
    .values(lease_until=sa.bindparam("until", type_=sa.BigInteger))
)
_accounts_of: Final = sa.select(presence_nodes.c.account_id).where(presence_nodes.c.node_id == sa.bindparam("node_id"))


async def renew_node(tx: Tx, node_id: str, lease_until: int) -> set[str]:
    """Have a node live on; return the accounts in which it was not given up meanwhile."""
    await tx.execute(_renew, {"of_node": node_id, "until": lease_until})
    return {row[0] for row in await tx.fetch(_accounts_of, {"node_id": node_id})}


_dead: Final = sa.select(presence_nodes.c.node_id).where(
    presence_nodes.c.account_id == sa.bindparam("account_id"), presence_nodes.c.lease_until <= sa.bindparam("now")
)


async def list_dead_nodes(tx: Tx, account_id: str, now: int) -> list[str]:
    """The nodes that have given no sign of life."""
    return [row[0] for row in await tx.fetch(_dead, {"account_id": account_id, "now": now})]


_on_node: Final = sa.select(presence.c.user_pid).where(_ACCOUNT, _NODE)
_drop_on_node: Final = sa.delete(presence).where(_ACCOUNT, _NODE)
_drop_node: Final = sa.delete(presence_nodes).where(
    presence_nodes.c.account_id == sa.bindparam("account_id"), presence_nodes.c.node_id == sa.bindparam("node_id")
)


async def drop_node(tx: Tx, account_id: str, node_id: str) -> list[str]:
    """Forget a node of an account; return the agents who had sockets there."""
    params = {"account_id": account_id, "node_id": node_id}
    found = [row[0] for row in await tx.fetch(_on_node, params)]
    await tx.execute(_drop_on_node, params)
    await tx.execute(_drop_node, params)
    return found


async def add_presence(tx: Tx, account_id: str, node_id: str, user_pids: Collection[str]) -> None:
    """Note that a node has sockets of these agents."""
    rows = [{"account_id": account_id, "user_pid": user_pid, "node_id": node_id} for user_pid in sorted(user_pids)]
    await tx.insert_many(presence, rows, ignore_conflicts=True)


_drop_one: Final = sa.delete(presence).where(_ACCOUNT, presence.c.user_pid == sa.bindparam("user_pid"), _NODE)
_anywhere: Final = sa.select(presence.c.node_id).where(_ACCOUNT, presence.c.user_pid == sa.bindparam("user_pid"))


async def drop_presence(tx: Tx, account_id: str, node_id: str, user_pid: str) -> None:
    """Note that a node has no socket of an agent any more."""
    await tx.execute(_drop_one, {"account_id": account_id, "user_pid": user_pid, "node_id": node_id})


async def is_present(tx: Tx, account_id: str, user_pid: str) -> bool:
    """Whether any node has a socket of an agent."""
    return await tx.fetch_one(_anywhere, {"account_id": account_id, "user_pid": user_pid}) is not None
