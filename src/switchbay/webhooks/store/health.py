"""SQL of the health of endpoints: counts by minute and node, and what is known of those that were not always well."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from switchbay.infra.db import Row, Tx
from switchbay.infra.db.door import Value
from switchbay.webhooks.health import Condition, Counts, EndpointState
from switchbay.webhooks.tables import endpoint_states, endpoints, health, owners

EndpointKey = tuple[str, str, str]
"""Account, owner, digest of the address."""

_latencies = msgspec.json.Decoder(tuple[int, ...])
_FEW = 200
_DAY_MS = 86_400_000

_this = (
    health.c.account_id == sa.bindparam("account_id"),
    health.c.owner_id == sa.bindparam("owner_id"),
)
_of_owner = (
    sa.select(
        health.c.endpoint,
        health.c.minute,
        health.c.requests,
        health.c.failures,
        health.c.answers,
        health.c.answers_ms,
        health.c.latencies,
    )
    .where(*_this, health.c.minute >= sa.bindparam("since"))
    .order_by(health.c.minute)
)
_of_minutes = (
    sa.select(
        health.c.minute,
        sa.func.sum(health.c.requests),
        sa.func.sum(health.c.failures),
        sa.func.sum(health.c.answers),
        sa.func.sum(health.c.answers_ms),
    )
    .where(
        *_this,
        health.c.endpoint == sa.bindparam("endpoint"),
        health.c.minute >= sa.bindparam("since"),
        health.c.minute < sa.bindparam("until"),
    )
    .group_by(health.c.minute)
    .order_by(health.c.minute)
)
_delete_before = sa.delete(health).where(health.c.minute < sa.bindparam("before"))
_states = sa.select(endpoint_states)
_states_of_owner = _states.where(
    endpoint_states.c.account_id == sa.bindparam("account_id"), endpoint_states.c.owner_id == sa.bindparam("owner_id")
)
_states_of_these = (
    _states.where(
        endpoint_states.c.account_id.in_(sa.bindparam("accounts", expanding=True)),
        endpoint_states.c.endpoint.in_(sa.bindparam("endpoints", expanding=True)),
    )
    .order_by(endpoint_states.c.account_id, endpoint_states.c.owner_id, endpoint_states.c.endpoint)
    .with_for_update()
)
_forget_well = sa.delete(endpoint_states).where(
    endpoint_states.c.state == EndpointState.HEALTHY.value,
    endpoint_states.c.since < sa.bindparam("day_ago"),
    sa.func.coalesce(endpoint_states.c.failed_at, sa.literal_column("0")) < sa.bindparam("day_ago"),
)
_forget_uncalled = sa.delete(endpoint_states).where(
    endpoint_states.c.since < sa.bindparam("week_ago"),
    sa.func.coalesce(endpoint_states.c.failed_at, sa.literal_column("0")) < sa.bindparam("week_ago"),
    sa.func.coalesce(endpoint_states.c.succeeded_at, sa.literal_column("0")) < sa.bindparam("week_ago"),
)
_forget_owner = sa.delete(endpoint_states).where(
    endpoint_states.c.account_id == sa.bindparam("account_id"), endpoint_states.c.owner_id == sa.bindparam("owner_id")
)
_begin = insert(endpoint_states).values({column.name: sa.bindparam(column.name) for column in endpoint_states.columns})
_put = _begin.on_conflict_do_update(
    index_elements=("account_id", "owner_id", "endpoint"),
    set_={
        name: _begin.excluded[name]
        for name in ("state", "since", "failures", "succeeded_at", "failed_at", "failure", "paused_until")
    },
)
_disable_address = (
    sa.update(endpoints)
    .where(
        endpoints.c.account_id == sa.bindparam("account"),
        endpoints.c.owner_id == sa.bindparam("owner"),
        endpoints.c.url == sa.bindparam("called"),
        endpoints.c.disabled_at.is_(None),
        sa.exists().where(
            owners.c.account_id == endpoints.c.account_id,
            owners.c.owner_id == endpoints.c.owner_id,
            owners.c.updated_at <= sa.bindparam("measured_from"),
        ),
    )
    .values(disabled_at=sa.bindparam("now"), disabled_reason=sa.bindparam("why"))
)
_enable = (
    sa.update(endpoints)
    .where(
        endpoints.c.account_id == sa.bindparam("account"),
        endpoints.c.owner_id == sa.bindparam("owner"),
        endpoints.c.disabled_at.is_not(None),
    )
    .values(disabled_at=sa.null(), disabled_reason=sa.null())
)
_touch_owner = (
    sa.update(owners)
    .where(owners.c.account_id == sa.bindparam("account"), owners.c.owner_id == sa.bindparam("owner"))
    .values(updated_at=sa.bindparam("now"))
)
_limit = (
    sa.update(owners)
    .where(owners.c.account_id == sa.bindparam("account"), owners.c.owner_id == sa.bindparam("owner"))
    .values(rate_limit=sa.bindparam("most"))
)


@dataclass(frozen=True, slots=True)
class MinuteRow:
    """What one node counted of an endpoint in a minute, so far."""

    key: EndpointKey
    minute: int
    node: str
    counts: Counts


async def put_minutes(tx: Tx, rows: Sequence[MinuteRow]) -> None:
    """Store counts; those of a minute that is stored already are replaced."""
    values: list[Mapping[str, Value]] = [
        {
            "account_id": row.key[0],
            "owner_id": row.key[1],
            "endpoint": row.key[2],
            "minute": row.minute,
            "node": row.node,
            "requests": row.counts.requests,
            "failures": row.counts.failures,
            "answers": row.counts.answers,
            "answers_ms": row.counts.answers_ms,
            "latencies": msgspec.json.encode(row.counts.latencies).decode(),
        }
        for row in rows
    ]
    if await tx.insert_many(health, values, ignore_conflicts=True) < len(values):
        await tx.update_many(health, values, keys=("account_id", "owner_id", "endpoint", "minute", "node"))


async def minutes_of_owner(tx: Tx, account_id: str, owner_id: str, since: int) -> list[tuple[str, int, Counts]]:
    """What all nodes counted of an owner's endpoints from a minute on: digest, minute, counts."""
    rows = await tx.fetch(_of_owner, {"account_id": account_id, "owner_id": owner_id, "since": since})
    return [(row[0], row[1], Counts(row[2], row[3], row[4], row[5], _latencies.decode(row[6]))) for row in rows]


async def minutes_of(tx: Tx, key: EndpointKey, since: int, until: int) -> list[Counts]:
    """What all nodes counted of an endpoint in these minutes, without the steps; minutes without calls are left out."""
    params: dict[str, Value] = {
        "account_id": key[0],
        "owner_id": key[1],
        "endpoint": key[2],
        "since": since,
        "until": until,
    }
    return [Counts(int(row[1]), int(row[2]), int(row[3]), int(row[4])) for row in await tx.fetch(_of_minutes, params)]


async def forget_old(tx: Tx, now: int, minute: int) -> None:
    """Forget the minutes before one, and what is known of endpoints that are well or are called no more."""
    await tx.execute(_delete_before, {"before": minute})
    await tx.execute(_forget_well, {"day_ago": now - _DAY_MS})
    await tx.execute(_forget_uncalled, {"week_ago": now - 7 * _DAY_MS})


async def begin_conditions(tx: Tx, keys: Sequence[EndpointKey]) -> None:
    """Have rows of endpoints with which something is wrong, so that they can be locked."""
    fresh = Condition()
    await tx.insert_many(
        endpoint_states,
        [
            {
                "account_id": key[0],
                "owner_id": key[1],
                "endpoint": key[2],
                "state": fresh.state.value,
                "since": fresh.since,
                "failures": 0,
            }
            for key in sorted(keys)
        ],
        ignore_conflicts=True,
    )


async def lock_conditions(tx: Tx, keys: Sequence[EndpointKey]) -> dict[EndpointKey, Condition]:
    """What is known of endpoints, their rows locked; those that always were well have none."""
    found: dict[EndpointKey, Condition] = {}
    wanted = set(keys)
    ordered = sorted(wanted)
    for start in range(0, len(ordered), _FEW):
        some = ordered[start : start + _FEW]
        params = {"accounts": sorted({key[0] for key in some}), "endpoints": sorted({key[2] for key in some})}
        for row in await tx.fetch(_states_of_these, params):
            key = (row["account_id"], row["owner_id"], row["endpoint"])
            if key in wanted:
                found[key] = _condition(row)
    return found


async def conditions_of(tx: Tx, account_id: str, owner_id: str) -> dict[str, Condition]:
    """What is known of an owner's endpoints, by digest."""
    rows = await tx.fetch(_states_of_owner, {"account_id": account_id, "owner_id": owner_id})
    return {row["endpoint"]: _condition(row) for row in rows}


def _condition(row: Row) -> Condition:
    return Condition(
        EndpointState(row["state"]),
        row["since"],
        row["failures"],
        row["succeeded_at"],
        row["failed_at"],
        row["failure"],
        row["paused_until"],
    )


async def put_condition(tx: Tx, key: EndpointKey, condition: Condition) -> None:
    """Store what is known of an endpoint."""
    await tx.execute(
        _put,
        {
            "account_id": key[0],
            "owner_id": key[1],
            "endpoint": key[2],
            "state": condition.state.value,
            "since": condition.since,
            "failures": condition.failures,
            "succeeded_at": condition.succeeded_at,
            "failed_at": condition.failed_at,
            "failure": condition.failure,
            "paused_until": condition.paused_until,
        },
    )


async def forget_conditions(tx: Tx, account_id: str, owner_id: str) -> None:
    """Begin anew with an owner's endpoints."""
    await tx.execute(_forget_owner, {"account_id": account_id, "owner_id": owner_id})


async def disable_address(
    tx: Tx, account_id: str, owner_id: str, url: str, *, why: str, measured_from: int, now: int
) -> bool:
    """Call an address no more, unless the app has changed since ``measured_from``; tell whether it was called."""
    key = {"account": account_id, "owner": owner_id, "called": url}
    return await tx.execute(_disable_address, {**key, "why": why, "measured_from": measured_from, "now": now}) > 0


async def enable_all(tx: Tx, account_id: str, owner_id: str, now: int) -> int:
    """Call an owner's disabled endpoints again, as if nothing were known of them; return how many that were."""
    await forget_conditions(tx, account_id, owner_id)
    await tx.execute(_touch_owner, {"account": account_id, "owner": owner_id, "now": now})
    return await tx.execute(_enable, {"account": account_id, "owner": owner_id})


async def set_rate_limit(tx: Tx, account_id: str, owner_id: str, most: int | None) -> bool:
    """Limit the requests a second to each endpoint of an owner; tell whether there is such an owner."""
    return await tx.execute(_limit, {"account": account_id, "owner": owner_id, "most": most}) > 0
