"""The migration to history notes what was said before, and the indexer finds it."""

import asyncio

import sqlalchemy as sa

from switchbay.infra.db import Params, Tx, open_database
from switchbay.infra.db.migrate import migrate
from switchbay.messaging.history.domain.words import parse_query
from switchbay.messaging.history.indexing import Indexer
from switchbay.messaging.history.store import finding


async def test_messages_of_the_version_before_are_found(bare_database_url: str) -> None:
    await asyncio.to_thread(migrate, bare_database_url, "0010")
    db = await open_database(bare_database_url, connections=2)
    insert = sa.text(
        "INSERT INTO messaging_events (account_id, conversation_id, dialog_id, sequence, originator_id, role, audience,"
        " event, server_timestamp)"
        " VALUES ('a', :conversation, :dialog, :sequence, 'kim', 'CONSUMER', 'ALL', :event, :at)"
    ).bindparams(*(sa.bindparam(name, type_=sa.Text) for name in ("conversation", "dialog", "event")))

    async def work(tx: Tx) -> None:
        for place in range(12):
            event = f'{{"type":"ContentEvent","contentType":"text/plain","message":"hello {place}"}}'
            conversation, dialog = f"c{place % 2}", f"d{place % 3}"
            params: Params = {
                "conversation": conversation,
                "dialog": dialog,
                "sequence": place,
                "event": event,
                "at": place,
            }
            await tx.execute(insert, params)

    await db.write(work)
    await db.close()
    await asyncio.to_thread(migrate, bare_database_url)
    db = await open_database(bare_database_url, connections=2)
    indexer = Indexer(db, most=5)
    while await indexer.index_once():
        pass
    query = parse_query("hello")
    found = await db.read(lambda tx: finding.search(tx, "a", query, since=0, before=2**62, most=50))
    assert [row[3] for row in found] == list(range(11, -1, -1))
    await db.close()
