"""The sockets of agents on this node, and what the other nodes are told of them.

The database has one row for an agent and a node, not one for a socket; changes that come together are written
together. The node gives a sign of life from time to time. When it does not, because it was killed, any other node takes
its sockets for closed.
"""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, TypeAlias

import structlog
from msgspec.structs import replace

from switchbay.infra.batch import Batcher
from switchbay.infra.db import Database, Tx
from switchbay.infra.machine import Clock
from switchbay.kit.errors import AppError
from switchbay.messaging.routing.domain import Agent
from switchbay.messaging.routing.step import lose
from switchbay.messaging.routing.store import agents as agent_store
from switchbay.messaging.routing.store import presence as store
from switchbay.messaging.routing.store.routers import lock_router

AgentKey: TypeAlias = tuple[str, str]
_BATCH: Final = 256
_WAITING: Final = 100_000
_log = structlog.get_logger("routing")


class Presence:
    """Who is connected to this node. ``changed`` is called with an account after its agents have come or gone."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        node_id: str,
        *,
        grace_ms: int,
        lease_ms: int,
        changed: Callable[[str, int | None], None],
    ) -> None:
        self._db = db
        self._clock = clock
        self._node_id = node_id
        self._grace_ms = grace_ms
        self._lease_ms = lease_ms
        self._changed = changed
        self._sockets: dict[AgentKey, set[str]] = {}
        self._untold: set[AgentKey] = set()
        self._batcher: Batcher[AgentKey, None] = Batcher(self._write, most=_BATCH, in_flight=1, waiting=_WAITING)

    async def connect(self, account_id: str, user_pid: str, socket_id: str) -> None:
        """Note a socket; return when the other nodes know that the agent is there."""
        sockets = self._sockets.setdefault((account_id, user_pid), set())
        is_first = not sockets
        sockets.add(socket_id)
        if is_first:
            await self._tell((account_id, user_pid))

    async def disconnect(self, account_id: str, user_pid: str, socket_id: str) -> None:
        """Note that a socket has ended."""
        key = (account_id, user_pid)
        sockets = self._sockets.get(key)
        if sockets is None or socket_id not in sockets:
            return
        sockets.discard(socket_id)
        if not sockets:
            del self._sockets[key]
            await self._tell(key)

    async def _tell(self, key: AgentKey) -> None:
        """Write how it is with an agent here; when that fails it is tried again with the next sign of life."""
        try:
            await self._batcher.submit(key)
        except AppError as error:
            _log.warning("could not note who is connected", account=key[0], reason=error.code)
            self._untold.add(key)

    async def renew(self) -> None:
        """Give a sign of life; tell anew of the sockets that others took for closed meanwhile."""
        untold, self._untold = self._untold, set()
        if self._sockets:
            until = self._clock.now_ms() + self._lease_ms
            kept = await self._db.write(lambda tx: store.renew_node(tx, self._node_id, until))
            untold.update(key for key in self._sockets if key[0] not in kept)
        await asyncio.gather(*(self._tell(key) for key in sorted(untold)))

    async def close(self) -> None:
        """Take every socket of this node for closed."""
        connected, self._sockets = sorted(self._sockets), {}
        await asyncio.gather(*(self._tell(key) for key in connected))
        await self._batcher.close()

    async def _write(self, keys: Sequence[AgentKey]) -> Sequence[AppError | None]:
        here: dict[str, set[str]] = {}
        gone: dict[str, set[str]] = {}
        for account_id, user_pid in keys:
            where = here if self._sockets.get((account_id, user_pid)) else gone
            where.setdefault(account_id, set()).add(user_pid)
        now = self._clock.now_ms()
        await self._db.write(partial(self._store, here=here, gone=gone, now=now))
        for account_id in sorted(here.keys() | gone.keys()):
            self._changed(account_id, now + self._grace_ms if account_id in gone else None)
        return [None] * len(keys)

    async def _store(self, tx: Tx, here: dict[str, set[str]], gone: dict[str, set[str]], now: int) -> None:
        for account_id in sorted(here.keys() | gone.keys()):
            await lock_router(tx, account_id)
            if came := here.get(account_id):
                await store.keep_node(tx, account_id, self._node_id, now + self._lease_ms)
                await store.add_presence(tx, account_id, self._node_id, came)
                await self._greet(tx, account_id, came)
            for user_pid in sorted(gone.get(account_id, ())):
                await store.drop_presence(tx, account_id, self._node_id, user_pid)
            await lose(tx, account_id, sorted(gone.get(account_id, ())), now + self._grace_ms)

    async def _greet(self, tx: Tx, account_id: str, user_pids: set[str]) -> None:
        known = await agent_store.find_agents(tx, account_id, user_pids)
        agents = [known.get(user_pid) or Agent(account_id, user_pid) for user_pid in sorted(user_pids)]
        await agent_store.save_agents(
            tx, [replace(one, is_connected=True, leaves_at=None) for one in agents if not one.is_connected]
        )
