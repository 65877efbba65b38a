"""SQL of deliveries and attempts, as the dispatcher needs it."""

from collections.abc import Sequence
from dataclasses import dataclass

from switchbay.infra.db import Tx
from switchbay.infra.db.door import Value
from switchbay.kit.record import Record
from switchbay.webhooks.domain import Mark, Status
from switchbay.webhooks.store.lanes import LaneKey
from switchbay.webhooks.tables import attempts, deliveries


class NewDelivery(Record, frozen=True):
    """A delivery to be made."""

    id: str
    key: LaneKey
    position: int
    event_key: str
    body: bytes
    created_at: int
    mark: Mark | None = None


class Finished(Record, frozen=True):
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
class SetApart:
    """A delivery that is tried again by itself: it goes from ``conversation`` into ``lane``, one of its own."""

    account_id: str
    id: str
    attempts: int
    next_attempt_at: int
    lane: str
    conversation: str


class AttemptRow(Record, frozen=True):
    """One attempt, as stored."""

    account_id: str
    delivery_id: str
    number: int
    started_at: int
    connect_ms: int | None
    first_byte_ms: int | None
    total_ms: int
    address: str | None
    status: int | None
    failure: str | None
    detail: str | None
    response_headers: str
    response_body: bytes
    outcome: str
    request: str | None = None


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


async def set_apart(tx: Tx, rows: Sequence[SetApart]) -> None:
    """Write down when deliveries are tried again, and take them out of their conversations' lanes."""
    await tx.update_many(
        deliveries,
        [
            {
                "account_id": row.account_id,
                "id": row.id,
                "attempts": row.attempts,
                "next_attempt_at": row.next_attempt_at,
                "lane": row.lane,
                "conversation": row.conversation,
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
                "first_byte_ms": row.first_byte_ms,
                "total_ms": row.total_ms,
                "address": row.address,
                "status": row.status,
                "failure": row.failure,
                "detail": row.detail,
                "response_headers": row.response_headers,
                "response_body": row.response_body,
                "outcome": row.outcome,
                "request": row.request,
            }
            for row in rows
        ],
        ignore_conflicts=True,
    )
