"""SQL behind the pages that show deliveries: newest first, by id, which sorts by time."""

import re
from dataclasses import dataclass, field
from functools import lru_cache

import sqlalchemy as sa

from switchbay.infra.db import Row, Tx
from switchbay.kit.ids import sortable_id, time_of_sortable_id
from switchbay.webhooks.domain import AttemptOutcome, Status
from switchbay.webhooks.health import digest
from switchbay.webhooks.tables import attempts, deliveries, endpoint_states, endpoints, lanes, owners

_ID = re.compile(r"dlv_[0-9a-z]{26}")
_LAST_ID = "dlv_" + 26 * "z"
_UNDELIVERED = frozenset({Status.FAILED, Status.CANCELLED})
_OUTCOMES = frozenset(outcome.value for outcome in AttemptOutcome)
_LOOKED_BACK = 2_000
LATEST_MS = 2**45 - 1


def is_delivery_id(text: str) -> bool:
    """Tell whether a text has the form of a delivery's id."""
    return _ID.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class DeliveryFilter:
    """Which deliveries are wanted; None for any.

    ``outcome`` is that of the last attempt: what it led to, an HTTP status in digits, or the word of a failure.
    ``since`` (inclusive) and ``until`` (exclusive) bound when a delivery was made, in epoch milliseconds.
    """

    owner_id: str | None = None
    lane: str | None = None
    event_key: str | None = None
    status: Status | None = None
    outcome: str | None = None
    since: int | None = None
    until: int | None = None
    replay_id: str | None = None


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
    origin: str | None = None
    event_id: str | None = None
    replay_id: str | None = None


@dataclass(frozen=True, slots=True)
class Holder:
    """What stands or stood before a delivery: the one before it in its conversation, and the installation's gate.

    ``earlier_until`` is when that one was done, None if it is not. ``gate_since`` is None while the gate is open,
    ``disabled_since`` while the installation is enabled, ``paused_until`` while no circuit breaker is open.
    """

    earlier_id: str | None
    earlier_until: int | None
    gate_since: int | None
    disabled_since: int | None = None
    paused_until: int | None = None


@dataclass(frozen=True, slots=True)
class AttemptDetail:
    """One attempt. ``response_headers`` is JSON text, ``request`` what ``request_head`` keeps, None of old attempts.

    Times count from its beginning: until the connection stood, until the first byte of the answer, until all was over.
    """

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


@dataclass(frozen=True, slots=True)
class DeliveryDetail:
    """One delivery with its body and attempts, when its event was published, and what held it."""

    summary: DeliverySummary
    body: bytes = field(repr=False)
    attempts: tuple[AttemptDetail, ...]
    published_at: int
    holder: Holder


CONVERSATION = sa.func.coalesce(deliveries.c.conversation, deliveries.c.lane).label("lane")
_SUMMARY = (
    deliveries.c.id,
    deliveries.c.owner_id,
    CONVERSATION,
    deliveries.c.position,
    deliveries.c.event_key,
    deliveries.c.status,
    deliveries.c.reason,
    deliveries.c.attempts,
    deliveries.c.next_attempt_at,
    deliveries.c.created_at,
    deliveries.c.finished_at,
    deliveries.c.origin,
    deliveries.c.event_id,
    deliveries.c.replay_id,
)
_BODY = len(_SUMMARY)
_one = sa.select(*_SUMMARY, deliveries.c.body).where(
    deliveries.c.account_id == sa.bindparam("account_id"), deliveries.c.id == sa.bindparam("id")
)
_attempts = (
    sa.select(
        attempts.c.number,
        attempts.c.started_at,
        attempts.c.connect_ms,
        attempts.c.first_byte_ms,
        attempts.c.total_ms,
        attempts.c.address,
        attempts.c.status,
        attempts.c.failure,
        attempts.c.detail,
        attempts.c.response_headers,
        attempts.c.response_body,
        attempts.c.outcome,
        attempts.c.request,
    )
    .where(attempts.c.account_id == sa.bindparam("account_id"), attempts.c.delivery_id == sa.bindparam("id"))
    .order_by(attempts.c.number)
)
_span = sa.select(sa.func.min(lanes.c.first_at), sa.func.max(lanes.c.last_at)).where(
    lanes.c.account_id == sa.bindparam("account_id"), lanes.c.lane == sa.bindparam("lane")
)
_span_of_owner = _span.where(lanes.c.owner_id == sa.bindparam("owner_id"))
_first_pending = (
    sa.select(deliveries.c.id)
    .where(
        deliveries.c.account_id == sa.bindparam("account_id"),
        deliveries.c.owner_id == sa.bindparam("owner_id"),
        deliveries.c.lane == sa.bindparam("lane"),
        deliveries.c.position < sa.bindparam("position"),
        # Written out, so that both engines see that the partial index fits.
        sa.literal_column("status") == sa.literal_column("'pending'"),
    )
    .order_by(deliveries.c.position)
    .limit(sa.literal_column("1"))
)
# There is no index by conversation; the one before is among the account's last ones, or it is not said. One that went
# into a lane of its own is in nobody's way.
_before = (
    sa.select(
        deliveries.c.id,
        deliveries.c.owner_id,
        deliveries.c.lane,
        deliveries.c.position,
        deliveries.c.finished_at,
    )
    .where(deliveries.c.account_id == sa.bindparam("account_id"), deliveries.c.id < sa.bindparam("before"))
    .order_by(deliveries.c.id.desc())
    .limit(sa.literal_column(str(_LOOKED_BACK)))
    .subquery()
)
_predecessor = sa.select(_before.c.id, _before.c.finished_at).where(
    _before.c.owner_id == sa.bindparam("owner_id"),
    _before.c.lane == sa.bindparam("lane"),
    _before.c.position == sa.bindparam("position"),
)
_gate = sa.select(owners.c.gate, owners.c.gate_since, owners.c.disabled_at).where(
    owners.c.account_id == sa.bindparam("account_id"), owners.c.owner_id == sa.bindparam("owner_id")
)
_url = sa.select(endpoints.c.url).where(
    endpoints.c.account_id == sa.bindparam("account_id"),
    endpoints.c.owner_id == sa.bindparam("owner_id"),
    endpoints.c.event_key == sa.bindparam("event_key"),
)
_paused = sa.select(endpoint_states.c.paused_until).where(
    endpoint_states.c.account_id == sa.bindparam("account_id"),
    endpoint_states.c.owner_id == sa.bindparam("owner_id"),
    endpoint_states.c.endpoint == sa.bindparam("endpoint"),
    endpoint_states.c.paused_until > sa.bindparam("now"),
)
_last_attempt: "sa.Select[tuple[object]]" = sa.select(sa.literal_column("1")).where(
    attempts.c.account_id == deliveries.c.account_id,
    attempts.c.delivery_id == deliveries.c.id,
    attempts.c.number == deliveries.c.attempts,
)
_BY_LAST_ATTEMPT = {
    "outcome": _last_attempt.where(attempts.c.outcome == sa.bindparam("outcome")),
    "http_status": _last_attempt.where(
        attempts.c.failure.is_(None), attempts.c.status == sa.bindparam("http_status", type_=sa.Integer)
    ),
    "failure": _last_attempt.where(attempts.c.failure == sa.bindparam("failure")),
}


def conditions(names: frozenset[str]) -> list[sa.ColumnElement[bool]]:
    """What holds for an account's deliveries with an id from ``after`` to ``before`` that these filters want."""
    given: list[sa.ColumnElement[bool]] = [
        deliveries.c.account_id == sa.bindparam("account_id"),
        deliveries.c.id < sa.bindparam("before"),
        deliveries.c.id >= sa.bindparam("after"),
    ]
    given += [
        deliveries.c[name] == sa.bindparam(name) for name in ("owner_id", "event_key", "replay_id") if name in names
    ]
    if "lane" in names:
        lane: sa.BindParameter[str] = sa.bindparam("lane")
        given.append(sa.or_(deliveries.c.lane == lane, deliveries.c.conversation == lane))
    return given + [sa.exists(last) for name, last in _BY_LAST_ATTEMPT.items() if name in names]


@lru_cache(maxsize=128)
def _list(names: frozenset[str], status: Status | None) -> "sa.Select[tuple[object, ...]]":
    statement = sa.select(*_SUMMARY).where(*conditions(names))
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
        "after": "" if wanted.since is None else first_id_at(wanted.since),
        "most": most,
    }
    if wanted.until is not None:
        params["before"] = min(str(params["before"]), first_id_at(wanted.until))
    given = filter_params(wanted)
    params.update(given)
    if wanted.lane is not None:
        # No index by lane: what a lane's ids lie between is known, and a conversation is short.
        by_owner = wanted.owner_id is not None
        span = await tx.fetch_one(_span_of_owner if by_owner else _span, params)
        if span is None or span[0] is None:
            return []
        params["after"] = max(str(params["after"]), first_id_at(span[0]))
        params["before"] = min(str(params["before"]), first_id_at(span[1] + 1))
    rows = await tx.fetch(_list(frozenset(given), wanted.status), params)
    return [_summary(row) for row in rows]


def first_id_at(at_ms: int) -> str:
    """The lowest id that a delivery made at this time may have."""
    return sortable_id("dlv", max(0, min(at_ms, LATEST_MS)), bytes(10))


def filter_params(wanted: DeliveryFilter) -> dict[str, str | int]:
    """The filters that are given, by the names of their parameters; status and times aside."""
    given: dict[str, str | int | None] = {
        "owner_id": wanted.owner_id,
        "lane": wanted.lane,
        "event_key": wanted.event_key,
        "replay_id": wanted.replay_id,
        **_outcome_params(wanted.outcome),
    }
    return {name: value for name, value in given.items() if value is not None}


def _outcome_params(outcome: str | None) -> dict[str, str | int]:
    if outcome is None:
        return {}
    if outcome.isascii() and outcome.isdigit():
        return {"http_status": int(outcome[:4])}
    return {"outcome" if outcome in _OUTCOMES else "failure": outcome}


async def get(tx: Tx, account_id: str, delivery_id: str, now: int) -> DeliveryDetail | None:
    """One delivery with its body and attempts, and what held it or holds it at ``now``."""
    key = {"account_id": account_id, "id": delivery_id}
    row = await tx.fetch_one(_one, key)
    if row is None:
        return None
    made = await tx.fetch(_attempts, key)
    summary = _summary(row)
    return DeliveryDetail(
        summary,
        row[_BODY],
        tuple(AttemptDetail(*(each[n] for n in range(13))) for each in made),
        time_of_sortable_id(summary.event_id or summary.id),
        await _holder(tx, account_id, summary, now),
    )


async def _holder(tx: Tx, account_id: str, delivery: DeliverySummary, now: int) -> Holder:
    place = {"account_id": account_id, "owner_id": delivery.owner_id, "lane": delivery.lane}
    if delivery.status != Status.PENDING:
        earlier = await tx.fetch_one(_predecessor, {**place, "before": delivery.id, "position": delivery.position - 1})
        return Holder(None, None, None) if earlier is None else Holder(earlier[0], earlier[1], None)
    head = await tx.fetch_one(_first_pending, {**place, "position": delivery.position})
    gate = await tx.fetch_one(_gate, {"account_id": account_id, "owner_id": delivery.owner_id})
    earlier_id = None if head is None else head[0]
    if gate is None:
        return Holder(earlier_id, None, None)
    paused_until = await _paused_until(tx, account_id, delivery, now)
    return Holder(earlier_id, None, gate[1] if gate[0] != "up" else None, gate[2], paused_until)


async def _paused_until(tx: Tx, account_id: str, delivery: DeliverySummary, now: int) -> int | None:
    key = {"account_id": account_id, "owner_id": delivery.owner_id}
    url = await tx.fetch_one(_url, {**key, "event_key": delivery.event_key})
    if url is None:
        return None
    row = await tx.fetch_one(_paused, {**key, "endpoint": digest(url[0]), "now": now})
    return None if row is None else int(row[0])


def _summary(row: Row) -> DeliverySummary:
    return DeliverySummary(*(row[place] for place in range(len(_SUMMARY))))
