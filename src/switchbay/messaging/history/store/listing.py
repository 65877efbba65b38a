"""SQL that goes through the conversations of an account from the first to the last."""

from typing import Final

import sqlalchemy as sa

from switchbay.infra.db import Params, Tx
from switchbay.messaging import store
from switchbay.messaging.domain import Conversation
from switchbay.messaging.tables import conversations

_from: Final = (
    sa.select(conversations)
    .where(
        conversations.c.account_id == sa.bindparam("account_id"),
        sa.tuple_(conversations.c.started_at, conversations.c.conversation_id)
        > sa.tuple_(sa.bindparam("since", type_=sa.BigInteger), sa.bindparam("after", type_=sa.Text)),
        conversations.c.started_at < sa.bindparam("until", type_=sa.BigInteger),
    )
    .order_by(conversations.c.started_at, conversations.c.conversation_id)
    .limit(sa.bindparam("most", type_=sa.Integer))
)


async def list_from(tx: Tx, account_id: str, after: tuple[int, str], until: int, most: int) -> list[Conversation]:
    """The first conversations after a start time and id that began before ``until``."""
    params: Params = {
        "account_id": account_id,
        "since": after[0],
        "after": after[1],
        "until": until,
        "most": most,
    }
    return [store.conversation_from(row) for row in await tx.fetch(_from, params)]
