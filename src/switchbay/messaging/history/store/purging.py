"""SQL that deletes conversations which are kept no longer, a few rows at a time."""

from typing import Any, Final

import sqlalchemy as sa

from switchbay.infra.db import Params, Tx
from switchbay.messaging.history.store.words import drop_documents
from switchbay.messaging.tables import consumers, conversations, events, moves, participants, queue, rings

_ACCOUNT: Final = "account_id"
_oldest: Final = (
    sa.select(conversations.c.conversation_id, conversations.c.consumer_id)
    .where(
        conversations.c.account_id == sa.bindparam(_ACCOUNT),
        conversations.c.stage == sa.literal_column("'CLOSE'"),  # as the index has it
        conversations.c.ended_at < sa.bindparam("before", type_=sa.BigInteger),
    )
    .order_by(conversations.c.ended_at, conversations.c.conversation_id)
    .limit(sa.literal_column("1"))
    .with_for_update(skip_locked=True)
)
_some_events: Final = (
    sa.select(events.c.dialog_id, events.c.sequence)
    .where(
        events.c.account_id == sa.bindparam(_ACCOUNT),
        events.c.conversation_id == sa.bindparam("conversation_id"),
    )
    .limit(sa.bindparam("most", type_=sa.Integer))
)
_delete_events: Final = sa.delete(events).where(
    events.c.account_id == sa.bindparam(_ACCOUNT),
    events.c.conversation_id == sa.bindparam("conversation_id"),
    sa.tuple_(events.c.dialog_id, events.c.sequence).in_(_some_events),
)


def _delete(table: sa.Table) -> sa.Delete:
    return sa.delete(table).where(
        table.c.account_id == sa.bindparam(_ACCOUNT), table.c.conversation_id == sa.bindparam("conversation_id")
    )


_rest: Final = tuple(_delete(table) for table in (moves, participants, queue, rings, conversations))
_forget_consumer: Final = sa.delete(consumers).where(
    consumers.c.account_id == sa.bindparam(_ACCOUNT),
    consumers.c.consumer_id == sa.bindparam("consumer_id"),
    consumers.c.updated_at < sa.bindparam("before", type_=sa.BigInteger),
    ~sa.exists(
        sa.select(sa.literal_column("1")).where(
            participants.c.account_id == consumers.c.account_id,
            participants.c.participant_id == consumers.c.consumer_id,
        )
    ),
)


async def find_oldest(tx: Tx, account_id: str, before: int) -> tuple[str, str] | None:
    """Lock the conversation that ended first, if that was before ``before``: its id, its consumer's id."""
    row: Any = await tx.fetch_one(_oldest, {_ACCOUNT: account_id, "before": before})
    return None if row is None else (row[0], row[1])


async def delete_some(tx: Tx, account_id: str, conversation_id: str, most: int) -> int:
    """Delete up to ``most`` documents and as many events of a conversation; return how many rows of either, at most."""
    documents = await drop_documents(tx, account_id, conversation_id, most)
    if documents >= most:
        return documents
    params: Params = {_ACCOUNT: account_id, "conversation_id": conversation_id, "most": most}
    return max(documents, await tx.execute(_delete_events, params))


async def delete_rest(tx: Tx, account_id: str, conversation_id: str, consumer_id: str, before: int) -> None:
    """Delete a conversation that has no events any more, and its consumer when nothing else is kept of them."""
    for statement in _rest:
        await tx.execute(statement, {_ACCOUNT: account_id, "conversation_id": conversation_id})
    await tx.execute(_forget_consumer, {_ACCOUNT: account_id, "consumer_id": consumer_id, "before": before})
