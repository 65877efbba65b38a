"""SQL of lanes: giving out positions, claiming, renewing, releasing.

Statements that touch several lanes are upserts over rows sorted by key: both engines take the rows in that order, so
two transactions never wait for each other in a circle.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from switchbay.infra.db import Row, Tx
from switchbay.infra.db.bulk import runs
from switchbay.kit.record import Record
from switchbay.webhooks.tables import HELD, lanes

LaneKey = tuple[str, str, str]
OwnerKey = tuple[str, str]

_KEY = ("account_id", "owner_id", "lane")
_OWN = "retry/"
MOST_ROWS = 64
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


def _row(place: int, values: Mapping[str, str]) -> dict[str, sa.BindParameter[object]]:
    return {column: sa.bindparam(f"{name}_{place}") for column, name in values.items()}


@lru_cache(maxsize=16)
def _publish_statement(count: int) -> sa.Insert:
    names = {
        "account_id": "account",
        "owner_id": "owner",
        "lane": "lane",
        "next_position": "count",
        "first_at": "at",
        "last_at": "at",
    }
    shared: dict[str, sa.ColumnElement[object]] = {
        "claimed_from": sa.literal_column("0"),
        "fence": sa.literal_column("1"),
        "node": sa.bindparam("node"),
        "wake_at": sa.bindparam("wake_at"),
    }
    statement = insert(lanes).values([{**_row(place, names), **shared} for place in range(count)])
    new = statement.excluded
    free = lanes.c.wake_at.is_(None)
    return statement.on_conflict_do_update(
        index_elements=_KEY,
        set_={
            "next_position": lanes.c.next_position + new.next_position,
            "claimed_from": sa.case((free, lanes.c.next_position), else_=lanes.c.claimed_from),
            "node": sa.case((free, new.node), else_=lanes.c.node),
            "fence": lanes.c.fence + sa.case((free, sa.literal_column("1")), else_=sa.literal_column("0")),
            "wake_at": sa.func.coalesce(lanes.c.wake_at, new.wake_at),
            # Clocks of nodes differ: what is published later may have been made earlier.
            "first_at": sa.case((new.first_at < lanes.c.first_at, new.first_at), else_=lanes.c.first_at),
            "last_at": sa.case((new.last_at > lanes.c.last_at, new.last_at), else_=lanes.c.last_at),
        },
    ).returning(
        lanes.c.account_id,
        lanes.c.owner_id,
        lanes.c.lane,
        lanes.c.next_position,
        lanes.c.claimed_from,
        lanes.c.node,
        lanes.c.fence,
        lanes.c.wake_at,
    )


@lru_cache(maxsize=16)
def _settle_statement(count: int) -> sa.Insert:
    names = {
        "account_id": "account",
        "owner_id": "owner",
        "lane": "lane",
        "next_position": "release_at",
        "fence": "fence",
        "wake_at": "wake_at",
    }
    # The row exists, so the insert itself never happens: it is there to lock the rows in the order given.
    shared: dict[str, sa.ColumnElement[object]] = {
        "claimed_from": sa.literal_column("0"),
        "node": sa.literal_column("''"),
        "first_at": sa.literal_column("0"),
        "last_at": sa.literal_column("0"),
    }
    statement = insert(lanes).values([{**_row(place, names), **shared} for place in range(count)])
    new = statement.excluded
    return statement.on_conflict_do_update(
        index_elements=_KEY,
        set_={
            "wake_at": sa.case(
                (lanes.c.fence != new.fence, lanes.c.wake_at),
                (lanes.c.next_position == new.next_position, sa.null()),
                else_=new.wake_at,
            ),
            "expires_at": sa.case(
                (sa.and_(lanes.c.fence == new.fence, lanes.c.next_position == new.next_position), sa.null()),
                else_=lanes.c.expires_at,
            ),
        },
    ).returning(lanes.c.account_id, lanes.c.owner_id, lanes.c.lane, lanes.c.fence, lanes.c.wake_at)


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
    ordered = sorted(rows, key=lambda row: row.key)
    found: dict[LaneKey, Published] = {}
    for start, size in runs(len(ordered), MOST_ROWS):
        params: dict[str, str | int] = {"node": node, "wake_at": wake_at}
        for place, row in enumerate(ordered[start : start + size]):
            params[f"account_{place}"], params[f"owner_{place}"], params[f"lane_{place}"] = row.key
            params[f"count_{place}"] = row.count
            params[f"at_{place}"] = row.at
        for each in await tx.fetch(_publish_statement(size), params):
            found[each[0], each[1], each[2]] = Published(each[3], each[4], each[5], each[6], each[7])
    return found


async def settle(tx: Tx, rows: Sequence[Settle]) -> dict[LaneKey, bool]:
    """Keep or release lanes; return those whose fence still holds, and for each whether it was released."""
    own = [row for row in rows if is_own(row.key)]
    ordered = sorted((row for row in rows if not is_own(row.key)) if own else rows, key=lambda row: row.key)
    fences = {row.key: row.fence for row in ordered}
    held = await _settle_own(tx, own) if own else {}
    for start, size in runs(len(ordered), MOST_ROWS):
        params: dict[str, str | int] = {}
        for place, row in enumerate(ordered[start : start + size]):
            params[f"account_{place}"], params[f"owner_{place}"], params[f"lane_{place}"] = row.key
            params[f"fence_{place}"] = row.fence
            params[f"wake_at_{place}"] = row.wake_at
            params[f"release_at_{place}"] = _NEVER if row.release_at_position is None else row.release_at_position
        for each in await tx.fetch(_settle_statement(size), params):
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
