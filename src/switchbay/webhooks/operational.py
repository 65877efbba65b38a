"""Operational events: an account is told by webhook how the endpoints of its apps are doing.

Who is told is a subscription: an owner of its own kind, with an address and a secret, that takes these events alone.
They go through the same engine as the events of apps: signed, in order, tried again for a day, kept in the log. Nothing
is ever told about a subscription's own endpoint.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import msgspec

from switchbay.accounts.public import Actor, record_audit
from switchbay.infra.db import Database, Tx
from switchbay.infra.machine import Clock, Randomness
from switchbay.infra.vault import Vault
from switchbay.kit.secret import Secret
from switchbay.webhooks import errors
from switchbay.webhooks.domain import Endpoint, Notification, Owner
from switchbay.webhooks.health import shown_url
from switchbay.webhooks.owners import remove_owner, set_owner
from switchbay.webhooks.store import operational as store
from switchbay.webhooks.store.operational import Subscription

_PREFIX = "ops"
_LANE = "operational"
_RETENTION_SECONDS = 86_400
_MOST = 10

Publish = Callable[[Tx, Sequence[Notification]], Awaitable[None]]


class Change(StrEnum):
    """What an operational event tells of."""

    FAILING = "switchbay.webhook.failing"
    SLOW = "switchbay.webhook.slow"
    RECOVERED = "switchbay.webhook.recovered"
    DISABLED = "switchbay.webhook.disabled"


@dataclass(frozen=True, slots=True)
class Notice:
    """That something has changed about an endpoint of an app, and why, in words.

    ``event_key`` is set where it is about one event of the app only.
    """

    account_id: str
    owner_id: str
    url: str
    change: Change
    previous_state: str
    reason: str
    at: int
    event_key: str | None = None


def is_operational(owner_id: str) -> bool:
    """Whether an owner is not an app but somebody who is told about apps."""
    return owner_id.startswith(f"{_PREFIX}_")


def render_notice(notice: Notice, events: Sequence[str]) -> bytes:
    """The body of an operational event."""
    return msgspec.json.encode(
        {
            "type": notice.change.value,
            "account": notice.account_id,
            "app": notice.owner_id,
            "endpoint": shown_url(notice.url),
            "events": list(events),
            "state": notice.change.value.rpartition(".")[2],
            "previous_state": notice.previous_state,
            "reason": notice.reason,
            "at": notice.at,
        }
    )


class Operational:
    """The subscriptions of accounts."""

    def __init__(self, db: Database, clock: Clock, randomness: Randomness, vault: Vault, publish: Publish) -> None:
        self._db = db
        self._clock = clock
        self._randomness = randomness
        self._vault = vault
        self._publish = publish

    async def announce(self, tx: Tx, notice: Notice) -> None:
        """Have those who want to know told, in the transaction of what they are told of."""
        if is_operational(notice.owner_id):
            return
        subscriptions = await store.list_all(tx, notice.account_id)
        if not subscriptions:
            return
        events = (
            await store.events_of(tx, notice.account_id, notice.owner_id, notice.url)
            if notice.event_key is None
            else [notice.event_key]
        )
        body = render_notice(notice, events)
        await self._publish(
            tx,
            [
                Notification(notice.account_id, each.subscription_id, _LANE, notice.change.value, body, notice.at)
                for each in subscriptions
            ],
        )

    async def add(self, account_id: str, url: str, secret: Secret | None, actor: Actor) -> tuple[Subscription, Secret]:
        """Tell an address from now on; return the secret that signs, made up if none is given.

        Raises ``webhook_endpoint_refused`` and ``operational_webhooks_too_many``.
        """
        now = self._clock.now_ms()
        signing = secret or Secret(self._randomness.client_secret())
        subscription = Subscription(account_id, self._randomness.sortable_id(_PREFIX, now), url, now)
        endpoints = tuple(Endpoint(change.value, url, (), 0) for change in Change)
        owner_id = subscription.subscription_id
        owner = Owner(
            account_id,
            owner_id,
            client_id=owner_id,
            enabled=True,
            endpoints=endpoints,
            retention_time=_RETENTION_SECONDS,
            signing_secret=signing,
            other_secret=None,
        )

        async def work(tx: Tx) -> None:
            if len(await store.list_all(tx, account_id)) >= _MOST:
                raise errors.operational_webhooks_too_many(_MOST)
            await store.insert(tx, subscription)
            await set_owner(tx, self._vault, owner, now)
            await self._audit(tx, subscription, actor, "operational_webhook.add", now)

        await self._db.write(work)
        return subscription, signing

    async def list_all(self, account_id: str) -> list[Subscription]:
        """Who is told, the oldest first."""
        return await self._db.read(lambda tx: store.list_all(tx, account_id))

    async def remove(self, account_id: str, subscription_id: str, actor: Actor) -> None:
        """Tell an address no more; what is pending for it is cancelled. Raises ``operational_webhook_unknown``."""
        now = self._clock.now_ms()

        async def work(tx: Tx) -> None:
            found = next(
                (each for each in await store.list_all(tx, account_id) if each.subscription_id == subscription_id), None
            )
            if found is None:
                raise errors.operational_webhook_unknown()
            await store.delete(tx, account_id, subscription_id)
            await remove_owner(tx, account_id, subscription_id, now)
            await self._audit(tx, found, actor, "operational_webhook.remove", now)

        await self._db.write(work)

    async def _audit(self, tx: Tx, subscription: Subscription, actor: Actor, action: str, now: int) -> None:
        await record_audit(
            tx,
            account_id=subscription.account_id,
            actor=actor,
            action=action,
            object_type="operational_webhook",
            object_id=subscription.subscription_id,
            at=now,
            detail={"url": shown_url(subscription.url)},
        )
