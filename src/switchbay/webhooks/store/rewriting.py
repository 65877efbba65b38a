"""SQL that rewrites what the log keeps of some conversations: bodies of notifications, and what endpoints answered."""

from collections.abc import Awaitable, Callable, Collection
from typing import Final

import sqlalchemy as sa

from switchbay.infra.db import Params, Tx
from switchbay.infra.db.door import Value
from switchbay.webhooks.store.listing import CONVERSATION, first_id_at
from switchbay.webhooks.tables import attempts, deliveries

Choose = Callable[[Tx, Collection[str]], Awaitable[Collection[str]]]
Rewrite = Callable[[bytes], bytes]

_page: Final = (
    sa.select(deliveries.c.id, CONVERSATION)
    .where(deliveries.c.account_id == sa.bindparam("account_id"), deliveries.c.id > sa.bindparam("after"))
    .order_by(deliveries.c.id)
    .limit(sa.bindparam("most", type_=sa.Integer))
)
_bodies: Final = sa.select(deliveries.c.id, deliveries.c.body).where(
    deliveries.c.account_id == sa.bindparam("account_id"),
    deliveries.c.id.in_(sa.bindparam("ids", expanding=True)),
)
_forget_answers: Final = (
    sa.update(attempts)
    .where(
        attempts.c.account_id == sa.bindparam("account_id"),
        attempts.c.delivery_id.in_(sa.bindparam("ids", expanding=True)),
    )
    .values(response_body=sa.bindparam("nothing", type_=sa.LargeBinary), detail=sa.null())
)


async def rewrite_bodies(
    tx: Tx, account_id: str, choose: Choose, rewrite: Rewrite, *, since: int, cursor: str, most: int
) -> str | None:
    """Rewrite the bodies of one portion of an account's deliveries and forget what endpoints answered to them.

    ``choose`` says which of some conversations are meant. The first portion (an empty ``cursor``) begins with what was
    published at ``since``, epoch milliseconds. Returns the cursor of the next portion, None when there is none. What is
    still to be sent is rewritten, too: it stays in its place and is sent as it then is.
    """
    params: Params = {"account_id": account_id, "after": cursor or first_id_at(since - 1), "most": most}
    found = {row[0]: row[1] for row in await tx.fetch(_page, params)}
    meant = await choose(tx, set(found.values())) if found else ()
    ids: list[Value] = [one for one, conversation in found.items() if conversation in meant]
    if ids:
        rows: list[dict[str, Value]] = [
            {"account_id": account_id, "id": row[0], "body": rewrite(bytes(row[1]))}
            for row in await tx.fetch(_bodies, {"account_id": account_id, "ids": ids})
        ]
        await tx.update_many(deliveries, rows, keys=("account_id", "id"))
        await tx.execute(_forget_answers, {"account_id": account_id, "ids": ids, "nothing": b""})
    return max(found) if len(found) == most else None
