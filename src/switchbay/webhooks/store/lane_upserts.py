"""The two statements that touch many lanes for every message: one gives out positions, one keeps or releases.

Both are upserts over rows in the order of their keys, in the form that each engine runs fastest: SQLite takes lists of
values, in runs of few sizes, PostgreSQL one array for each column, whatever the number of rows.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, lru_cache

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import Insert, insert

from switchbay.infra.db import Row, Tx
from switchbay.infra.db.bulk import runs
from switchbay.infra.db.door import Value
from switchbay.webhooks.tables import lanes

MOST_ROWS = 64
_KEY = ("account_id", "owner_id", "lane")


class LaneUpsert:
    """An upsert of lanes. A row has the values of ``given``; ``same`` are columns that are the same for all rows."""

    def __init__(
        self,
        given: tuple[str, ...],
        same: Mapping[str, sa.ColumnElement[object]],
        then: Callable[[Insert], sa.Insert],
    ) -> None:
        self._given = given
        self._same = same
        self._then = then
        self._of_values = lru_cache(maxsize=16)(self._values)

    async def run(
        self, tx: Tx, rows: Sequence[tuple[Value, ...]], params: Mapping[str, Value] | None = None
    ) -> Sequence[Row]:
        """Run it for rows that are in order; ``params`` are those of ``same``."""
        if not rows:
            return ()
        if tx.engine == "postgresql":
            columns = {
                f"given_{name}": list(column) for name, column in zip(self._given, zip(*rows, strict=True), strict=True)
            }
            return await tx.fetch(self._arrays, {**columns, **(params or {})})
        found: list[Row] = []
        for start, size in runs(len(rows), MOST_ROWS):
            values: dict[str, Value] = dict(params or {})
            for names, row in zip(_names(self._given, size), rows[start : start + size], strict=True):
                values.update(zip(names, row, strict=True))
            found.extend(await tx.fetch(self._of_values(size), values))
        return found

    def _values(self, count: int) -> sa.Insert:
        rows: list[dict[str, sa.ColumnElement[object]]] = [
            {**{column: sa.bindparam(name) for column, name in zip(self._given, names, strict=True)}, **self._same}
            for names in _names(self._given, count)
        ]
        return self._then(insert(lanes).values(rows))

    @cached_property
    def _arrays(self) -> sa.Insert:
        types = {name: lanes.c[name].type for name in self._given}
        given = (
            sa.func.unnest(*(sa.bindparam(f"given_{name}", type_=sa.ARRAY(of)) for name, of in types.items()))
            .table_valued(*(sa.column(name, of) for name, of in types.items()), name="given")
            .render_derived()
        )
        columns = [given.c[name] for name in self._given] + list(self._same.values())
        return self._then(
            insert(lanes).from_select([*self._given, *self._same], sa.select(*columns).select_from(given))
        )


@lru_cache(maxsize=32)
def _names(given: tuple[str, ...], count: int) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(f"{name}_{place}" for name in given) for place in range(count))


def _publishing(statement: Insert) -> sa.Insert:
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


def _settling(statement: Insert) -> sa.Insert:
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


PUBLISH = LaneUpsert(
    (*_KEY, "next_position", "first_at", "last_at"),
    {
        "claimed_from": sa.literal_column("0"),
        "fence": sa.literal_column("1"),
        "node": sa.bindparam("node", type_=sa.Text),
        "wake_at": sa.bindparam("wake_at", type_=sa.BigInteger),
    },
    _publishing,
)
# The row exists, so the insert itself never happens: it is there to lock the rows in the order given.
SETTLE = LaneUpsert(
    (*_KEY, "next_position", "fence", "wake_at"),
    {
        "claimed_from": sa.literal_column("0"),
        "node": sa.literal_column("''"),
        "first_at": sa.literal_column("0"),
        "last_at": sa.literal_column("0"),
    },
    _settling,
)
