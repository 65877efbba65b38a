"""The database door behaves the same on both engines."""

import asyncio

import pytest
import sqlalchemy as sa

from switchbay.infra.db import Database, Tx


async def test_a_read_sees_what_a_write_returned(db: Database) -> None:
    async def count(tx: Tx) -> int:
        row = await tx.fetch_one(sa.select(sa.func.count()).select_from(sa.text("alembic_version")))
        assert row is not None
        return int(row[0])

    assert await db.read(count) == 1
    assert await db.write(count) == 1


async def test_a_work_that_awaits_something_else_is_refused_on_sqlite(db: Database) -> None:
    async def sleeps(_tx: Tx) -> None:
        await asyncio.sleep(0)

    if db.engine == "postgresql":
        pytest.skip("PostgreSQL works run on the event loop")
    with pytest.raises(RuntimeError, match="await nothing but its transaction"):
        await db.write(sleeps)
