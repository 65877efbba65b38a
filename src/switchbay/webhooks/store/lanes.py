"""SQL of lanes: giving out positions, claiming, renewing, releasing.

Statements that touch several lanes are upserts over rows sorted by key: both engines take the rows in that order, so
two transactions never wait for each other in a circle.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from switchbay.infra.db import Row, Tx
from switchbay.kit.record import Record
from switchbay.webhooks.store.lane_upserts import PUBLISH, SETTLE
from switchbay.webhooks.tables import HELD, lanes

LaneKey = tuple[str, str, str]
OwnerKey = tuple[str, str]

_KEY = ("account_id", "owner_id", "lane")
_OWN = "retry/"
_NEVER = -1


class Publish(Record, frozen=True):
    """So many new deliveries for a lane."""

    key: LaneKey
    count: int
    at: int


class Published(Record, frozen=True):
    """A lane after a publish: ``next_position`` comes after the last new delivery.

    ``claimed_from`` is the position from which on the node that holds the lane knows all of it without reading.
    """

    next_position: int
    claimed_from: int
    node: str
    fence: int
    wake_at: int


class Settle(Record, frozen=True):
    """Keep a lane until ``wake_at``, or release it if nothing was published behind ``release_at_position``."""

    key: LaneKey
    fence: int
    wake_at: int
    release_at_position: int | None


@dataclass(frozen=True, slots=True)
class OwnLane:
    """A lane for one delivery alone, which waits to be tried again; nothing is ever published to it."""

    key: LaneKey
    position: int
    wake_at: int
    created_at: int


@dataclass(frozen=True, slots=True)
class Hold:
    """A lane that is left until its owner's gate opens; ``expires_at`` is when its first event is given up."""

    key: LaneKey
    fence: int
    expires_at: int


@dataclass(frozen=True, slots=True)
class Claimed:
    """A lane that the sweep or a gate has taken."""

    key: LaneKey
    fence: int
    lease_until: int


def own_lane(key: LaneKey, delivery_id: str) -> LaneKey:
    """The key of the lane that a delivery has for itself while it waits to be tried again."""
    return (key[0], key[1], _OWN + delivery_id)


def is_own(key: LaneKey) -> bool:
    """Whether a lane is one of a single delivery; a conversation's id never looks so."""
    return key[2].startswith(_OWN)


_due = (
    sa.select(lanes.c.account_id, lanes.c.owner_id, lanes.c.lane, lanes.c.fence)
    .where(lanes.c.wake_at <= sa.bindparam("now"))
    .order_by(lanes.c.wake_at)
    .limit(sa.bindparam("most"))
    .with_for_update(skip_locked=True)
)
_forget = sa.delete(lanes).where(
    lanes.c.account_id == sa.bindparam("account"),
    lanes.c.owner_id == sa.bindparam("owner"),
    lanes.c.lane.in_(sa.bindparam("names", expanding=True)),
)
_release_held = (
    sa.update(lanes)
    .where(
        lanes.c.account_id == sa.bindparam("account"),
        lanes.c.owner_id == sa.bindparam("owner"),
        lanes.c.wake_at == sa.literal_column(str(HELD)),
    )
    .values(wake_at=sa.bindparam("now"), expires_at=sa.null())
)


async def publish(tx: Tx, rows: Sequence[Publish], *, node: str, wake_at: int) -> dict[LaneKey, Published]:
    """Give out positions; a free lane becomes ``node``'s until ``wake_at``."""
    ordered = [(*row.key, row.count, row.at, row.at) for row in sorted(rows, key=_key_of)]
    found = await PUBLISH.run(tx, ordered, {"node": node, "wake_at": wake_at})
    return {(each[0], each[1], each[2]): Published(each[3], each[4], each[5], each[6], each[7]) for each in found}


def _key_of(row: Publish | Settle) -> LaneKey:
    return row.key


async def settle(tx: Tx, rows: Sequence[Settle]) -> dict[LaneKey, bool]:
    """Keep or release lanes; return those whose fence still holds, and for each whether it was released."""
    own = [row for row in rows if is_own(row.key)]
    ordered = sorted((row for row in rows if not is_own(row.key)) if own else rows, key=_key_of)
    fences = {row.key: row.fence for row in ordered}
    held = await _settle_own(tx, own) if own else {}
    found = await SETTLE.run(
        tx,
        [
            (*row.key, _NEVER if row.release_at_position is None else row.release_at_position, row.fence, row.wake_at)
            for row in ordered
        ],
    )
    for each in found:
        key = (each[0], each[1], each[2])
        if each[3] == fences[key]:
            held[key] = each[4] is None
    return held


async def _settle_own(tx: Tx, rows: Sequence[Settle]) -> dict[LaneKey, bool]:
    """The same for lanes of single deliveries, which are forgotten when they are released."""
    found = await tx.update_many(
        lanes,
        [
            {
                "account_id": row.key[0],
                "owner_id": row.key[1],
                "lane": row.key[2],
                "fence": row.fence,
                "wake_at": row.wake_at,
            }
            for row in rows
        ],
        keys=(*_KEY, "fence"),
        returning=_KEY,
    )
    ours = {(each[0], each[1], each[2]) for each in found}
    held = {row.key: row.release_at_position is not None for row in rows if row.key in ours}
    await forget(tx, [key for key, released in held.items() if released])
    return held


async def set_apart(tx: Tx, rows: Sequence[OwnLane]) -> None:
    """Make lanes for single deliveries, each with the fence 1 and a lease until ``wake_at``."""
    await tx.insert_many(
        lanes,
        [
            {
                "account_id": row.key[0],
                "owner_id": row.key[1],
                "lane": row.key[2],
                "next_position": row.position + 1,
                "claimed_from": 0,
                "node": "",
                "fence": 1,
                "wake_at": row.wake_at,
                "first_at": row.created_at,
                "last_at": row.created_at,
            }
            for row in rows
        ],
    )


async def forget(tx: Tx, keys: Sequence[LaneKey]) -> None:
    """Delete the lanes of single deliveries that are over."""
    by_owner: dict[OwnerKey, list[str]] = {}
    for key in keys:
        by_owner.setdefault(key[:2], []).append(key[2])
    for (account_id, owner_id), names in sorted(by_owner.items()):
        await tx.execute(_forget, {"account": account_id, "owner": owner_id, "names": names})


async def claim_due(tx: Tx, *, node: str, now: int, lease_until: int, most: int) -> list[Claimed]:
    """Take up to ``most`` lanes whose time has come and that no other node is just taking."""
    due = await tx.fetch(_due, {"now": now, "most": most})
    return await take(tx, due, node=node, lease_until=lease_until)


async def take(tx: Tx, rows: Sequence[Row], *, node: str, lease_until: int) -> list[Claimed]:
    """Make ``node`` the holder of lanes that are locked; the rows begin with key and fence."""
    claimed = [Claimed((row[0], row[1], row[2]), row[3] + 1, lease_until) for row in rows]
    await tx.update_many(
        lanes,
        [
            {
                "account_id": lane.key[0],
                "owner_id": lane.key[1],
                "lane": lane.key[2],
                "node": node,
                "fence": lane.fence,
                "wake_at": lease_until,
            }
            for lane in claimed
        ],
        keys=_KEY,
    )
    return claimed


async def hold(tx: Tx, rows: Sequence[Hold]) -> None:
    """Leave lanes that were settled with ``wake_at`` at ``HELD`` in this transaction to their owners' gates."""
    await tx.update_many(
        lanes,
        [
            {
                "account_id": row.key[0],
                "owner_id": row.key[1],
                "lane": row.key[2],
                "fence": row.fence,
                "node": "",
                "expires_at": row.expires_at,
            }
            for row in rows
        ],
        keys=(*_KEY, "fence"),
    )


async def release_held(tx: Tx, account_id: str, owner_id: str, now: int) -> None:
    """Leave all held lanes of an owner to the sweep."""
    await tx.execute(_release_held, {"account": account_id, "owner": owner_id, "now": now})
