"""Nodes wake each other: with a sweep once an hour, only a notice can bring a lane to the node that delivers it."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import sqlalchemy as sa

from support.receiver import Answer, Received
from support.webhooks_house import ACCOUNT, APP, House, owner_of
from switchbay.infra.db import Database, open_database
from switchbay.webhooks.public import Webhooks

HOUR = 3600.0


@pytest.fixture
async def dispatcher_db(db: Database, database_url: str) -> AsyncIterator[Database]:
    """The dispatcher node's own door; on SQLite there is one process and one door."""
    if db.engine == "sqlite":
        yield db
        return
    opened = await open_database(database_url, connections=4)
    yield opened
    await opened.close()


async def _dispatcher(house: House, db: Database) -> Webhooks:
    node = house.node(running=False, db=db, sweep_seconds=HOUR)
    await node.start()
    return node


async def test_an_event_of_an_api_node_reaches_a_dispatcher_node_by_a_notice(
    house: House, dispatcher_db: Database
) -> None:
    dispatcher = await _dispatcher(house, dispatcher_db)
    api = house.node(running=False)
    await house.configure(owner_of(house.endpoint()))
    for number in range(10):
        # Each is published once the one before has arrived: the sweep of the start can have found the first at most.
        await house.publish(house.event(f"m{number}", f"c{number}"), node=api)
        await house.receiver.wait_for(number + 1)
    assert house.receiver.bodies == [f"m{number}".encode() for number in range(10)]
    await dispatcher.stop()


async def test_after_a_lost_connection_the_nodes_wake_each_other_again(house: House, dispatcher_db: Database) -> None:
    if house.db.engine != "postgresql":
        pytest.skip("connections to a server")
    dispatcher = await _dispatcher(house, dispatcher_db)
    api = house.node(running=False)
    await house.configure(owner_of(house.endpoint()))
    await house.publish(house.event("one", "a"), node=api)
    await house.receiver.wait_for(1)
    cut = sa.select(sa.func.pg_terminate_backend(sa.literal_column("pid"))).select_from(sa.text("pg_stat_activity"))
    cut = cut.where(sa.text("datname = current_database() AND pid <> pg_backend_pid()"))
    assert len(await house.db.write(lambda tx: tx.fetch(cut))) >= 2
    for number in range(3):
        await house.publish(house.event(f"m{number}", f"b{number}"), node=api)
        await house.receiver.wait_for(number + 2)
    await dispatcher.stop()


async def test_graceful_stop_finishes_inflight_and_releases_claims(house: House, dispatcher_db: Database) -> None:
    """The request under way ends and counts; the lane goes on at once on another node, which hears of it."""
    go_on = asyncio.Event()

    async def answer(request: Received) -> Answer:
        if request.body == b"one":
            await go_on.wait()
        return Answer()

    house.receiver.answer = answer
    await house.configure(owner_of(house.endpoint()))
    leaving = house.node()
    await house.publish_each(["one", "two", "three"], node=leaving)
    await house.receiver.wait_for(1)
    heir = await _dispatcher(house, dispatcher_db)
    assert list(leaving.dispatcher._lanes) == [(ACCOUNT, APP, "c1")]
    stopping = asyncio.create_task(leaving.stop())
    await asyncio.sleep(0.05)
    assert not stopping.done()
    assert house.receiver.bodies == [b"one"]  # the lane is still the leaving node's while its request is under way
    go_on.set()
    await stopping
    await house.receiver.wait_for(3)
    await house.settle(heir)
    assert house.receiver.bodies == [b"one", b"two", b"three"]
    assert await house.states() == 3 * ["delivered"]
    assert await house.is_free()
    await heir.stop()
