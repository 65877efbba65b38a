"""The rings' part of a batch of messaging: they end in the transaction of what ends them."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import TypeAlias

from msgspec.structs import replace

from switchbay.infra.db import Tx
from switchbay.messaging.routing.domain import Ring, RingState, RoutingItem, changes_of
from switchbay.messaging.routing.store import rings as store
from switchbay.messaging.store import Key

Publish: TypeAlias = Callable[[Tx, Sequence[RoutingItem]], Awaitable[None]]
"""Has agents told of what a transaction does, once it is durable. It may write to the transaction."""


class RingBook:
    """Reads and ends rings for messaging."""

    def __init__(self, publish: Publish) -> None:
        self._publish = publish

    async def lock(self, tx: Tx, keys: Collection[Key]) -> dict[Key, Ring]:
        """Lock rings, by account and id, and read them."""
        return await store.lock_rings(tx, keys)

    async def follow(self, tx: Tx, ended: Sequence[Ring], overtaken: Collection[Key], now: int) -> None:
        """Store how rings have ended, and cancel those of the conversations that wait no more as they did."""
        await store.end_rings(tx, ended)
        cancelled = [
            replace(ring, state=RingState.CANCELLED, ended_at=now)
            for ring in await store.lock_waiting_of_conversations(tx, overtaken)
        ]
        await store.end_rings(tx, cancelled)
        items = [change for ring in (*ended, *cancelled) for change in changes_of(ring)]
        if items:
            await self._publish(tx, items)
