"""What the delivery engine promises, each promise with a test of its name (others are beside their subjects)."""

import asyncio
import contextlib
import gzip
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from support.receiver import Answer, Received
from support.webhooks_house import ACCOUNT, House, owner_of
from switchbay.infra.db import DatabaseUnavailable, open_database
from switchbay.infra.machine import ManualClock
from switchbay.webhooks.public import DeliveryFilter

LEASE = 60
LIMIT = 4096


async def test_only_200_and_201_succeed(house: House) -> None:
    house.receiver.answer = lambda request: Answer(int(request.body))
    await house.configure(owner_of(house.endpoint()))
    codes = [200, 201, 202, 203, 204, 206, 226, 299, 301, 302, 303, 307, 308, 400, 401, 404, 418, 451, 500, 502, 504]
    await house.publish(*(house.event(str(code), f"c{code}") for code in codes))
    await house.settle()
    found = {code: await house.states(f"c{code}") for code in codes}
    assert {code for code in codes if found[code] == ["delivered"]} == {200, 201}
    assert all(found[code] == ["failed:retries_exhausted"] for code in codes[2:])
    assert len(house.receiver.requests) == len(codes)  # no redirect was followed


async def test_slow_drip_huge_and_gzip_bomb_bodies_are_cut(house: House) -> None:
    bomb = gzip.compress(bytes(64 * 1024 * 1024))
    assert len(bomb) > LIMIT
    answers = {
        b"drip": Answer(body=500 * b"x", drip=0.05),
        b"huge": Answer(body=65_536 * b"x", repeat_body=16_384),
        b"bomb": Answer(body=bomb, headers=(("Content-Encoding", "gzip"),)),
    }
    house.receiver.answer = lambda request: answers[request.body]
    node = house.node(response_seconds=1, response_bytes=LIMIT)
    await house.configure(owner_of(house.endpoint()))
    await house.publish(*(house.event(body.decode(), body.decode()) for body in answers), node=node)
    await house.settle(node)
    assert all("accept-encoding" not in request.headers for request in house.receiver.requests)
    made = {}
    for lane in ("drip", "huge", "bomb"):
        [summary] = (await house.webhooks.list_deliveries(ACCOUNT, DeliveryFilter(lane=lane)))[0]
        [attempt] = (await house.webhooks.get_delivery(ACCOUNT, summary.id)).attempts
        made[lane] = (summary.status, attempt.failure, attempt.response_body)
    status, failure, kept = made["drip"]
    assert (status, failure) == ("failed", "response_timeout")
    assert len(kept) < 500
    assert made["huge"] == ("delivered", None, 1024 * b"x")
    assert made["bomb"] == ("delivered", None, bomb[:1024])  # as it came: nothing was unpacked
    assert house.receiver.body_bytes_sent < 32 * 1024 * 1024


async def test_two_nodes_never_send_same_lane_at_once(house: House, clock: ManualClock) -> None:
    under_way: list[str] = []
    overlaps: list[str] = []

    async def answer(request: Received) -> Answer:
        lane = request.body.decode().partition("/")[0]
        if lane in under_way:
            overlaps.append(lane)
        under_way.append(lane)
        await asyncio.sleep(0.005)
        under_way.remove(lane)
        return Answer()

    house.receiver.answer = answer
    names = [f"c{number}" for number in range(8)]
    nodes = [house.webhooks, house.node(), house.node()]
    await house.configure(owner_of(house.endpoint()))
    await house.publish_and_crash(*(house.event(f"{lane}/0", lane) for lane in names))
    clock.advance(seconds=LEASE)  # the dead node's lanes are anybody's

    async def work(place: int) -> None:
        for round_number in range(4):
            await nodes[place].dispatcher.sweep_once()
            number = 1 + 3 * round_number + place
            await house.publish(*(house.event(f"{lane}/{place}.{number}", lane) for lane in names), node=nodes[place])

    await asyncio.gather(*(work(place) for place in range(3)))
    await house.settle()
    assert overlaps == []
    assert set(await house.states(lane=None)) == {"delivered"}
    assert len(house.receiver.bodies) == len(set(house.receiver.bodies)) == 8 * 13
    for lane in names:  # in the order of the database
        found, _ = await house.webhooks.list_deliveries(ACCOUNT, DeliveryFilter(lane=lane), limit=100)
        stored = [
            (await house.webhooks.get_delivery(ACCOUNT, each.id)).body
            for each in sorted(found, key=lambda each: each.position)
        ]
        assert [body for body in house.receiver.bodies if body.startswith(f"{lane}/".encode())] == stored


@asynccontextmanager
async def _outage(url: str) -> AsyncIterator[None]:
    """Take the database away: on PostgreSQL nobody can connect, on SQLite another program holds the lock."""
    if url.startswith("sqlite"):
        with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield
            other.execute("ROLLBACK")
        return
    parts = urlsplit(url)
    name = parts.path.removeprefix("/")
    admin = await asyncpg.connect(urlunsplit(parts._replace(path="/template1")))
    try:
        await admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
        yield
    finally:
        await admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
        await admin.close()


async def test_database_outage_recovers_without_restart(house: House, database_url: str) -> None:
    go_on = asyncio.Event()

    async def answer(request: Received) -> Answer:
        if request.body == b"one":
            await go_on.wait()
        return Answer()

    house.receiver.answer = answer
    db = await open_database(database_url, connections=4, busy_ms=20)
    node = house.node(running=False, db=db, sweep_seconds=0.05)
    await house.configure(owner_of(house.endpoint()))
    await db.write(lambda tx: node.publish(tx, [house.event("before", "b")]))
    await node.start()
    await house.receiver.wait_for(1)
    await db.write(lambda tx: node.publish(tx, [house.event("one"), house.event("two")]))
    await house.receiver.wait_for(2)
    async with _outage(database_url):
        go_on.set()  # it is answered, and cannot be recorded
        for event in (house.event("lost"), house.event("lost too")):
            with pytest.raises(DatabaseUnavailable):
                await db.write(partial(node.publish, notifications=[event]))
        await asyncio.sleep(0.3)
        assert house.receiver.bodies == [b"before", b"one"]  # what follows is not sent before that is recorded
    await house.receiver.wait_for(3)
    await db.write(lambda tx: node.publish(tx, [house.event("three")]))
    await house.receiver.wait_for(4)
    await house.settle(node)
    assert house.receiver.bodies == [b"before", b"one", b"two", b"three"]
    assert await house.states(lane=None) == 4 * ["delivered"]
    await node.stop()
    await db.close()
