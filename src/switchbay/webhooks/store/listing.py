"""SQL behind the pages that show deliveries: newest first, by id, which sorts by time."""

import re
from dataclasses import dataclass, field
from functools import lru_cache

import sqlalchemy as sa

from switchbay.infra.db import Row, Tx
from switchbay.kit.ids import sortable_id
from switchbay.webhooks.domain import Status
from switchbay.webhooks.tables import attempts, deliveries, lanes

_ID = re.compile(r"dlv_[0-9a-z]{26}")
_LAST_ID = "dlv_" + 26 * "z"
_UNDELIVERED = frozenset({Status.FAILED, Status.CANCELLED})


def is_delivery_id(text: str) -> bool:
    """Tell whether a text has the form of a delivery's id."""
    return _ID.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class DeliveryFilter:
    """Which deliveries are wanted; None for any."""

    owner_id: str | None = None
    lane: str | None = None
    event_key: str | None = None
    status: Status | None = None


@dataclass(frozen=True, slots=True)
class DeliverySummary:
    """One delivery in a list. Times are epoch milliseconds."""

    id: str
    owner_id: str
    lane: str
    position: int
    event_key: str
    status: str
    reason: str | None
    attempts: int
    next_attempt_at: int | None
    created_at: int
    finished_at: int | None


@dataclass(frozen=True, slots=True)
class AttemptDetail:
    """One attempt. ``response_headers`` is JSON text."""

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


@dataclass(frozen=True, slots=True)
class DeliveryDetail:
    """One delivery with its body and attempts."""

    summary: DeliverySummary
    body: bytes = field(repr=False)
    attempts: tuple[AttemptDetail, ...]


_SUMMARY = (
    deliveries.c.id,
    deliveries.c.owner_id,
    deliveries.c.lane,
    deliveries.c.position,
    deliveries.c.event_key,
    deliveries.c.status,
    deliveries.c.reason,
    deliveries.c.attempts,
    deliveries.c.next_attempt_at,
    deliveries.c.created_at,
    deliveries.c.finished_at,
)
_one = sa.select(*_SUMMARY, deliveries.c.body).where(
    deliveries.c.account_id == sa.bindparam("account_id"), deliveries.c.id == sa.bindparam("id")
)
_attempts = (
    sa.select(
        attempts.c.number,
        attempts.c.started_at,
        attempts.c.connect_ms,
        attempts.c.total_ms,
        attempts.c.address,
        attempts.c.status,
        attempts.c.failure,
        attempts.c.detail,
        attempts.c.response_headers,
        attempts.c.response_body,
        attempts.c.outcome,
    )
    .where(attempts.c.account_id == sa.bindparam("account_id"), attempts.c.delivery_id == sa.bindparam("id"))
    .order_by(attempts.c.number)
)
_span = sa.select(sa.func.min(lanes.c.first_at), sa.func.max(lanes.c.last_at)).where(
    lanes.c.account_id == sa.bindparam("account_id"), lanes.c.lane == sa.bindparam("lane")
)
_span_of_owner = _span.where(lanes.c.owner_id == sa.bindparam("owner_id"))


@lru_cache(maxsize=32)
def _list(names: frozenset[str], status: Status | None) -> "sa.Select[tuple[object, ...]]":
    statement = sa.select(*_SUMMARY).where(
        deliveries.c.account_id == sa.bindparam("account_id"),
        deliveries.c.id < sa.bindparam("before"),
        deliveries.c.id >= sa.bindparam("after"),
    )
    for name in ("owner_id", "lane", "event_key"):
        if name in names:
            statement = statement.where(deliveries.c[name] == sa.bindparam(name))
    if status is not None:
        # Written out, so that both engines see whether a partial index fits.
        statement = statement.where(deliveries.c.status == sa.literal_column(f"'{status.value}'"))
    if status in _UNDELIVERED:
        statement = statement.where(sa.text("status IN ('failed', 'cancelled')"))
    return statement.order_by(deliveries.c.id.desc()).limit(sa.bindparam("most"))


async def find(
    tx: Tx, account_id: str, wanted: DeliveryFilter, *, before: str | None, most: int
) -> list[DeliverySummary]:
    """Deliveries with an id below ``before``, newest first."""
    params: dict[str, str | int] = {
        "account_id": account_id,
        "before": before or _LAST_ID,
        "after": "",
        "most": most,
    }
    given = {"owner_id": wanted.owner_id, "lane": wanted.lane, "event_key": wanted.event_key}
    params.update({name: value for name, value in given.items() if value is not None})
    if wanted.lane is not None:
        # No index by lane: what a lane's ids lie between is known, and a conversation is short.
        by_owner = wanted.owner_id is not None
        span = await tx.fetch_one(_span_of_owner if by_owner else _span, params)
        if span is None or span[0] is None:
            return []
        params["after"] = sortable_id("dlv", span[0], bytes(10))
        params["before"] = min(str(params["before"]), sortable_id("dlv", span[1] + 1, bytes(10)))
    names = frozenset(name for name, value in given.items() if value is not None)
    rows = await tx.fetch(_list(names, wanted.status), params)
    return [_summary(row) for row in rows]


async def get(tx: Tx, account_id: str, delivery_id: str) -> DeliveryDetail | None:
    """One delivery with its body and attempts."""
    key = {"account_id": account_id, "id": delivery_id}
    row = await tx.fetch_one(_one, key)
    if row is None:
        return None
    made = await tx.fetch(_attempts, key)
    return DeliveryDetail(_summary(row), row[11], tuple(AttemptDetail(*(each[n] for n in range(11))) for each in made))


def _summary(row: Row) -> DeliverySummary:
    return DeliverySummary(*(row[place] for place in range(11)))
