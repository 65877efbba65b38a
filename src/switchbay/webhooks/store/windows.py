"""Reading on in lanes: for many at once the first pending deliveries of each, as each engine does it fastest."""

from collections.abc import Sequence
from functools import lru_cache
from sys import intern

import sqlalchemy as sa

from switchbay.infra.db import Row, Tx
from switchbay.infra.db.bulk import runs
from switchbay.webhooks.domain import Origin, Pending
from switchbay.webhooks.store.lane_upserts import MOST_ROWS
from switchbay.webhooks.store.lanes import LaneKey
from switchbay.webhooks.store.listing import first_id_at
from switchbay.webhooks.tables import deliveries, lanes


@lru_cache(maxsize=16)
def _windows(count: int) -> "sa.CompoundSelect[tuple[object, ...]] | sa.Select[tuple[object, ...]]":
    """The windows of so many lanes in one statement: each a row at least, with the lane's next position."""
    parts = []
    for place in range(count):
        of_lane = sa.and_(
            deliveries.c.account_id == lanes.c.account_id,
            deliveries.c.owner_id == lanes.c.owner_id,
            deliveries.c.lane == lanes.c.lane,
            deliveries.c.position >= sa.bindparam(f"from_{place}"),
            # Written out, so that both engines see that the partial index fits.
            sa.literal_column("status") == sa.literal_column("'pending'"),
        )
        one = (
            sa.select(
                sa.literal_column(str(place)).label("place"),
                lanes.c.next_position,
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
            .select_from(lanes.outerjoin(deliveries, of_lane))
            .where(
                lanes.c.account_id == sa.bindparam(f"account_{place}"),
                lanes.c.owner_id == sa.bindparam(f"owner_{place}"),
                lanes.c.lane == sa.bindparam(f"lane_{place}"),
            )
            .order_by(deliveries.c.position)
            .limit(sa.bindparam("most"))
        ).subquery(f"window_{place}")
        parts.append(sa.select(one))
    return parts[0] if count == 1 else sa.union_all(*parts)


async def windows(tx: Tx, wanted: Sequence[tuple[LaneKey, int]], *, most: int) -> list[tuple[list[Pending], int]]:
    """For each lane its first pending deliveries from a position on, in order, and the position its next one will get.

    A lane that is unknown has none, and the position 0.
    """
    if tx.engine == "postgresql":
        return await _windows_of_parts(tx, wanted, most=most)
    found: list[tuple[list[Pending], int]] = []
    for start, size in runs(len(wanted), MOST_ROWS):
        params: dict[str, str | int] = {"most": most}
        for place, (key, from_position) in enumerate(wanted[start : start + size]):
            params[f"account_{place}"], params[f"owner_{place}"], params[f"lane_{place}"] = key
            params[f"from_{place}"] = from_position
        of_run: list[list[Pending]] = [[] for _ in range(size)]
        positions = [0] * size
        for row in await tx.fetch(_windows(size), params):
            positions[row[0]] = row[1]
            if row[2] is not None:
                of_run[row[0]].append(_pending(row, 2))
        found.extend((sorted(each, key=_position), positions[place]) for place, each in enumerate(of_run))
    return found


# PostgreSQL: the lanes as arrays. Nothing in a lane is older than its first event, so that only the parts of the log
# from the oldest of them on are looked into; a week more, as events are kept pending for days and clocks differ.
_FLOOR_MS = 7 * 86_400_000
_given = (
    sa.func.unnest(
        sa.bindparam("accounts", type_=sa.ARRAY(sa.Text)),
        sa.bindparam("owners", type_=sa.ARRAY(sa.Text)),
        sa.bindparam("lanes", type_=sa.ARRAY(sa.Text)),
        sa.bindparam("positions", type_=sa.ARRAY(sa.BigInteger)),
    )
    .table_valued(
        sa.column("account_id", sa.Text),
        sa.column("owner_id", sa.Text),
        sa.column("lane", sa.Text),
        sa.column("position", sa.BigInteger),
        with_ordinality="place",
        name="given",
    )
    .render_derived()
)
_lanes_given = sa.select(_given.c.place, lanes.c.next_position, lanes.c.first_at).select_from(
    _given.join(
        lanes,
        sa.and_(
            lanes.c.account_id == _given.c.account_id,
            lanes.c.owner_id == _given.c.owner_id,
            lanes.c.lane == _given.c.lane,
        ),
    )
)
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
        deliveries.c.account_id == _given.c.account_id,
        deliveries.c.owner_id == _given.c.owner_id,
        deliveries.c.lane == _given.c.lane,
        deliveries.c.position >= _given.c.position,
        deliveries.c.id >= sa.bindparam("floor", type_=sa.Text),
        sa.literal_column("status") == sa.literal_column("'pending'"),
    )
    .order_by(deliveries.c.position)
    .limit(sa.bindparam("most", type_=sa.BigInteger))
    .lateral("one")
)
_windows_given = sa.select(_given.c.place, *_window.c).select_from(_given.join(_window, sa.true()))


async def _windows_of_parts(
    tx: Tx, wanted: Sequence[tuple[LaneKey, int]], *, most: int
) -> list[tuple[list[Pending], int]]:
    params: dict[str, list[str] | list[int]] = {
        "accounts": [key[0] for key, _ in wanted],
        "owners": [key[1] for key, _ in wanted],
        "lanes": [key[2] for key, _ in wanted],
        "positions": [position for _, position in wanted],
    }
    positions = [0] * len(wanted)
    first_at: int | None = None
    for row in await tx.fetch(_lanes_given, params):
        positions[row[0] - 1] = row[1]
        first_at = row[2] if first_at is None else min(first_at, row[2])
    of_lanes: list[list[Pending]] = [[] for _ in wanted]
    if first_at is not None:
        floor = first_id_at(first_at - _FLOOR_MS)
        for row in await tx.fetch(_windows_given, {**params, "floor": floor, "most": most}):
            of_lanes[row[0] - 1].append(_pending(row, 1))
    return [(sorted(each, key=_position), positions[place]) for place, each in enumerate(of_lanes)]


def _pending(row: Row, at: int) -> Pending:
    return Pending(
        row[at],
        row[at + 1],
        intern(row[at + 2]),  # one string for all of a kind: tens of thousands are held at once
        row[at + 3],
        row[at + 4],
        row[at + 5] or 0,
        row[at + 6],
        _origin(row[at + 7]),
        row[at + 8],
    )


def _position(delivery: Pending) -> int:
    return delivery.position


def _origin(stored: str | None) -> Origin | None:
    return None if stored is None else Origin(stored)
