"""Nothing is lost and the order holds when nodes die, stall, share lanes, or when the database is away."""

import asyncio
import contextlib
import random
import sqlite3
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Literal, TypeVar

import pytest
import sqlalchemy as sa

from support.certs import Authority
from support.receiver import Answer, Received
from support.webhooks_house import ACCOUNT, House, owner_of
from switchbay.infra.db import Database, DatabaseUnavailable, Work, open_database
from switchbay.infra.egress import Egress
from switchbay.infra.machine import ManualClock, SystemClock
from switchbay.infra.vault import Vault
from switchbay.webhooks.public import DeliveryFilter, Webhooks

T = TypeVar("T")
LEASE = 60


class FailingDatabase:
    """A database that can be taken away: writes, reads, or both."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self.is_away = False
        self.refused = 0

    @property
    def engine(self) -> Literal["sqlite", "postgresql"]:
        return self._db.engine

    def _check(self) -> None:
        if self.is_away:
            self.refused += 1
            raise DatabaseUnavailable("taken away")

    async def read(self, work: Work[T]) -> T:
        self._check()
        return await self._db.read(work)

    async def write(self, work: Work[T]) -> T:
        self._check()
        return await self._db.write(work)

    def notify(self, channel: str) -> None:
        self._db.notify(channel)

    def listen(self, channel: str, callback: Callable[[], None]) -> Callable[[], None]:
        return self._db.listen(channel, callback)

    async def close(self) -> None:
        await self._db.close()


async def sweep(house: House, node: Webhooks) -> int:
    taken = await node.dispatcher.sweep_once()
    await house.settle(node)
    return taken


async def test_crash_after_commit_before_hand_off_is_swept(house: House, clock: ManualClock) -> None:
    await house.configure(owner_of(house.endpoint()))
    await house.publish_and_crash(house.event("one"), house.event("two"))
    assert await sweep(house, house.webhooks) == 0
    assert house.receiver.requests == []
    clock.advance(seconds=LEASE)
    assert await sweep(house, house.webhooks) == 1
    assert house.receiver.bodies == [b"one", b"two"]
    assert await house.states() == 2 * ["delivered"]
    assert await house.is_free()


async def test_what_is_published_behind_a_crash_keeps_its_place(house: House, clock: ManualClock) -> None:
    await house.configure(owner_of(house.endpoint()))
    await house.publish_and_crash(house.event("one"))
    await house.publish(house.event("two"))
    clock.advance(seconds=LEASE)
    await house.publish(house.event("three"))
    await house.settle()
    assert house.receiver.requests == []
    await sweep(house, house.webhooks)
    assert house.receiver.bodies == [b"one", b"two", b"three"]


async def test_crash_between_200_and_attempt_record_resends_with_same_id(house: House, clock: ManualClock) -> None:
    failing = FailingDatabase(house.db)
    victim = house.node(db=failing)
    await house.configure(owner_of(house.endpoint()))
    await house.publish(house.event("héllo 👋"), node=victim)
    await victim.dispatcher._owners.find(ACCOUNT, owner_of().owner_id)
    failing.is_away = True
    await house.receiver.wait_for(1)
    await victim.dispatcher.stop(0.1)
    assert await house.states() == ["pending"]
    failing.is_away = False
    clock.advance(seconds=LEASE)
    await sweep(house, house.webhooks)
    first, second = house.receiver.requests
    assert first.body == second.body == "héllo 👋".encode()
    for name in ("x-liveperson-request-id", "x-liveperson-signature"):
        assert first.headers[name] == second.headers[name]
    assert await house.states() == ["delivered"]


async def test_lease_lost_by_slow_worker_cannot_write_result(house: House, clock: ManualClock) -> None:
    go_on = asyncio.Event()

    async def answer(_request: Received) -> Answer:
        if len(house.receiver.requests) == 1:
            await go_on.wait()
            return Answer(500)
        return Answer()

    house.receiver.answer = answer
    await house.configure(owner_of(house.endpoint()))
    stalled = house.node(response_seconds=20)
    await house.publish(house.event("one"), house.event("two"), node=stalled)
    await house.receiver.wait_for(1)
    clock.advance(seconds=LEASE)
    assert await sweep(house, house.webhooks) == 1
    assert await house.states() == 2 * ["delivered"]
    go_on.set()
    await house.settle(stalled)
    assert await house.states() == 2 * ["delivered"]
    assert await house.attempts() == [1, 1]
    assert house.receiver.bodies == [b"one", b"one", b"two"]
    assert stalled.dispatcher._lanes == {}


async def test_a_lane_that_is_worked_on_is_not_taken_over(house: House, clock: ManualClock) -> None:
    other = house.node()
    house.receiver.answer = lambda _: Answer(500)
    await house.configure(owner_of(house.endpoint(retries=5)))
    await house.publish(house.event("one"))
    await house.settle()
    for _ in range(4):
        clock.advance(seconds=20)
        house.webhooks.dispatcher.renew_leases()
        await house.settle(house.webhooks)
        assert await sweep(house, other) == 0


async def test_a_waiting_delivery_of_a_dead_node_is_sent_by_another_when_it_is_due(
    house: House, clock: ManualClock
) -> None:
    answers = iter([Answer(500), Answer()])
    house.receiver.answer = lambda _: next(answers)
    await house.configure(owner_of(house.endpoint(retries=1)))
    victim = house.node()
    await house.publish(house.event("one"), node=victim)
    await house.settle(victim)
    await victim.dispatcher.stop(1)  # it leaves the lane to others, with the time of the next attempt
    await sweep(house, house.webhooks)
    await house.settle()
    assert len(house.receiver.requests) == 1
    await house.pass_time(30)
    assert await house.states() == ["delivered"]
    assert await house.attempts() == [2]


async def test_events_published_on_another_node_are_found_without_waiting(house: House) -> None:
    other = house.node()
    release = asyncio.Event()

    async def answer(_request: Received) -> Answer:
        await release.wait()
        return Answer()

    house.receiver.answer = answer
    await house.configure(owner_of(house.endpoint()))
    await house.publish(house.event("one"))
    await house.receiver.wait_for(1)
    await house.publish_each(["two", "three"], node=other)
    release.set()
    await house.settle()
    assert house.receiver.bodies == [b"one", b"two", b"three"]
    assert await house.is_free()
    assert other.dispatcher._lanes == {}


async def test_a_node_that_does_not_deliver_leaves_its_events_to_the_others(house: House) -> None:
    publisher = house.node(running=False)
    await house.configure(owner_of(house.endpoint()))
    await house.publish(house.event("one"), node=publisher)
    await sweep(house, house.webhooks)
    assert house.receiver.bodies == [b"one"]


async def test_a_full_node_leaves_new_lanes_to_the_others(house: House) -> None:
    go_on = asyncio.Event()

    async def answer(request: Received) -> Answer:
        if request.body == b"slow":
            await go_on.wait()
        return Answer()

    house.receiver.answer = answer
    full = house.node(most_lanes=2)
    await house.configure(owner_of(house.endpoint()))
    await house.publish(house.event("slow", "a"), house.event("slow", "b"), node=full)
    await house.receiver.wait_for(2)
    await house.publish(house.event("good", "c"), node=full)
    assert set(full.dispatcher._lanes) == {(ACCOUNT, owner_of().owner_id, lane) for lane in "ab"}
    assert await full.dispatcher.sweep_once() == 0
    assert await sweep(house, house.webhooks) == 1
    assert await house.states("c") == ["delivered"]
    go_on.set()
    await house.settle()


async def test_lanes_that_wait_do_not_fill_a_node(house: House) -> None:
    house.receiver.answer = lambda request: Answer(500 if request.body == b"bad" else 200)
    node = house.node(most_lanes=4)
    await house.configure(owner_of(house.endpoint(retries=1)))
    for number in range(10):
        await house.publish(house.event("bad", f"c{number}"), node=node)
        await house.settle(node)
    assert len(node.dispatcher._lanes) <= 3
    house.receiver.answer = lambda _: Answer()
    await house.pass_time(30)
    while await sweep(house, node):
        pass
    assert await house.states(lane=None) == 10 * ["delivered"]


async def test_two_nodes_that_sweep_at_once_take_each_lane_once(house: House, clock: ManualClock) -> None:
    await house.configure(owner_of(house.endpoint()))
    await house.publish_and_crash(*(house.event(f"m{number}", f"c{number}") for number in range(50)))
    clock.advance(seconds=LEASE)
    other = house.node()
    taken = await asyncio.gather(house.webhooks.dispatcher.sweep_once(), other.dispatcher.sweep_once())
    await house.settle()
    assert sum(taken) == 50
    assert sorted(house.receiver.bodies) == sorted(f"m{number}".encode() for number in range(50))


async def test_stopping_lets_the_request_under_way_end_and_leaves_the_rest(house: House) -> None:
    house.receiver.answer = lambda _: Answer(delay=0.1)
    await house.configure(owner_of(house.endpoint()))
    node = house.node()
    await house.publish_each(["one", "two", "three"], node=node)
    await house.receiver.wait_for(1)
    await node.stop()
    assert await house.states() == ["delivered", "pending", "pending"]
    house.receiver.answer = lambda _: Answer()
    assert await sweep(house, house.webhooks) == 1
    assert house.receiver.bodies == [b"one", b"two", b"three"]


async def test_stopping_does_not_wait_for_ever(house: House) -> None:
    house.receiver.answer = lambda _: Answer(delay=30)
    await house.configure(owner_of(house.endpoint()))
    node = house.node(response_seconds=30)
    await house.publish(house.event("one"), node=node)
    await house.receiver.wait_for(1)
    started = time.monotonic()
    await node.dispatcher.stop(0.2)
    assert time.monotonic() - started < 2
    assert await house.states() == ["pending"]
    house.receiver.answer = lambda _: Answer()
    assert await sweep(house, house.webhooks) == 1  # it left the lane, no lease has to run out
    assert await house.states() == ["delivered"]


async def test_results_wait_for_a_database_that_is_away(house: House) -> None:
    failing = FailingDatabase(house.db)
    node = house.node(db=failing)
    await house.configure(owner_of(house.endpoint()))
    await node.dispatcher._owners.find(ACCOUNT, owner_of().owner_id)
    await house.publish(house.event("one"), house.event("two"), node=node)
    failing.is_away = True
    await house.receiver.wait_for(1)
    async with asyncio.timeout(5):
        while failing.refused < 2:  # noqa: ASYNC110 - counts refusals of a stand-in
            await asyncio.sleep(0.01)
    assert house.receiver.bodies == [b"one"]
    failing.is_away = False
    await house.settle(node)
    assert house.receiver.bodies == [b"one", b"two"]
    assert await house.states() == 2 * ["delivered"]


async def test_an_owner_that_cannot_be_read_costs_no_retry(house: House, clock: ManualClock) -> None:
    failing = FailingDatabase(house.db)
    node = house.node(db=failing)
    await house.configure(owner_of(house.endpoint()))
    failing.is_away = True
    await house.publish(house.event("one"), node=node)
    await house.settle(node)
    assert (house.receiver.requests, await house.states(), await house.attempts()) == ([], ["pending"], [0])
    failing.is_away = False
    clock.advance(seconds=1)
    node.dispatcher.wake_due()
    await house.settle(node)
    assert await house.states() == ["delivered"]


async def test_a_secret_that_cannot_be_opened_holds_its_app_and_no_other(house: House) -> None:
    other_vault = Vault([("other", b"\x08" * 32)])
    sealed_elsewhere = House(house.db, house.clock, other_vault, house.egress, house.receiver)
    await sealed_elsewhere.configure(owner_of(house.endpoint()))
    await house.configure(owner_of(house.endpoint(), owner_id="app-2"))
    await house.publish(house.event("one"), house.event("two", owner_id="app-2"))
    await house.settle()
    assert house.receiver.bodies == [b"two"]
    found, _ = await house.webhooks.list_deliveries(ACCOUNT, DeliveryFilter(owner_id=owner_of().owner_id))
    assert [(each.status, each.attempts) for each in found] == [("pending", 0)]


async def test_a_locked_database_loses_neither_events_nor_results(house: House, database_url: str) -> None:
    if house.db.engine != "sqlite":
        pytest.skip("the lock of a file")
    quick = await open_database(database_url, busy_ms=20)
    node = house.node(db=quick)
    await house.configure(owner_of(house.endpoint()))
    await node.dispatcher._owners.find(ACCOUNT, owner_of().owner_id)
    house.receiver.answer = lambda _: Answer(delay=0.1)
    await quick.write(lambda tx: node.publish(tx, [house.event("one")]))
    await house.receiver.wait_for(1)
    with contextlib.closing(sqlite3.connect(database_url.removeprefix("sqlite:///"), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseUnavailable):
            await quick.write(lambda tx: node.publish(tx, [house.event("two")]))
        await asyncio.sleep(0.3)
        assert await house.states() == ["pending"]
        other.execute("ROLLBACK")
    await house.settle(node)
    assert await house.states() == ["delivered"]
    assert house.receiver.bodies == [b"one"]
    await quick.close()


async def test_cut_connections_to_the_database_lose_no_result(house: House) -> None:
    if house.db.engine != "postgresql":
        pytest.skip("connections to a server")
    house.receiver.answer = lambda _: Answer(delay=0.1)
    await house.configure(owner_of(house.endpoint()))
    await house.publish(house.event("one"), house.event("two"))
    await house.receiver.wait_for(1)
    cut = sa.select(sa.func.pg_terminate_backend(sa.literal_column("pid"))).select_from(sa.text("pg_stat_activity"))
    cut = cut.where(sa.text("datname = current_database()"))
    with pytest.raises(DatabaseUnavailable):
        await house.db.write(lambda tx: tx.fetch(cut))
    await house.settle()
    assert house.receiver.bodies == [b"one", b"two"]
    assert await house.states() == 2 * ["delivered"]


async def test_kill_9_during_load_loses_nothing(house: House, authority: Authority, database_url: str) -> None:
    dice = random.Random(7)  # noqa: S311 - reproducible, not secret
    house.receiver.answer = lambda _: Answer(dice.choice((200, 200, 200, 503)), delay=dice.random() / 100)
    victim = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "support.webhooks_victim",
        database_url,
        house.receiver.url(),
        str(authority.ca_file),
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parent.parent,
    )
    assert victim.stdout is not None
    committed = [(await victim.stdout.readline()).decode().strip() for _ in range(200)]
    victim.kill()
    committed += (await victim.stdout.read()).decode().split()
    await victim.wait()
    assert len(committed) >= 200
    before = len(house.receiver.requests)

    house.receiver.answer = lambda _: Answer()
    clock = ManualClock(SystemClock().now_ms() + 1000 * 2 * LEASE)
    heir = House(house.db, clock, house.vault, house.egress, house.receiver)
    heir.node()
    while await sweep(heir, heir.webhooks):
        pass
    assert len(house.receiver.requests) > before
    assert set(await heir.states(lane=None)) == {"delivered"}
    arrived = [body.decode() for body in dict.fromkeys(house.receiver.bodies)]
    assert set(committed) <= set(arrived)
    for lane in {body.partition("/")[0] for body in committed}:
        numbers = [int(body.partition("/")[2]) for body in arrived if body.startswith(f"{lane}/")]
        assert numbers == list(range(len(numbers)))
    await heir.close()


@pytest.mark.parametrize("seed", [1, 2])
async def test_chaos_loses_nothing_and_keeps_the_order(
    db: Database, vault: Vault, egress: Egress, house: House, seed: int
) -> None:
    """Nodes die and start in real time while endpoints fail at random: every event arrives, first arrivals in order."""
    dice = random.Random(seed)  # noqa: S311 - reproducible, not secret
    receiver = house.receiver
    receiver.answer = lambda _: Answer(dice.choice((200, 200, 200, 500, 503)), delay=dice.random() / 200)
    chaos = House(db, SystemClock(), vault, egress, receiver)

    async def start_node() -> Webhooks:
        node = chaos.node(
            running=False,
            retry_seconds=0.02,
            lease_seconds=0.5,
            sweep_seconds=0.05,
            connect_seconds=0.2,
            response_seconds=0.2,
        )
        await node.start()
        return node

    await chaos.configure(owner_of(chaos.endpoint(retries=5)))
    alive = [await start_node() for _ in range(3)]
    published: dict[str, list[bytes]] = defaultdict(list)
    for number in range(120):
        lane = f"c{dice.randrange(6)}"
        event = chaos.event(f"{lane}/{number}", lane)
        await chaos.publish(event, node=dice.choice(alive))
        published[lane].append(event.body)
        if number % 30 == 15:  # one dies without a word, another takes its place
            victim = alive.pop(dice.randrange(3))
            await victim.dispatcher.stop(0)
            alive.append(await start_node())
    async with asyncio.timeout(20):
        while "pending" in await chaos.states(lane=None):  # noqa: ASYNC110 - the state is in the database
            await asyncio.sleep(0.05)
    await chaos.close()
    for lane, bodies in published.items():
        arrived = [body for body in dict.fromkeys(receiver.bodies) if body.startswith(f"{lane}/".encode())]
        assert arrived == bodies
