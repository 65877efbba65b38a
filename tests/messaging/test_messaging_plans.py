"""How SQLite goes about finding conversations: PostgreSQL knows its tables and needs no help."""

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from switchbay.infra.db import Database
from switchbay.messaging.store import conversations


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("is_open", [True, False])
async def test_somebodys_conversations_are_found_by_their_taking_part(db: Database, *, is_open: bool) -> None:
    statement = str(conversations._conversations_of(is_open=is_open).compile(dialect=sqlite.dialect()))
    explained = sa.text("EXPLAIN QUERY PLAN " + statement.replace("?", "1"))  # the plan does not go by the values
    rows = await db.read(lambda tx: tx.fetch(explained))
    assert [str(row[3]).partition(" USING")[0] for row in rows] == [
        "SEARCH messaging_participants",
        "SEARCH messaging_conversations",
        "USE TEMP B-TREE FOR ORDER BY",
    ]
