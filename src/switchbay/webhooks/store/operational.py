"""SQL of who is told how endpoints are doing."""

from dataclasses import dataclass

import sqlalchemy as sa

from switchbay.infra.db import Tx
from switchbay.webhooks.tables import endpoints, operational

_all = (
    sa.select(operational)
    .where(operational.c.account_id == sa.bindparam("account_id"))
    .order_by(operational.c.subscription_id)
)
_delete = sa.delete(operational).where(
    operational.c.account_id == sa.bindparam("account_id"),
    operational.c.subscription_id == sa.bindparam("subscription_id"),
)
_events = (
    sa.select(endpoints.c.event_key)
    .where(
        endpoints.c.account_id == sa.bindparam("account_id"),
        endpoints.c.owner_id == sa.bindparam("owner_id"),
        endpoints.c.url == sa.bindparam("url"),
    )
    .order_by(endpoints.c.event_key)
)


@dataclass(frozen=True, slots=True)
class Subscription:
    """An address that is told."""

    account_id: str
    subscription_id: str
    url: str
    created_at: int


async def list_all(tx: Tx, account_id: str) -> list[Subscription]:
    """Those of an account, the oldest first."""
    rows = await tx.fetch(_all, {"account_id": account_id})
    return [Subscription(row["account_id"], row["subscription_id"], row["url"], row["created_at"]) for row in rows]


async def insert(tx: Tx, subscription: Subscription) -> None:
    """Store a new one."""
    await tx.insert(
        operational,
        {
            "account_id": subscription.account_id,
            "subscription_id": subscription.subscription_id,
            "url": subscription.url,
            "created_at": subscription.created_at,
        },
    )


async def delete(tx: Tx, account_id: str, subscription_id: str) -> None:
    """Forget one."""
    await tx.execute(_delete, {"account_id": account_id, "subscription_id": subscription_id})


async def events_of(tx: Tx, account_id: str, owner_id: str, url: str) -> list[str]:
    """The events that go to an address of an app."""
    rows = await tx.fetch(_events, {"account_id": account_id, "owner_id": owner_id, "url": url})
    return [row[0] for row in rows]
