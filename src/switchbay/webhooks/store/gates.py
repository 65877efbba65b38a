"""SQL of gates: whose timer has gone off, what is held behind them, what of it has to be given up.

What an owner is to get is held while its gate is closed, and while it is disabled, whatever its gate.
Whoever changes a gate locks its row first and lanes after it. Held lanes that somebody else has locked are left out and
found the next time, so that nobody waits for anybody in a circle.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from switchbay.infra.db import Row, Tx
from switchbay.webhooks.domain import LONGEST_GAP_MS, Gate, GateState, Reason, Status
from switchbay.webhooks.store import deliveries as store
from switchbay.webhooks.store import lanes as lane_store
from switchbay.webhooks.store.lanes import Claimed, OwnerKey
from switchbay.webhooks.tables import HELD, deliveries, lanes, owners

_LANES_AT_ONCE = 32
_DELIVERIES_OF_A_LANE = 64

_columns = (
    owners.c.account_id,
    owners.c.owner_id,
    owners.c.retention_time,
    owners.c.gate,
    owners.c.gate_since,
    owners.c.gate_failures,
    owners.c.gate_next,
    owners.c.gate_at,
    owners.c.gate_lane,
    owners.c.enabled,
)
_lock = (
    sa.select(*_columns)
    .where(owners.c.account_id == sa.bindparam("account_id"), owners.c.owner_id == sa.bindparam("owner_id"))
    .with_for_update()
)
_lock_due = (
    sa.select(*_columns)
    .where(sa.or_(owners.c.gate_at <= sa.bindparam("now"), owners.c.gate_at > sa.bindparam("too_late")))
    .order_by(owners.c.gate_at)
    .limit(sa.literal_column("1"))
    .with_for_update(skip_locked=True)
)
_timers = sa.select(sa.func.min(owners.c.gate_at), sa.func.max(owners.c.gate_at)).where(owners.c.gate_at.is_not(None))
_save = (
    sa.update(owners)
    .where(owners.c.account_id == sa.bindparam("account"), owners.c.owner_id == sa.bindparam("owner"))
    .values(
        gate=sa.bindparam("state"),
        gate_since=sa.bindparam("since"),
        gate_failures=sa.bindparam("failures"),
        gate_next=sa.bindparam("next_at"),
        gate_at=sa.bindparam("timer_at"),
        gate_lane=sa.bindparam("first_lane"),
    )
)
_rearm = (
    sa.update(owners)
    .where(
        owners.c.account_id == sa.bindparam("account"),
        owners.c.owner_id == sa.bindparam("owner"),
        owners.c.gate == sa.literal_column("'failed'"),
    )
    .values(gate_next=sa.bindparam("now"), gate_at=sa.bindparam("now"))
)
# Written out, so that both engines see that the partial indexes fit.
_is_held = sa.and_(
    lanes.c.account_id == sa.bindparam("account_id"),
    lanes.c.owner_id == sa.bindparam("owner_id"),
    lanes.c.wake_at == sa.literal_column(str(HELD)),
)
_held = sa.select(lanes.c.account_id, lanes.c.owner_id, lanes.c.lane, lanes.c.fence).where(_is_held)
_oldest_held = _held.order_by(lanes.c.expires_at).limit(sa.bindparam("most")).with_for_update(skip_locked=True)
_this_held = _held.where(lanes.c.lane == sa.bindparam("lane")).with_for_update(skip_locked=True)
_over = (
    _held.where(lanes.c.expires_at <= sa.bindparam("now"))
    .order_by(lanes.c.expires_at)
    .limit(sa.literal_column(str(_LANES_AT_ONCE)))
    .with_for_update(skip_locked=True)
)
_first_expiry = sa.select(lanes.c.expires_at).where(_is_held).order_by(lanes.c.expires_at).limit(sa.literal_column("1"))
_oldest_pending = (
    sa.select(deliveries.c.id, deliveries.c.attempts, deliveries.c.created_at)
    .where(
        deliveries.c.account_id == sa.bindparam("account_id"),
        deliveries.c.owner_id == sa.bindparam("owner_id"),
        deliveries.c.lane == sa.bindparam("lane"),
        sa.literal_column("status") == sa.literal_column("'pending'"),
    )
    .order_by(deliveries.c.position)
    .limit(sa.literal_column(str(_DELIVERIES_OF_A_LANE)))
)
_stored_before = (
    sa.select(lanes.c.lane)
    .where(
        lanes.c.account_id == sa.bindparam("account_id"),
        lanes.c.owner_id == sa.bindparam("owner_id"),
        lanes.c.expires_at.is_not(None),
        sa.exists().where(
            deliveries.c.account_id == lanes.c.account_id,
            deliveries.c.owner_id == lanes.c.owner_id,
            deliveries.c.lane == lanes.c.lane,
            deliveries.c.status == sa.literal_column("'pending'"),
            deliveries.c.created_at <= sa.bindparam("at"),
        ),
    )
    .limit(sa.literal_column("1"))
)


@dataclass(frozen=True, slots=True)
class OwnerGate:
    """An owner's gate, its row locked. ``retention_ms`` is 0 for an owner without retention."""

    key: OwnerKey
    retention_ms: int
    gate: Gate
    is_enabled: bool = True

    @property
    def is_held(self) -> bool:
        """Whether its events are held."""
        return not self.is_enabled or (self.retention_ms > 0 and self.gate.is_closed)


def _owner_gate(row: Row) -> OwnerGate:
    gate = Gate(GateState(row[3]), row[4], row[5], row[6], row[7], row[8])
    return OwnerGate((row[0], row[1]), row[2] * 1000, gate, bool(row[9]))


async def lock(tx: Tx, key: OwnerKey) -> OwnerGate | None:
    """The gate of an owner, enabled or not, with or without a retention time; None if it is unknown."""
    row = await tx.fetch_one(_lock, {"account_id": key[0], "owner_id": key[1]})
    return None if row is None else _owner_gate(row)


async def lock_due(tx: Tx, now: int) -> OwnerGate | None:
    """The gate whose timer went off first and that nobody else is looking after just now."""
    row = await tx.fetch_one(_lock_due, {"now": now, "too_late": now + 2 * LONGEST_GAP_MS})
    return None if row is None else _owner_gate(row)


async def next_timer(tx: Tx, now: int) -> int | None:
    """When the next timer goes off; now, if one is so late that the clock must have been set back."""
    row = await tx.fetch_one(_timers)
    if row is None or row[0] is None:
        return None
    return now if row[1] > now + 2 * LONGEST_GAP_MS else int(row[0])


async def save(tx: Tx, key: OwnerKey, gate: Gate) -> None:
    """Store a gate whose row is locked."""
    await tx.execute(
        _save,
        {
            "account": key[0],
            "owner": key[1],
            "state": gate.state.value,
            "since": gate.since,
            "failures": gate.failures,
            "next_at": gate.next_at,
            "timer_at": gate.timer_at,
            "first_lane": gate.lane,
        },
    )


async def rearm(tx: Tx, key: OwnerKey, now: int) -> None:
    """Have a closed gate's attempt made anew: the one under way came to nothing."""
    await tx.execute(_rearm, {"account": key[0], "owner": key[1], "now": now})


async def take_held(
    tx: Tx, key: OwnerKey, *, node: str, lease_until: int, most: int, lane: str | None = None
) -> list[Claimed]:
    """Make ``node`` the holder of held lanes, the oldest first, or of ``lane``."""
    params: dict[str, str | int] = {"account_id": key[0], "owner_id": key[1]}
    if lane is None:
        rows = await tx.fetch(_oldest_held, {**params, "most": most})
    else:
        rows = await tx.fetch(_this_held, {**params, "lane": lane})
    return await lane_store.take(tx, rows, node=node, lease_until=lease_until)


async def first_expiry(tx: Tx, key: OwnerKey) -> int | None:
    """When the first held event is to be given up; None if nothing is held."""
    row = await tx.fetch_one(_first_expiry, {"account_id": key[0], "owner_id": key[1]})
    return None if row is None else int(row[0])


async def has_stored_before(tx: Tx, key: OwnerKey, at: int) -> bool:
    """Whether a lane that was held still has an event from before ``at``."""
    row = await tx.fetch_one(_stored_before, {"account_id": key[0], "owner_id": key[1], "at": at})
    return row is not None


async def expire(tx: Tx, owner: OwnerGate, now: int, kept_ms: int) -> tuple[int, bool]:
    """Give up held events older than ``kept_ms``, a bounded number; return how many, and whether there may be more."""
    key = {"account_id": owner.key[0], "owner_id": owner.key[1]}
    found = await tx.fetch(_over, {**key, "now": now})
    finished: list[store.Finished] = []
    left: list[dict[str, str | int | None]] = []
    for row in found:
        oldest = await tx.fetch(_oldest_pending, {**key, "lane": row[2]})
        over = _over_of(oldest, now - kept_ms)
        finished.extend(
            store.Finished(key["account_id"], each[0], Status.FAILED, Reason.RETENTION_EXPIRED.value, each[1], now)
            for each in over
        )
        wake_at: int | None = HELD
        expires_at: int | None = now
        if len(over) < len(oldest):
            expires_at = oldest[len(over)][2] + kept_ms
        elif len(oldest) < _DELIVERIES_OF_A_LANE:
            wake_at = expires_at = None
        left.append({**key, "lane": row[2], "wake_at": wake_at, "expires_at": expires_at})
    await store.finish(tx, finished)
    await tx.update_many(lanes, left, keys=("account_id", "owner_id", "lane"))
    done = ((owner.key[0], owner.key[1], str(each["lane"])) for each in left if each["wake_at"] is None)
    await lane_store.forget(tx, [lane for lane in done if lane_store.is_own(lane)])
    return len(finished), len(found) == _LANES_AT_ONCE or any(each["expires_at"] == now for each in left)


def _over_of(oldest: Sequence[Row], created_before: int) -> list[Row]:
    over: list[Row] = []
    for row in oldest:
        if row[2] > created_before:
            break
        over.append(row)
    return over
