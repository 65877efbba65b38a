"""SQL of deliveries and attempts, as the dispatcher needs it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa

from switchbay.infra.db import Tx
from switchbay.infra.db.door import Value
from switchbay.webhooks.domain import Mark, Origin, Pending, Status
from switchbay.webhooks.store.lanes import LaneKey
from switchbay.webhooks.tables import attempts, deliveries


@dataclass(frozen=True, slots=True)
class NewDelivery:
    """A delivery to be made."""

    id: str
    key: LaneKey
    position: int
    event_key: str
    body: bytes = field(repr=False)
    created_at: int
    mark: Mark | None = None


@dataclass(frozen=True, slots=True)
class Finished:
    """A delivery that is over."""

    account_id: str
    id: str
    status: Status
    reason: str | None
    attempts: int
    at: int


@dataclass(frozen=True, slots=True)
class Postponed:
    """A delivery that is tried again; ``next_attempt_at`` is None when its gate decides when."""

    account_id: str
    id: str
    attempts: int
    next_attempt_at: int | None


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """One attempt, as stored."""

    account_id: str
    delivery_id: str
    number: int
    started_at: int
    connect_ms: int | None
    total_ms: int
    address: str | None
    status: int | None
    failure: str | None
    detail: str | None
    response_headers: str
    response_body: bytes
    outcome: str


_window = (
    sa.select(
        deliveries.c.id,
        deliveries.c.position,
        deliveries.c.event_key,
        deliveries.c.body,
        deliveries.c.attempts,
        deliveries.c.next_attempt_at,
        deliveries.c.created_at,
        deliveries.c.origin,
        deliveries.c.event_id,
    )
    .where(
        deliveries.c.account_id == sa.bindparam("account_id"),
        deliveries.c.owner_id == sa.bindparam("owner_id"),
        deliveries.c.lane == sa.bindparam("lane"),
        deliveries.c.position >= sa.bindparam("from_position"),
        # Written out, so that both engines see that the partial index fits.
        sa.literal_column("status") == sa.literal_column("'pending'"),
    )
    .order_by(deliveries.c.position)
    .limit(sa.bindparam("most"))
)


async def insert(tx: Tx, rows: Sequence[NewDelivery]) -> None:
    """Store new, pending deliveries. Events as they happen, which are nearly all, cost no column for marks."""
    plain = [_columns(row) for row in rows if row.mark is None]
    marked = [{**_columns(row), **_mark_columns(row.mark)} for row in rows if row.mark is not None]
    await tx.insert_many(deliveries, plain)
    if marked:
        await tx.insert_many(deliveries, marked)


def _columns(row: NewDelivery) -> dict[str, Value]:
    return {
        "account_id": row.key[0],
        "id": row.id,
        "owner_id": row.key[1],
        "lane": row.key[2],
        "position": row.position,
        "event_key": row.event_key,
        "body": row.body,
        "status": "pending",
        "attempts": 0,
        "created_at": row.created_at,
    }


def _mark_columns(mark: Mark) -> dict[str, Value]:
    return {"origin": mark.origin.value, "event_id": mark.event_id, "replay_id": mark.replay_id}


async def window(tx: Tx, key: LaneKey, *, from_position: int, most: int) -> list[Pending]:
    """The first pending deliveries of a lane, in order."""
    rows = await tx.fetch(
        _window,
        {"account_id": key[0], "owner_id": key[1], "lane": key[2], "from_position": from_position, "most": most},
    )
    return [
        Pending(row[0], row[1], row[2], row[3], row[4], row[5] or 0, row[6], _origin(row[7]), row[8]) for row in rows
    ]


def _origin(stored: str | None) -> Origin | None:
    return None if stored is None else Origin(stored)


async def finish(tx: Tx, rows: Sequence[Finished]) -> None:
    """Write down how deliveries ended."""
    await tx.update_many(
        deliveries,
        [
            {
                "account_id": row.account_id,
                "id": row.id,
                "status": row.status.value,
                "reason": row.reason,
                "attempts": row.attempts,
                "next_attempt_at": None,
                "finished_at": row.at,
            }
            for row in rows
        ],
        keys=("account_id", "id"),
    )


async def postpone(tx: Tx, rows: Sequence[Postponed]) -> None:
    """Write down when deliveries are tried again. One that was cancelled meanwhile stays cancelled."""
    await tx.update_many(
        deliveries,
        [
            {
                "account_id": row.account_id,
                "id": row.id,
                "attempts": row.attempts,
                "next_attempt_at": row.next_attempt_at,
            }
            for row in rows
        ],
        keys=("account_id", "id"),
    )


async def insert_attempts(tx: Tx, rows: Sequence[AttemptRow]) -> None:
    """Store attempts."""
    await tx.insert_many(
        attempts,
        [
            {
                "account_id": row.account_id,
                "delivery_id": row.delivery_id,
                "number": row.number,
                "started_at": row.started_at,
                "connect_ms": row.connect_ms,
                "total_ms": row.total_ms,
                "address": row.address,
                "status": row.status,
                "failure": row.failure,
                "detail": row.detail,
                "response_headers": row.response_headers,
                "response_body": row.response_body,
                "outcome": row.outcome,
            }
            for row in rows
        ],
        ignore_conflicts=True,
    )
