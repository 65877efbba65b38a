"""SQL of owners and their endpoints."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from switchbay.infra.db import Row, Tx
from switchbay.infra.db.lists import any_of, places
from switchbay.webhooks.domain import Reason, Status
from switchbay.webhooks.tables import client_certificates, deliveries, endpoints, owners

_KEY = ("account_id", "owner_id")

_insert_owner = insert(owners).values(
    {column.name: sa.bindparam(column.name) for column in owners.columns if column.name != "rate_limit"}
)
_is_up = owners.c.gate == sa.literal_column("'up'")
_is_on = _insert_owner.excluded.enabled.is_(sa.true())
_was_on = owners.c.enabled.is_(sa.true())
# There is no retention any more, or the app is switched on again: what is held goes.
_opens = sa.or_(
    sa.and_(
        owners.c.gate == sa.literal_column("'failed'"), _insert_owner.excluded.retention_time == sa.literal_column("0")
    ),
    sa.and_(_is_up, _is_on, owners.c.enabled.is_(sa.false())),
)
_put_owner = _insert_owner.on_conflict_do_update(
    index_elements=_KEY,
    set_={
        name: _insert_owner.excluded[name]
        for name in (
            "client_id",
            "enabled",
            "retention_time",
            "signing_secret",
            "other_secret",
            "updated_at",
            "hears_all",
            "ordering",
        )
    }
    | {
        # The app has changed: what is held is looked at at once.
        "gate": sa.case((_opens, sa.literal_column("'in_transition'")), else_=owners.c.gate),
        "gate_since": sa.case((_opens, _insert_owner.excluded.gate_since), else_=owners.c.gate_since),
        "gate_at": sa.case((sa.and_(_is_up, _is_on, _was_on), sa.null()), else_=_insert_owner.excluded.updated_at),
        "gate_next": sa.case((_is_up, sa.null()), else_=_insert_owner.excluded.updated_at),
        "disabled_at": sa.case(
            (_is_on, sa.null()), else_=sa.func.coalesce(owners.c.disabled_at, _insert_owner.excluded.disabled_at)
        ),
    },
)
_delete_owner = sa.delete(owners).where(
    owners.c.account_id == sa.bindparam("account_id"), owners.c.owner_id == sa.bindparam("owner_id")
)
_delete_endpoints = sa.delete(endpoints).where(
    endpoints.c.account_id == sa.bindparam("account_id"), endpoints.c.owner_id == sa.bindparam("owner_id")
)
_delete_certificates = sa.delete(client_certificates).where(
    client_certificates.c.account_id == sa.bindparam("account_id"),
    client_certificates.c.owner_id == sa.bindparam("owner_id"),
)
_cancel_pending = (
    sa.update(deliveries)
    .where(
        deliveries.c.account_id == sa.bindparam("account"),
        deliveries.c.owner_id == sa.bindparam("owner"),
        sa.literal_column("status") == sa.literal_column("'pending'"),
    )
    .values(
        status=sa.bindparam("new_status"),
        reason=sa.bindparam("new_reason"),
        finished_at=sa.bindparam("now"),
        next_attempt_at=sa.null(),
    )
)
_disable_endpoint = (
    sa.update(endpoints)
    .where(
        endpoints.c.account_id == sa.bindparam("account"),
        endpoints.c.owner_id == sa.bindparam("owner"),
        endpoints.c.event_key == sa.bindparam("key"),
        endpoints.c.url == sa.bindparam("called"),
        endpoints.c.disabled_at.is_(None),
        sa.exists().where(
            owners.c.account_id == endpoints.c.account_id,
            owners.c.owner_id == endpoints.c.owner_id,
            owners.c.updated_at <= sa.bindparam("started_at"),
        ),
    )
    .values(disabled_at=sa.bindparam("now"))
)
_select_owner = sa.select(owners).where(
    owners.c.account_id == sa.bindparam("account_id"), owners.c.owner_id == sa.bindparam("owner_id")
)
_own, _general = client_certificates.alias("own"), client_certificates.alias("general")
_select_endpoints = (
    sa.select(endpoints, sa.func.coalesce(_own.c.certificate_id, _general.c.certificate_id).label("certificate_id"))
    .select_from(
        endpoints.outerjoin(
            _own,
            sa.and_(
                _own.c.account_id == endpoints.c.account_id,
                _own.c.owner_id == endpoints.c.owner_id,
                _own.c.event_key == endpoints.c.event_key,
            ),
        ).outerjoin(
            _general,
            sa.and_(
                _general.c.account_id == endpoints.c.account_id,
                _general.c.owner_id == endpoints.c.owner_id,
                _general.c.event_key == sa.literal_column("'default'"),
            ),
        )
    )
    .where(endpoints.c.account_id == sa.bindparam("account_id"), endpoints.c.owner_id == sa.bindparam("owner_id"))
)


@lru_cache(maxsize=16)
def _subscriptions(count: int) -> sa.Select[tuple[str, str]]:
    return (
        sa.select(endpoints.c.owner_id, endpoints.c.event_key)
        .select_from(
            endpoints.join(
                owners,
                sa.and_(endpoints.c.account_id == owners.c.account_id, endpoints.c.owner_id == owners.c.owner_id),
            )
        )
        .where(
            endpoints.c.account_id == sa.bindparam("account_id"),
            endpoints.c.owner_id.in_(any_of("owner_", count)),
            owners.c.enabled.is_(sa.true()),
            endpoints.c.disabled_at.is_(None),
        )
    )


# Those that hear the whole account beside it: a look into an index, where nearly every account has none.
_hearing = sa.select(owners.c.owner_id).where(
    owners.c.account_id == sa.bindparam("account_id"),
    owners.c.hears_all.is_(sa.true()),
)


@lru_cache(maxsize=16)
def _audience(count: int) -> sa.CompoundSelect[Any]:
    return sa.union_all(
        _subscriptions(count).add_columns(sa.literal_column("0")),
        sa.select(endpoints.c.owner_id, endpoints.c.event_key, sa.literal_column("1")).where(
            endpoints.c.account_id == sa.bindparam("account_id"),
            endpoints.c.owner_id.in_(_hearing),
            endpoints.c.disabled_at.is_(None),
        ),
    )


@dataclass(frozen=True, slots=True)
class EndpointRow:
    """An endpoint with its headers sealed."""

    event_key: str
    url: str
    headers: bytes
    max_retries: int
    is_exempt: bool = False
    disabled_at: int | None = None
    certificate_id: str | None = None
    disabled_reason: str | None = None


@dataclass(frozen=True, slots=True)
class OwnerRow:
    """An owner with its secrets sealed."""

    account_id: str
    owner_id: str
    client_id: str
    enabled: bool
    retention_time: int
    signing_secret: bytes
    other_secret: bytes | None
    endpoints: tuple[EndpointRow, ...]
    gate: str = "up"
    gate_since: int = 0
    gate_next: int | None = None
    rate_limit: int | None = None
    hears_all: bool = False
    ordering: str = "strict"


async def put_owner(tx: Tx, row: OwnerRow, now: int) -> None:
    """Store an owner and replace its endpoints, none of them disabled.

    A closed gate stays closed and tries at once. What was held while the owner was disabled goes when it is enabled.
    """
    await tx.execute(
        _put_owner,
        {
            "account_id": row.account_id,
            "owner_id": row.owner_id,
            "client_id": row.client_id,
            "enabled": row.enabled,
            "retention_time": row.retention_time,
            "signing_secret": row.signing_secret,
            "other_secret": row.other_secret,
            "gate": "up",
            "gate_since": now,
            "updated_at": now,
            "gate_at": None,
            "gate_next": None,
            "gate_failures": 0,
            "gate_lane": None,
            "disabled_at": None if row.enabled else now,
            "ordering": row.ordering,
            "hears_all": row.hears_all and row.enabled,
        },
    )
    await tx.execute(_delete_endpoints, {"account_id": row.account_id, "owner_id": row.owner_id})
    await tx.insert_many(
        endpoints,
        [
            {
                "account_id": row.account_id,
                "owner_id": row.owner_id,
                "event_key": endpoint.event_key,
                "url": endpoint.url,
                "headers": endpoint.headers,
                "max_retries": endpoint.max_retries,
                "is_exempt": endpoint.is_exempt,
                "disabled_at": None,
            }
            for endpoint in row.endpoints
        ],
    )


async def delete_owner(tx: Tx, account_id: str, owner_id: str) -> None:
    """Forget an owner, its endpoints and their certificates."""
    await tx.execute(_delete_owner, {"account_id": account_id, "owner_id": owner_id})
    await tx.execute(_delete_endpoints, {"account_id": account_id, "owner_id": owner_id})
    await tx.execute(_delete_certificates, {"account_id": account_id, "owner_id": owner_id})


async def cancel_pending(tx: Tx, account_id: str, owner_id: str, reason: Reason, now: int) -> int:
    """Cancel everything that is pending for an owner; return how many deliveries that were."""
    return await tx.execute(
        _cancel_pending,
        {
            "account": account_id,
            "owner": owner_id,
            "new_status": Status.CANCELLED.value,
            "new_reason": reason.value,
            "now": now,
        },
    )


async def disable_endpoint(
    tx: Tx, account_id: str, owner_id: str, event_key: str, url: str, *, started_at: int, now: int
) -> bool:
    """Call an endpoint no more that said it is gone, unless the app has changed since the call began.

    Tells whether it was called until now.
    """
    key = {"account": account_id, "owner": owner_id, "key": event_key, "called": url}
    return await tx.execute(_disable_endpoint, {**key, "started_at": started_at, "now": now}) > 0


async def find_owner(tx: Tx, account_id: str, owner_id: str) -> OwnerRow | None:
    """One owner with its endpoints."""
    key = {"account_id": account_id, "owner_id": owner_id}
    row = await tx.fetch_one(_select_owner, key)
    if row is None:
        return None
    found: Sequence[Row] = await tx.fetch(_select_endpoints, key)
    return OwnerRow(
        account_id,
        owner_id,
        row["client_id"],
        bool(row["enabled"]),
        row["retention_time"],
        row["signing_secret"],
        row["other_secret"],
        tuple(
            EndpointRow(
                each["event_key"],
                each["url"],
                each["headers"],
                each["max_retries"],
                bool(each["is_exempt"]),
                each["disabled_at"],
                each["certificate_id"],
                each["disabled_reason"],
            )
            for each in found
        ),
        row["gate"],
        row["gate_since"],
        row["gate_next"],
        row["rate_limit"],
        bool(row["hears_all"]),
        row["ordering"],
    )


async def subscriptions(tx: Tx, account_id: str, owner_ids: Sequence[str]) -> set[tuple[str, str]]:
    """The pairs of owner and event key that are to be told, of enabled owners."""
    if not owner_ids:
        return set()
    count, params = places("owner_", owner_ids)
    rows = await tx.fetch(_subscriptions(count), {"account_id": account_id, **params})
    return {(row[0], row[1]) for row in rows}


@dataclass(frozen=True, slots=True)
class Audience:
    """Who is told: the pairs of owner and event key, and by event key the owners that hear all conversations."""

    pairs: set[tuple[str, str]]
    hearing: dict[str, list[str]]


async def audience(tx: Tx, account_id: str, owner_ids: Sequence[str]) -> Audience:
    """Whom events of these owners' conversations are told to, as it is in this transaction, never as it was before."""
    found = Audience(set(), {})
    count, params = places("owner_", owner_ids)
    for row in await tx.fetch(_audience(count), {"account_id": account_id, **params}):
        if row[2]:
            found.hearing.setdefault(row[1], []).append(row[0])
        else:
            found.pairs.add((row[0], row[1]))
    return found
