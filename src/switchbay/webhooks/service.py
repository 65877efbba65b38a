"""The webhooks room's service: publishing inside other rooms' transactions, delivering, and showing what happened."""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import replace

from switchbay.accounts.public import Actor, record_audit
from switchbay.infra.db import Database, DatabaseUnavailable, Tx
from switchbay.infra.egress import Egress
from switchbay.infra.link import Link
from switchbay.infra.machine import Clock, Randomness
from switchbay.infra.vault import Vault
from switchbay.webhooks import errors
from switchbay.webhooks.client_certificates import ClientCertificates
from switchbay.webhooks.domain import Mark, Notification, Origin, Pace, Pending, canonical_event_key
from switchbay.webhooks.health_report import EndpointCare
from switchbay.webhooks.health_watch import HealthWatch
from switchbay.webhooks.operational import Operational
from switchbay.webhooks.owners import OwnerCache
from switchbay.webhooks.partner import FarDispatcher, NearDispatcher, Taker
from switchbay.webhooks.replaying import Replays
from switchbay.webhooks.retaining import Retaining
from switchbay.webhooks.signing import SigningKeys
from switchbay.webhooks.store import deliveries, lanes, listing, owners
from switchbay.webhooks.store.lanes import LaneKey
from switchbay.webhooks.store.listing import DeliveryDetail, DeliveryFilter, DeliverySummary
from switchbay.webhooks.workers import LANES_ARE_DUE, Dispatcher, Handoff
from switchbay.webhooks.workers.background import Background
from switchbay.webhooks.workers.sender import AccountSettings, Sender

_MOST_LANES = 20_000
_BETWEEN_HEALTH_STEPS = 5.0
_GRACE_SECONDS = 2.0
_BETWEEN_REPLAY_STEPS = 0.05
"""Seconds, so that what happens now is not held up by what is sent again."""
_BETWEEN_LOG_STEPS = 0.05
_LOG_SECONDS = 30 * 86_400
_LOOK_AT_LOG_SECONDS = 60.0


class Webhooks:
    """Publishes events to apps' endpoints and delivers them, at least once and in order per lane."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        randomness: Randomness,
        vault: Vault,
        egress: Egress,
        accounts: AccountSettings,
        *,
        retry_seconds: float = 30.0,
        connect_seconds: float = 5.0,
        response_seconds: float = 5.0,
        response_bytes: int = 16_384,
        in_flight: int = 200,
        lease_seconds: float = 60.0,
        sweep_seconds: float = 2.0,
        most_lanes: int = _MOST_LANES,
        parked_seconds: float = 259_200.0,
        log_seconds: float = _LOG_SECONDS,
        breaker_failures: int = 10,
        breaker_seconds: float = 30.0,
        link: Link | None = None,
        is_far: bool = False,
    ) -> None:
        """``link`` leads to the node's other process; ``is_far`` says that the dispatcher runs there and not here."""
        self._db = db
        self._clock = clock
        self._randomness = randomness
        self._pace = Pace(
            retry_seconds,
            connect_seconds,
            response_seconds,
            response_bytes,
            in_flight,
            lease_seconds,
            sweep_seconds,
            most_lanes,
            parked_seconds,
            breaker_failures,
            breaker_seconds,
        )
        self._node = randomness.token(8)
        self.signing_keys = SigningKeys(db, clock, randomness, vault)
        self.client_certificates = ClientCertificates(db, clock, randomness, vault, egress)
        self.operational = Operational(db, clock, randomness, vault, self.publish)
        self.care = EndpointCare(db, clock)
        self.watch = HealthWatch(db, clock, self._node, accounts, self.operational.announce)
        remembered = OwnerCache(db, vault, clock)
        self.dispatcher = Dispatcher(
            db,
            clock,
            self._node,
            remembered,
            Sender(clock, egress, accounts, self.signing_keys, self.client_certificates, self._pace),
            self._pace,
            observer=self.watch,
            announce=self.operational.announce,
        )
        self._far = FarDispatcher(link) if link is not None and is_far else None
        self._near = (
            NearDispatcher(link, self.dispatcher, remembered, clock) if link is not None and not is_far else None
        )
        self._taker: Taker = self._far or self.dispatcher
        self.replays = Replays(db, clock, randomness, self._append)
        self.retaining = Retaining(db, clock, log_seconds)
        self._background = (
            Background(
                "webhooks-replays",
                self.replays.step_once,
                busy_seconds=_BETWEEN_REPLAY_STEPS,
                idle_seconds=sweep_seconds,
            ),
            Background(
                "webhooks-health",
                self.watch.flush_once,
                busy_seconds=_BETWEEN_HEALTH_STEPS,
                idle_seconds=_BETWEEN_HEALTH_STEPS,
            ),
            Background(
                "webhooks-log",
                self.retaining.step_once,
                busy_seconds=_BETWEEN_LOG_STEPS,
                idle_seconds=_LOOK_AT_LOG_SECONDS,
            ),
        )

    # Life

    async def start(self) -> None:
        """Begin to deliver. Without it, publishing works and the deliveries wait for a node that has started."""
        self.dispatcher.start()
        for each in self._background:
            each.start()

    async def stop(self) -> None:
        """End what is under way, within the limits of one request, and leave the rest to other nodes."""
        for each in self._background:
            await each.stop()
        await self.dispatcher.stop(self._pace.connect_seconds + self._pace.response_seconds + _GRACE_SECONDS)
        with contextlib.suppress(DatabaseUnavailable, TimeoutError):
            async with asyncio.timeout(_GRACE_SECONDS):
                await self.watch.flush_once()

    # Publishing

    async def publish(self, tx: Tx, notifications: Sequence[Notification]) -> None:
        """Store a pending delivery for each notification that its owner subscribes to, in the caller's transaction.

        Owners that hear all conversations of the account are told, too, each in lanes of its own. Notifications of one
        lane keep their order. They are sent once the transaction has committed.
        """
        wanted = await self._told(tx, notifications)
        if wanted:
            await self._append(tx, wanted)

    async def _append(self, tx: Tx, wanted: Sequence[Notification]) -> list[Pending]:
        """Put deliveries at the ends of their lanes."""
        now = self._clock.now_ms()
        accepting = self._taker.is_accepting
        by_lane: dict[LaneKey, list[Notification]] = {}
        for each in wanted:
            by_lane.setdefault((each.account_id, each.owner_id, each.lane), []).append(each)
        published = await lanes.publish(
            tx,
            [lanes.Publish(key, len(group), group[-1].created_at) for key, group in by_lane.items()],
            node=self._node if accepting else "",
            wake_at=now + self._pace.lease_ms if accepting else now,
        )
        made: list[Pending] = []
        rows: list[deliveries.NewDelivery] = []
        handoffs: list[Handoff] = []
        for key, group in by_lane.items():
            lane = published[key]
            first = lane.next_position - len(group)
            pending = [self._pending(each, first + place) for place, each in enumerate(group)]
            made.extend(pending)
            rows.extend(
                deliveries.NewDelivery(
                    each.id, key, each.position, each.event_key, each.body, each.created_at, given.mark
                )
                for given, each in zip(group, pending, strict=True)
            )
            if lane.node == self._node:
                handoffs.append(Handoff(key, lane.fence, lane.claimed_from, lane.wake_at, tuple(pending)))
        await deliveries.insert(tx, rows)
        if any(lane.wake_at <= now for lane in published.values()):  # nobody works on it: this node does not deliver
            tx.on_commit(self._tell_due)
        if handoffs:
            tx.on_commit(lambda: self._taker.accept(handoffs))
        return made

    def _tell_due(self) -> None:
        self._db.notify(LANES_ARE_DUE)
        if self._far is not None:
            self._far.sweep_soon()

    async def _told(self, tx: Tx, notifications: Sequence[Notification]) -> list[Notification]:
        owner_ids: dict[str, dict[str, None]] = {}
        for each in notifications:
            owner_ids.setdefault(each.account_id, {})[each.owner_id] = None
        audiences = {
            account_id: await owners.audience(tx, account_id, tuple(ids)) for account_id, ids in owner_ids.items()
        }
        told: list[Notification] = []
        for each in notifications:
            audience, key = audiences[each.account_id], canonical_event_key(each.event_key)
            if (each.owner_id, key) in audience.pairs:
                told.append(each)
            hearing = audience.hearing.get(key, ())
            told.extend(replace(each, owner_id=owner_id) for owner_id in hearing if owner_id != each.owner_id)
        return told

    def _pending(self, notification: Notification, position: int) -> Pending:
        return Pending(
            self._randomness.sortable_id("dlv", notification.created_at),
            position,
            canonical_event_key(notification.event_key),
            notification.body,
            0,
            0,
            notification.created_at,
            None if notification.mark is None else notification.mark.origin,
            None if notification.mark is None else notification.mark.event_id,
        )

    async def send_test(
        self, account_id: str, owner_id: str, lane: str, event_key: str, body: bytes, actor: Actor
    ) -> DeliveryDetail:
        """Send an app a test event in a lane of its own. Raises ``event_not_subscribed``."""
        now = self._clock.now_ms()
        event = Notification(account_id, owner_id, lane, event_key, body, now, Mark(Origin.TEST))

        async def work(tx: Tx) -> str:
            pair = (owner_id, canonical_event_key(event_key))
            if pair not in await owners.subscriptions(tx, account_id, [owner_id]):
                raise errors.event_not_subscribed(event_key)
            [made] = await self._append(tx, [event])
            await record_audit(
                tx,
                account_id=account_id,
                actor=actor,
                action="app.test_event",
                object_type="app",
                object_id=owner_id,
                at=now,
                detail={"event": made.event_key, "delivery": made.id},
            )
            return made.id

        return await self.get_delivery(account_id, await self._db.write(work))

    # Looking

    def now_ms(self) -> int:
        """The time of this node, epoch milliseconds."""
        return self._clock.now_ms()

    async def list_deliveries(
        self, account_id: str, wanted: DeliveryFilter, *, cursor: str | None = None, limit: int = 50
    ) -> tuple[list[DeliverySummary], str | None]:
        """Deliveries of an account, newest first, and the cursor of the next page if there is one.

        Raises ``cursor_invalid``.
        """
        if cursor is not None and not listing.is_delivery_id(cursor):
            raise errors.cursor_invalid()
        found = await self._db.read(lambda tx: listing.find(tx, account_id, wanted, before=cursor, most=limit + 1))
        page = found[:limit]
        return page, page[-1].id if len(found) > limit else None

    async def get_delivery(self, account_id: str, delivery_id: str) -> DeliveryDetail:
        """One delivery with its body and attempts. Raises ``delivery_unknown``."""
        if not listing.is_delivery_id(delivery_id):
            raise errors.delivery_unknown()
        now = self._clock.now_ms()
        found = await self._db.read(lambda tx: listing.get(tx, account_id, delivery_id, now))
        if found is None:
            raise errors.delivery_unknown()
        return found
