"""Rows of what nodes leave for each other."""

from collections.abc import Mapping, Sequence
from typing import Final

import sqlalchemy as sa

from switchbay.infra.db import Tx
from switchbay.infra.db.door import Value
from switchbay.messaging.tables import feed

PAGES_AT_ONCE: Final = 500
_PURGED_AT_ONCE: Final = 10_000


def page_row(account_id: str, node_id: str, number: int, at: int, body: str) -> dict[str, Value]:
    """The row of a page; ``number`` counts the pages of its node, ``at`` is epoch milliseconds."""
    return {"account_id": account_id, "node_id": node_id, "number": number, "at": at, "body": body}


async def insert_pages(tx: Tx, rows: Sequence[Mapping[str, Value]]) -> None:
    """Store pages."""
    await tx.insert_many(feed, rows)


_nodes: Final = sa.select(feed.c.node_id, sa.func.max(feed.c.number)).group_by(feed.c.node_id)


async def list_page_nodes(tx: Tx) -> dict[str, int]:
    """The nodes that have left pages of late, each with its highest number."""
    return {row[0]: int(row[1]) for row in await tx.fetch(_nodes)}


_pages: Final = (
    sa.select(feed.c.number, feed.c.body)
    .where(feed.c.node_id == sa.bindparam("node_id"), feed.c.number > sa.bindparam("above"))
    .order_by(feed.c.number)
    .limit(PAGES_AT_ONCE)
)


async def list_pages(tx: Tx, above: Mapping[str, int]) -> dict[str, dict[int, str]]:
    """The next pages of each of these nodes above a number, at most 500 of each."""
    return {
        node_id: {row[0]: row[1] for row in await tx.fetch(_pages, {"node_id": node_id, "above": number})}
        for node_id, number in above.items()
    }


_old: Final = (
    sa.select(feed.c.account_id, feed.c.node_id, feed.c.number)
    .where(feed.c.at < sa.bindparam("before"))
    .limit(_PURGED_AT_ONCE)
)
_purge: Final = sa.delete(feed).where(sa.tuple_(feed.c.account_id, feed.c.node_id, feed.c.number).in_(_old))


async def purge_pages(tx: Tx, before: int) -> int:
    """Forget pages that are older than ``before``; return how many."""
    return await tx.execute(_purge, {"before": before})
