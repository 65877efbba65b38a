"""Notices wake those who listen: in this process on SQLite, on every node on PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import sqlalchemy as sa

from switchbay.infra.db import Database, open_database
from switchbay.infra.db.notices import Notices

CHANNEL = "test_notices"


class Bell:
    """Counts how often it was rung, and waits for that."""

    def __init__(self) -> None:
        self.count = 0
        self._rung = asyncio.Event()

    def ring(self) -> None:
        self.count += 1
        self._rung.set()

    async def wait_for_another(self) -> None:
        async with asyncio.timeout(20):
            await self._rung.wait()
        self._rung.clear()


@pytest.fixture
async def other(db: Database, database_url: str) -> AsyncIterator[Database]:
    """Another node's door; on SQLite there is one process, so it is the same."""
    if db.engine == "sqlite":
        yield db
        return
    opened = await open_database(database_url, connections=1)
    yield opened
    await opened.close()


async def _until_heard(bell: Bell, sender: Database) -> None:
    """Send until one is heard: a connection may just be being made."""
    before = bell.count
    async with asyncio.timeout(20):
        while bell.count == before:
            sender.notify(CHANNEL)
            await asyncio.sleep(0.02)


async def test_a_notice_reaches_who_listens_on_another_node(db: Database, other: Database) -> None:
    bell, deaf = Bell(), Bell()
    other.listen(CHANNEL, bell.ring)
    other.listen("another_channel", deaf.ring)
    await _until_heard(bell, db)
    for _ in range(3):
        await asyncio.sleep(0.05)  # what was sent before has arrived
        bell._rung.clear()
        db.notify(CHANNEL)
        await bell.wait_for_another()
    assert deaf.count <= 1  # told once when it began to listen, as one may have been missed


async def test_who_has_ended_listening_is_not_called(db: Database, other: Database) -> None:
    bell, gone = Bell(), Bell()
    end = other.listen(CHANNEL, gone.ring)
    other.listen(CHANNEL, bell.ring)
    await _until_heard(bell, db)
    end()
    end()
    before = gone.count
    await _until_heard(bell, db)
    assert gone.count == before


async def test_many_notices_go_as_few(db: Database, other: Database) -> None:
    if db.engine != "postgresql":
        pytest.skip("notices that travel")
    bell = Bell()
    other.listen(CHANNEL, bell.ring)
    await _until_heard(bell, db)
    await asyncio.sleep(0.1)
    before = bell.count
    bell._rung.clear()
    for _ in range(10_000):
        db.notify(CHANNEL)
    await bell.wait_for_another()
    await asyncio.sleep(0.1)
    assert bell.count - before == 1


async def test_a_lost_connection_is_opened_again_and_who_listens_is_told(db: Database, other: Database) -> None:
    if db.engine != "postgresql":
        pytest.skip("connections to a server")
    bell = Bell()
    other.listen(CHANNEL, bell.ring)
    await _until_heard(bell, db)
    await asyncio.sleep(0.1)
    bell._rung.clear()
    cut = sa.select(sa.func.pg_terminate_backend(sa.literal_column("pid"))).select_from(sa.text("pg_stat_activity"))
    cut = cut.where(sa.text("datname = current_database() AND pid <> pg_backend_pid()"))
    assert len(await db.write(lambda tx: tx.fetch(cut))) >= 2
    await bell.wait_for_another()  # nobody sent: it is told because it may have missed one
    await _until_heard(bell, db)


async def test_what_could_not_be_sent_is_sent_when_the_connection_is_back(db: Database, other: Database) -> None:
    if db.engine != "postgresql":
        pytest.skip("connections to a server")
    bell = Bell()
    other.listen(CHANNEL, bell.ring)
    await _until_heard(bell, db)
    refusals = 2
    connect = db._notices._connect  # type: ignore[attr-defined]  # the PostgreSQL door's own

    async def refusing() -> object:
        nonlocal refusals
        if refusals:
            refusals -= 1
            raise ConnectionRefusedError
        return await connect()

    sender = Notices(refusing)
    await asyncio.sleep(0.1)
    bell._rung.clear()
    sender.notify(CHANNEL)
    await bell.wait_for_another()
    assert refusals == 0
    await sender.close()
