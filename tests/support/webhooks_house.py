"""A webhooks room over a real database, with real outbound calls to a real receiver and a clock that the test moves."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import sqlalchemy as sa

from support.receiver import Receiver
from switchbay.infra.db import Database, Tx
from switchbay.infra.egress import Egress
from switchbay.infra.link import Link
from switchbay.infra.machine import Clock, ManualClock, Randomness
from switchbay.infra.vault import Vault
from switchbay.kit.secret import Secret
from switchbay.kit.signatures import SignatureAlgorithm, SignatureEncoding, StandardWebhooks
from switchbay.webhooks.public import DeliveryFilter, Endpoint, Notification, Owner, Webhooks, remove_owner, set_owner
from switchbay.webhooks.tables import lanes

ACCOUNT = "4711001"
APP = "0d5f0b0e-1c55-4b8c-9d24-0a3c6e1f7a01"
OTHER_APP = "0d5f0b0e-1c55-4b8c-9d24-0a3c6e1f7a02"
CONTENT = "ms.MessagingEventNotification.ContentEvent"
CHAT_STATE = "ms.MessagingEventNotification.ChatStateEvent"
SECRET = Secret("rl9hacst6kqilbofup64n11ga3")


@dataclass(slots=True)
class Signing:
    """How the accounts of a test sign; stands in for the accounts room."""

    signature_algorithm: SignatureAlgorithm = "sha1"
    signature_encoding: SignatureEncoding = "base64"
    standard_webhooks: StandardWebhooks = "off"
    webhook_breaker: bool = False
    disable_slow_webhooks: bool = False

    async def get_account(self, _account_id: str, /) -> "Signing":
        """The same for every account."""
        return self


def owner_of(*endpoints: Endpoint, owner_id: str = APP, enabled: bool = True, other: Secret | None = None) -> Owner:
    """An app with these endpoints."""
    return Owner(ACCOUNT, owner_id, owner_id, enabled, endpoints, 0, SECRET, other)


@dataclass(slots=True)
class House:
    """One database and as many nodes as a test asks for."""

    db: Database
    clock: Clock
    vault: Vault
    egress: Egress
    receiver: Receiver
    signing: Signing = field(default_factory=Signing)
    nodes: list[Webhooks] = field(default_factory=list)

    def node(
        self,
        *,
        running: bool = True,
        db: Database | None = None,
        link: Link | None = None,
        is_far: bool = False,
        **limits: float,
    ) -> Webhooks:
        """Another node. Its sweep and timers run only when called, unless the test starts them.

        With a ``link`` it is one of the two processes of a node, the one that publishes where ``is_far`` is set.
        """
        known = {
            "retry_seconds",
            "connect_seconds",
            "response_seconds",
            "lease_seconds",
            "sweep_seconds",
            "parked_seconds",
            "breaker_seconds",
        }
        webhooks = Webhooks(
            db or self.db,
            self.clock,
            Randomness(),
            self.vault,
            self.egress,
            self.signing,
            in_flight=int(limits.pop("in_flight", 20)),
            most_lanes=int(limits.pop("most_lanes", 1000)),
            response_bytes=int(limits.pop("response_bytes", 4096)),
            breaker_failures=int(limits.pop("breaker_failures", 10)),
            link=link,
            is_far=is_far,
            **{name: limits[name] for name in known if name in limits},
        )
        if running:
            webhooks.dispatcher.start(in_background=False)
        self.nodes.append(webhooks)
        return webhooks

    @property
    def webhooks(self) -> Webhooks:
        """The first node."""
        return self.nodes[0]

    def endpoint(self, key: str = CONTENT, *, path: str = "/hook", retries: int = 0) -> Endpoint:
        """An endpoint on the receiver."""
        return Endpoint(key, self.receiver.url(path), (), retries)

    async def configure(self, owner: Owner) -> None:
        """Store an owner as an app's change would."""
        await self.db.write(lambda tx: set_owner(tx, self.vault, owner, self.clock.now_ms()))

    async def remove(self, owner_id: str = APP) -> None:
        """Remove an owner as an uninstall would."""
        await self.db.write(lambda tx: remove_owner(tx, ACCOUNT, owner_id, self.clock.now_ms()))

    def event(self, text: str, lane: str = "c1", *, key: str = CONTENT, owner_id: str = APP) -> Notification:
        """One event."""
        return Notification(ACCOUNT, owner_id, lane, key, text.encode(), self.clock.now_ms())

    async def publish(self, *events: Notification, node: Webhooks | None = None) -> None:
        """Publish events in one transaction."""
        webhooks = node or self.webhooks
        await self.db.write(lambda tx: webhooks.publish(tx, events))

    async def publish_each(self, texts: Sequence[str], lane: str = "c1", *, node: Webhooks | None = None) -> None:
        """Publish texts in a transaction each."""
        for text in texts:
            await self.publish(self.event(text, lane), node=node)

    async def publish_and_crash(self, *events: Notification) -> None:
        """Publish on a node that dies right after the commit."""
        victim = self.node()

        async def work(tx: Tx) -> None:
            await victim.publish(tx, events)
            victim.dispatcher._is_running = False

        await self.db.write(work)

    async def settle(self, *nodes: Webhooks) -> None:
        """Wait until nothing is under way."""
        async with asyncio.timeout(20):
            for _ in range(20_000):
                if all(node.dispatcher.is_settled for node in nodes or self.nodes):
                    return
                await asyncio.sleep(0.001)

    async def pass_time(self, seconds: float) -> None:
        """Move the clock, wake what is due on every node, and wait until it is done."""
        assert isinstance(self.clock, ManualClock)
        self.clock.advance(seconds=seconds)
        for node in self.nodes:
            node.dispatcher.wake_due()
        await self.settle()

    async def states(self, lane: str | None = "c1") -> list[str]:
        """What has become of the deliveries, oldest first: ``status`` or ``status:reason``."""
        found, _ = await self.webhooks.list_deliveries(ACCOUNT, DeliveryFilter(lane=lane), limit=1000)
        ordered = sorted(found, key=lambda each: (each.lane, each.position))
        return [each.status if each.reason is None else f"{each.status}:{each.reason}" for each in ordered]

    async def attempts(self, lane: str = "c1") -> list[int]:
        """How many attempts each delivery of a lane had, oldest first."""
        found, _ = await self.webhooks.list_deliveries(ACCOUNT, DeliveryFilter(lane=lane), limit=1000)
        return [each.attempts for each in sorted(found, key=lambda each: each.position)]

    async def is_free(self, lane: str = "c1", owner_id: str = APP) -> bool:
        """Whether no node holds a lane."""
        row = await self.lane_row(lane, owner_id)
        return row["wake_at"] is None

    async def lane_row(self, lane: str = "c1", owner_id: str = APP) -> dict[str, object]:
        """A lane's row."""
        statement = sa.select(lanes).where(lanes.c.lane == lane, lanes.c.owner_id == owner_id)

        async def read(tx: Tx) -> dict[str, object]:
            row = await tx.fetch_one(statement)
            assert row is not None
            return {column.name: row[column.name] for column in lanes.columns}

        return await self.db.read(read)

    async def close(self) -> None:
        """Stop every node."""
        for node in self.nodes:
            await node.dispatcher.stop(1)


def with_headers(endpoint: Endpoint, *headers: tuple[str, str]) -> Endpoint:
    """The endpoint with custom headers."""
    return replace(endpoint, headers=headers)
