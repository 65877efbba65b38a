"""SQL of the notes of what is to be indexed: they are written with each batch, and taken out when they are done."""

from collections.abc import Iterable
from typing import Final

import sqlalchemy as sa

from switchbay.infra.db import Tx
from switchbay.infra.db.door import Value
from switchbay.kit.record import Record
from switchbay.messaging.tables import events, search_due


class Due(Record, frozen=True):
    """Events of a dialog that are to be indexed, from ``sequence`` until ``until``, both included."""

    account_id: str
    conversation_id: str
    dialog_id: str
    sequence: int
    until: int

    @property
    def key(self) -> tuple[str, str, str, int]:
        """What it is known by."""
        return self.account_id, self.conversation_id, self.dialog_id, self.sequence


_KEY: Final = (
    search_due.c.account_id,
    search_due.c.conversation_id,
    search_due.c.dialog_id,
    search_due.c.sequence,
)
_next_due: Final = (
    sa.select(*_KEY)
    .where(
        sa.tuple_(*_KEY)
        > sa.tuple_(
            sa.bindparam("a", type_=sa.Text),
            sa.bindparam("c", type_=sa.Text),
            sa.bindparam("d", type_=sa.Text),
            sa.bindparam("s", type_=sa.BigInteger),
        )
    )
    .order_by(*_KEY)
    .limit(sa.bindparam("most", type_=sa.Integer))
)
_take_due: Final = sa.delete(search_due).where(sa.tuple_(*_KEY).in_(_next_due)).returning(*_KEY, search_due.c.until)


async def take_due(tx: Tx, after: tuple[str, str, str, int], most: int) -> list[Due]:
    """Take the next notes of what is to be indexed out of the table, those after a key, in the order of keys."""
    params: dict[str, Value] = {"a": after[0], "c": after[1], "d": after[2], "s": after[3], "most": most}
    rows = await tx.fetch(_take_due, params)
    return sorted((Due(row[0], row[1], row[2], row[3], row[4]) for row in rows), key=lambda one: one.key)


async def put_back(tx: Tx, rest: Iterable[Due]) -> None:
    """Note what is still to be indexed."""
    rows: list[dict[str, Value]] = [
        {
            "account_id": one.account_id,
            "conversation_id": one.conversation_id,
            "dialog_id": one.dialog_id,
            "sequence": one.sequence,
            "until": one.until,
        }
        for one in rest
    ]
    await tx.insert_many(search_due, rows)


_events_due: Final = (
    sa.select(events.c.sequence, events.c.event, events.c.server_timestamp)
    .where(
        events.c.account_id == sa.bindparam("account_id"),
        events.c.conversation_id == sa.bindparam("conversation_id"),
        events.c.dialog_id == sa.bindparam("dialog_id"),
        events.c.sequence >= sa.bindparam("since", type_=sa.BigInteger),
        events.c.sequence <= sa.bindparam("until", type_=sa.BigInteger),
    )
    .order_by(events.c.sequence)
    .limit(sa.bindparam("most", type_=sa.Integer))
)


async def read_due(tx: Tx, one: Due, most: int) -> list[tuple[int, str, int]]:
    """The first events that a note is of: sequence, JSON text, time."""
    params: dict[str, Value] = {
        "account_id": one.account_id,
        "conversation_id": one.conversation_id,
        "dialog_id": one.dialog_id,
        "since": one.sequence,
        "until": one.until,
        "most": most,
    }
    return [(row[0], row[1], row[2]) for row in await tx.fetch(_events_due, params)]
