"""Rows of events, numbered within their dialog."""

from collections.abc import Mapping, Sequence
from typing import Final

import sqlalchemy as sa

from switchbay.infra.db import Params, Tx
from switchbay.infra.db.door import Value
from switchbay.messaging.domain import Published, StoredEvent
from switchbay.messaging.tables import events


def event_row(account_id: str, conversation_id: str, published: Published) -> dict[str, Value]:
    """The row of an event that has a sequence."""
    return {
        "account_id": account_id,
        "conversation_id": conversation_id,
        "dialog_id": published.dialog_id,
        "sequence": published.sequence,
        "originator_id": published.originator_id,
        "role": published.role.value,
        "audience": published.audience.value,
        "event": published.event.json,
        "client_properties": published.client_properties,
        "metadata": published.metadata,
        "server_timestamp": published.server_timestamp,
    }


async def insert_events(tx: Tx, rows: Sequence[Mapping[str, Value]]) -> None:
    """Store events."""
    await tx.insert_many(events, rows)


_events_from: Final = (
    sa.select(
        events.c.sequence,
        events.c.originator_id,
        events.c.role,
        events.c.audience,
        events.c.event,
        events.c.client_properties,
        events.c.metadata,
        events.c.server_timestamp,
    )
    .where(
        events.c.account_id == sa.bindparam("account_id"),
        events.c.conversation_id == sa.bindparam("conversation_id"),
        events.c.dialog_id == sa.bindparam("dialog_id"),
        events.c.sequence >= sa.bindparam("since"),
    )
    .order_by(events.c.sequence)
    .limit(sa.bindparam("most"))
)


async def list_events(
    tx: Tx, account_id: str, conversation_id: str, dialog_id: str, since: int, most: int
) -> list[StoredEvent]:
    """The events of a dialog from a sequence on, in order."""
    params: Params = {
        "account_id": account_id,
        "conversation_id": conversation_id,
        "dialog_id": dialog_id,
        "since": since,
        "most": most,
    }
    rows = await tx.fetch(_events_from, params)
    return [StoredEvent(row[0], row[1], row[2], row[3], row[4], row[5], row[6], row[7]) for row in rows]
