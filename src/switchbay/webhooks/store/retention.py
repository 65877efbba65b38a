"""SQL of the log's life: the parts of its two tables on PostgreSQL, and deleting row by row where there are none.

A part is added by attaching a finished table, which stops no insert, but for a moment every statement that looks into
``rest``; it is taken out under a lock of the whole table, again for a moment. Both give up when they do not get the
lock at once, so that nobody queues behind them for long, and are tried again later.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache

import sqlalchemy as sa

from switchbay.infra.db import Tx
from switchbay.infra.db.compiled import quoted
from switchbay.kit.ids import time_of_sortable_id
from switchbay.webhooks.retention import Span
from switchbay.webhooks.store.listing import first_id_at
from switchbay.webhooks.tables import attempts, deliveries

DELIVERIES, ATTEMPTS = deliveries.name, attempts.name
_ID_COLUMN = {DELIVERIES: "id", ATTEMPTS: "delivery_id"}
_ADVISORY_LOCK = 7_305_242  # arbitrary and ours
_LOCK_TIMEOUT = "250ms"

Parts = dict[Span, str]


# Parts

_lock = sa.select(sa.func.pg_try_advisory_xact_lock(sa.literal_column(str(_ADVISORY_LOCK))))
_impatience = sa.text(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'")
_parts = sa.text(
    "SELECT part.relname, pg_get_expr(part.relpartbound, part.oid) FROM pg_inherits"
    " JOIN pg_class part ON part.oid = inhrelid WHERE inhparent = to_regclass(:parent)"
).bindparams(sa.bindparam("parent", type_=sa.Text))
_BOUNDS = re.compile(r"FOR VALUES FROM \((?:MINVALUE|'(\w+)')\) TO \('(\w+)'\)")


class StillPending(Exception):
    """A part holds something that is still to be sent; it stays as it is."""


async def begin_change(tx: Tx) -> bool:
    """Tell whether this node may change the parts: one at a time."""
    row = await tx.fetch_one(_lock)
    if row is None or not row[0]:
        return False
    await tx.execute(_impatience)
    return True


async def parts(tx: Tx, table: str) -> Parts:
    """The names of a table's parts, but for the rest, by their spans."""
    found: Parts = {}
    for row in await tx.fetch(_parts, {"parent": table}):
        match = _BOUNDS.fullmatch(row[1] or "")  # null while another node is just dropping it
        if match is not None:
            begin = None if match[1] is None else time_of_sortable_id(match[1])
            found[Span(begin, time_of_sortable_id(match[2]))] = row[0]
    return found


async def add_part(tx: Tx, table: str, span: Span) -> bool:
    """Make a part, unless the rest holds rows of its time already; tell whether it was made."""
    begin, end = first_id_at(span.begin or 0), first_id_at(span.end)
    ids = sa.column(_ID_COLUMN[table], sa.Text)
    taken = sa.select(ids).select_from(sa.table(f"{table}_rest", ids)).where(ids >= begin, ids < end)
    if await tx.fetch_one(taken.limit(1)) is not None:
        return False
    name = quoted(f"{table}_{datetime.fromtimestamp((span.begin or 0) / 1000, UTC):%Y%m%d%H}")
    await tx.execute(sa.text(f"CREATE TABLE {name} (LIKE {quoted(table)} INCLUDING ALL)"))
    await tx.execute(
        sa.text(f"ALTER TABLE {quoted(table)} ATTACH PARTITION {name} FOR VALUES FROM ('{begin}') TO ('{end}')")
    )
    return True


async def drop_part(tx: Tx, table: str, name: str) -> None:
    """Drop a part. Raises ``StillPending``, also when something in it has become so while its lock was waited for."""
    if table == DELIVERIES:
        await _refuse_pending(tx, name)
    await tx.execute(sa.text(f"ALTER TABLE {quoted(table)} DETACH PARTITION {quoted(name)}"))
    if table == DELIVERIES:
        await _refuse_pending(tx, name)
    await tx.execute(sa.text(f"DROP TABLE {quoted(name)}"))


async def _refuse_pending(tx: Tx, name: str) -> None:
    # In the order of the partial index, so that it is used whatever is known of the table.
    order = [sa.column(column, sa.Text) for column in ("account_id", "owner_id", "lane", "position")]
    statement = sa.select(order[0]).select_from(sa.table(name, *order)).order_by(*order).limit(1)
    is_pending = sa.literal_column("status") == sa.literal_column("'pending'")
    if await tx.fetch_one(statement.where(is_pending)) is not None:
        raise StillPending


# Row by row


@dataclass(frozen=True, slots=True)
class Stretch:
    """Deliveries of one account with ids above ``after`` up to ``last``."""

    account_id: str
    after: str
    last: str


@dataclass(frozen=True, slots=True)
class _RowStatements:
    account: "sa.Select[tuple[str]]"
    ids: "sa.Select[tuple[str]]"
    delete_deliveries: sa.Delete
    delete_attempts: sa.Delete


@cache
def _statements(engine: str) -> _RowStatements:
    """On PostgreSQL, of the rest alone."""
    suffix = "_rest" if engine == "postgresql" else ""
    log = sa.table(DELIVERIES + suffix, sa.column("account_id"), sa.column("id"), sa.column("status"))
    made = sa.table(ATTEMPTS + suffix, sa.column("account_id"), sa.column("delivery_id"))
    account = sa.bindparam("account_id", type_=sa.Text)
    after, last = sa.bindparam("after", type_=sa.Text), sa.bindparam("last", type_=sa.Text)
    ids = sa.select(log.c.id).where(log.c.account_id == account, log.c.id > after)
    return _RowStatements(
        sa.select(sa.func.min(log.c.account_id)).where(log.c.account_id > account),
        ids.where(log.c.id < sa.bindparam("before", type_=sa.Text))
        .order_by(log.c.id)
        .limit(sa.bindparam("most", type_=sa.Integer)),
        sa.delete(log).where(
            log.c.account_id == account,
            log.c.id > after,
            log.c.id <= last,
            log.c.status != sa.literal_column("'pending'"),
        ),
        sa.delete(made).where(
            made.c.account_id == account,
            made.c.delivery_id > after,
            made.c.delivery_id <= last,
            ~sa.exists().where(log.c.account_id == made.c.account_id, log.c.id == made.c.delivery_id),
        ),
    )


async def find_stretch(tx: Tx, *, account_id: str, after: str, before: str, most: int) -> Stretch | None:
    """The next deliveries with ids below ``before``, at most ``most``: of this account, or else of the next ones."""
    statements = _statements(tx.engine)
    account: str | None = account_id
    while account is not None:
        rows = await tx.fetch(statements.ids, {"account_id": account, "after": after, "before": before, "most": most})
        if rows:
            return Stretch(account, after, rows[-1][0])
        row = await tx.fetch_one(statements.account, {"account_id": account})
        account, after = None if row is None else row[0], ""
    return None


async def delete_stretch(tx: Tx, stretch: Stretch) -> int:
    """Delete the deliveries of a stretch that are not pending, with their attempts; return how many."""
    statements = _statements(tx.engine)
    given = {"account_id": stretch.account_id, "after": stretch.after, "last": stretch.last}
    deleted = await tx.execute(statements.delete_deliveries, given)
    await tx.execute(statements.delete_attempts, given)
    return deleted
