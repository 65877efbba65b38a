"""SQL of the notes of what is to be indexed: they are written with each batch, and taken out when they are done."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from switchbay.infra.db import Params, Tx
from switchbay.kit.record import Record
from switchbay.messaging.store import Said, due_row
from switchbay.messaging.tables import events, search_due


class Due(Record, frozen=True):
    """What was said in one batch, or what of it is still to be indexed."""

    account_id: str
    turn: int
    said: Sequence[Said]


_decode: Final = msgspec.json.Decoder(list[tuple[str, str, int, int]]).decode
_account: Final = sa.select(sa.func.min(search_due.c.account_id)).where(
    search_due.c.account_id > sa.bindparam("after", type_=sa.Text)
)
_first: Final = (
    sa.select(search_due.c.turn, search_due.c.mark)
    .where(search_due.c.account_id == sa.bindparam("account_id"))
    .order_by(search_due.c.turn, search_due.c.mark)
    .limit(sa.literal_column("1"))
)
_take: Final = (
    sa.delete(search_due)
    .where(
        search_due.c.account_id == sa.bindparam("account_id"),
        sa.tuple_(search_due.c.turn, search_due.c.mark).in_(_first),
    )
    .returning(search_due.c.turn, search_due.c.spans)
)


async def next_account(tx: Tx, after: str) -> str | None:
    """The first account after this one of which anything is to be indexed."""
    row: Any = await tx.fetch_one(_account, {"after": after})
    return None if row is None else row[0]


async def take_due(tx: Tx, account_id: str) -> Due | None:
    """Take the note of an account out of the table whose turn it is."""
    row = await tx.fetch_one(_take, {"account_id": account_id})
    return None if row is None else Due(account_id, row[0], _decode(row[1]))


async def put_back(tx: Tx, one: Due) -> None:
    """Note what is still to be indexed."""
    await tx.insert(search_due, due_row(one.account_id, one.turn, one.said))


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


async def read_said(tx: Tx, account_id: str, said: Said, most: int) -> list[tuple[int, str, int]]:
    """The first events of a part of a dialog: sequence, JSON text, time."""
    conversation_id, dialog_id, since, until = said
    params: Params = {
        "account_id": account_id,
        "conversation_id": conversation_id,
        "dialog_id": dialog_id,
        "since": since,
        "until": until,
        "most": most,
    }
    return [(row[0], row[1], row[2]) for row in await tx.fetch(_events_due, params)]
