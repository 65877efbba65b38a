"""The events of an app that is disabled are kept, cost nothing meanwhile, and go in order once it is enabled again."""

import asyncio
from dataclasses import replace

import pytest
import sqlalchemy as sa

from support.receiver import Answer, Received
from support.webhooks_house import ACCOUNT, APP, OTHER_APP, House, owner_of
from switchbay.infra.db import Tx
from switchbay.infra.machine import ManualClock
from switchbay.webhooks import owners as owner_memory
from switchbay.webhooks.public import DeliveryFilter, Owner, Webhooks
from switchbay.webhooks.tables import HELD, lanes, owners
from switchbay.webhooks.timeline import HeldBy, Moment, Step, timeline

HOUR = 3600
DAY = 86_400
retentions = pytest.mark.parametrize("retention", [0, HOUR])


def down(_request: Received) -> Answer:
    return Answer(503)


def up(_request: Received) -> Answer:
    return Answer()


def app(house: House, retention: int = 0, *, owner_id: str = APP, path: str = "/hook") -> Owner:
    return replace(owner_of(house.endpoint(path=path, retries=5), owner_id=owner_id), retention_time=retention)


async def switch(house: House, owner: Owner, *, on: bool, node: Webhooks | None = None) -> None:
    """Switch an app on or off, and have a node notice."""
    await house.configure(replace(owner, enabled=on))
    await (node or house.webhooks).dispatcher._gates.look()


async def held(house: House) -> list[str]:
    statement = sa.select(lanes.c.lane).where(lanes.c.wake_at == HELD).order_by(lanes.c.lane)

    async def read(tx: Tx) -> list[str]:
        return [row[0] for row in await tx.fetch(statement)]

    return await house.db.read(read)


async def timer(house: House) -> int | None:
    async def read(tx: Tx) -> int | None:
        row = await tx.fetch_one(sa.select(owners.c.gate_at).where(owners.c.owner_id == APP))
        assert row is not None
        return None if row[0] is None else int(row[0])

    return await house.db.read(read)


async def gate(house: House) -> str:
    async def read(tx: Tx) -> str:
        row = await tx.fetch_one(sa.select(owners.c.gate).where(owners.c.owner_id == APP))
        assert row is not None
        return str(row[0])

    return await house.db.read(read)


async def park(house: House, retention: int = 0) -> Owner:
    """An app with two events of one conversation and one of another, which is disabled while they wait."""
    house.receiver.answer = down
    owner = app(house, retention)
    await house.configure(owner)
    await house.publish_each(["a1", "a2"], "a")
    await house.publish_each(["b1"], "b")
    await house.settle()
    await switch(house, owner, on=False)
    await house.pass_time(30)
    return owner


@retentions
async def test_disable_parks_pending_and_enable_resumes_in_order(house: House, retention: int) -> None:
    owner = await park(house, retention)
    made = len(house.receiver.requests)
    await house.publish(house.event("unrecorded", "a"))
    await house.pass_time(600)
    assert len(house.receiver.requests) == made
    assert await house.states(lane=None) == 3 * ["pending"]
    assert await held(house) == ["a", "b"]
    house.receiver.answer = up
    await switch(house, owner, on=True)
    await house.publish(house.event("a3", "a"), house.event("c1", "c"))
    for _ in range(4):
        await house.pass_time(0.3)
    bodies = house.receiver.bodies[made:]
    assert [body for body in bodies if body.startswith(b"a")] == [b"a1", b"a2", b"a3"]
    assert sorted(bodies) == [b"a1", b"a2", b"a3", b"b1", b"c1"]
    assert await house.states(lane=None) == 5 * ["delivered"]
    assert (await gate(house), await timer(house), await held(house)) == ("up", None, [])
    for lane in "abc":
        assert await house.is_free(lane)


async def test_what_is_parked_costs_nothing_but_a_timer(house: House) -> None:
    owner = app(house)
    await house.configure(owner)
    busy = house.node(running=False)
    await house.publish(*(house.event(f"m{number}", f"c{number}") for number in range(50)), node=busy)
    await switch(house, owner, on=False)
    assert await house.webhooks.dispatcher.sweep_once() == 50
    await house.settle()
    assert len(await held(house)) == 50
    assert house.webhooks.dispatcher._lanes == {}
    assert (await house.webhooks.dispatcher.sweep_once(), house.webhooks.dispatcher.renew_leases()) == (0, 0)
    now = house.clock.now_ms()
    due = await timer(house)
    assert due is not None
    assert now + 60_000 < due <= now + 300_000
    assert house.receiver.requests == []


@retentions
async def test_what_is_parked_survives_a_restart_and_is_sent_by_another_node(house: House, retention: int) -> None:
    owner = await park(house, retention)
    made = len(house.receiver.requests)
    await house.webhooks.dispatcher.stop(1)
    heir = house.node()
    house.receiver.answer = up
    await switch(house, owner, on=True, node=heir)
    for _ in range(3):
        await house.pass_time(0.3)
    assert await house.states(lane=None) == 3 * ["delivered"]
    bodies = [body for body in house.receiver.bodies[made:] if body.startswith(b"a")]
    assert bodies == [b"a1", b"a2"]


async def test_a_node_that_dies_before_it_has_parked_loses_nothing(house: House, clock: ManualClock) -> None:
    owner = app(house)
    await house.configure(owner)
    await house.publish_and_crash(house.event("a1", "a"), house.event("a2", "a"))
    await switch(house, owner, on=False)
    clock.advance(seconds=60)
    assert await house.webhooks.dispatcher.sweep_once() == 1
    await house.settle()
    assert (await held(house), house.receiver.requests) == (["a"], [])
    await switch(house, owner, on=True)
    await house.pass_time(0.1)
    assert house.receiver.bodies == [b"a1", b"a2"]


async def test_the_events_of_a_disabled_app_without_retention_are_kept_for_the_set_time(house: House) -> None:
    node = house.node(parked_seconds=DAY)
    await house.webhooks.dispatcher.stop(0)
    house.receiver.answer = down
    owner = app(house)
    await house.configure(owner)
    started = house.clock.now_ms()
    await house.publish(*(house.event(f"a{number}", "a") for number in range(70)), node=node)
    await house.settle()
    await house.pass_time(20)
    await house.publish(house.event("later", "a"), house.event("other", "b"), node=node)
    await switch(house, owner, on=False, node=node)
    for _ in range(DAY // 300 - 1):
        await house.pass_time(300)
    assert (await house.states(lane=None)).count("pending") == 72
    made = len(house.receiver.requests)
    for _ in range(30):
        await house.pass_time(10)
    assert await house.states("a") == 71 * ["failed:retention_expired"]
    assert await house.states("b") == ["failed:retention_expired"]
    found, _ = await node.list_deliveries(ACCOUNT, DeliveryFilter(), limit=100)
    assert all(each.created_at + DAY * 1000 <= (each.finished_at or 0) for each in found)
    assert min(each.finished_at or 0 for each in found) < started + DAY * 1000 + 20_000
    assert len(house.receiver.requests) == made
    assert (await held(house), await timer(house)) == ([], None)
    house.receiver.answer = up
    await switch(house, owner, on=True, node=node)
    await house.publish(house.event("new", "a"), node=node)
    await house.pass_time(0.1)
    assert house.receiver.bodies[-1] == b"new"


async def test_the_retention_runs_on_while_an_app_is_disabled(house: House) -> None:
    await park(house, 100)
    assert await house.states(lane=None) == 3 * ["pending"]
    for _ in range(8):
        await house.pass_time(10)
    assert await house.states(lane=None) == 3 * ["failed:retention_expired"]
    assert await held(house) == []


async def test_a_change_of_a_disabled_app_does_not_end_the_watch_over_what_is_parked(house: House) -> None:
    owner = await park(house, 100)
    await switch(house, replace(owner, endpoints=(house.endpoint(path="/new"),)), on=False)
    assert await timer(house) is not None
    for _ in range(8):
        await house.pass_time(10)
    assert await house.states(lane=None) == 3 * ["failed:retention_expired"]


async def test_uninstalling_cancels_what_is_parked(house: House) -> None:
    await park(house)
    await house.remove()
    await house.webhooks.dispatcher.sweep_once()
    await house.settle()
    assert await house.states(lane=None) == 3 * ["cancelled:app_removed"]
    assert await house.is_free("a")
    assert await house.is_free("b")


async def test_other_apps_do_not_notice(house: House) -> None:
    await house.configure(app(house, owner_id=OTHER_APP))
    await park(house)
    house.receiver.answer = up
    await house.publish(house.event("theirs", "a", owner_id=OTHER_APP))
    await house.settle()
    assert house.receiver.bodies[-1] == b"theirs"


@retentions
async def test_a_request_that_is_under_way_runs_to_its_end_and_counts(house: House, retention: int) -> None:
    release = asyncio.Event()

    async def answer(_request: Received) -> Answer:
        await release.wait()
        return Answer()

    house.receiver.answer = answer
    owner = app(house, retention)
    await house.configure(owner)
    await house.publish_each(["one", "two"])
    await house.receiver.wait_for(1)
    await switch(house, owner, on=False)
    release.set()
    await house.settle()
    assert await house.states() == ["delivered", "pending"]
    assert house.receiver.bodies == [b"one"]
    assert await held(house) == ["c1"]


async def test_a_failure_that_comes_in_after_the_app_was_disabled_counts_as_an_attempt(house: House) -> None:
    release = asyncio.Event()

    async def answer(_request: Received) -> Answer:
        await release.wait()
        return Answer(503)

    house.receiver.answer = answer
    owner = app(house, HOUR)
    await house.configure(owner)
    await house.publish_each(["one", "two"])
    await house.receiver.wait_for(1)
    await switch(house, owner, on=False)
    release.set()
    await house.settle()
    assert (await house.attempts(), await held(house), await gate(house)) == ([1, 0], ["c1"], "failed")
    house.receiver.answer = up
    await switch(house, owner, on=True)
    await house.pass_time(0.1)
    assert house.receiver.bodies == [b"one", b"one", b"two"]


async def test_attempts_made_before_are_not_forgotten(house: House) -> None:
    owner = await park(house)
    assert await house.attempts("a") == [1, 0]
    await switch(house, owner, on=True)
    await house.pass_time(0.1)
    for _ in range(4):
        await house.pass_time(30)
    assert await house.attempts("a") == [6, 1]
    assert (await house.states("a"))[0] == "failed:retries_exhausted"


async def test_a_node_that_has_not_heard_of_the_switching_on_does_not_park(house: House) -> None:
    owner = app(house)
    await house.configure(replace(owner, enabled=False))
    await house.webhooks.dispatcher._owners.find(ACCOUNT, APP)
    owner_memory._hearing.discard(house.webhooks.dispatcher._owners)  # as on a node that does not see the change
    await house.configure(owner)
    await house.publish(house.event("one"))
    await house.settle()
    assert house.receiver.bodies == [b"one"]
    assert await held(house) == []


async def test_a_closed_gate_stays_closed_over_a_time_of_being_disabled_and_is_tried_at_once(house: House) -> None:
    owner = await park(house, HOUR)
    made = len(house.receiver.requests)
    assert await gate(house) == "failed"
    await switch(house, owner, on=True)
    await house.pass_time(0.1)
    assert len(house.receiver.requests) == made + 1
    assert await held(house) == ["a", "b"]
    house.receiver.answer = up
    await house.pass_time(300)
    assert await house.states(lane=None) == 3 * ["delivered"]


async def test_parked_events_are_left_alone_when_the_clock_is_set_back(house: House, clock: ManualClock) -> None:
    await park(house)
    clock.advance(seconds=-DAY)
    for _ in range(3):
        await house.webhooks.dispatcher._gates.look()
        await house.pass_time(0.1)
    assert await held(house) == ["a", "b"]
    due = await timer(house)
    assert due is not None
    assert due <= clock.now_ms() + 300_000


async def test_the_timeline_says_that_the_app_is_disabled(house: House) -> None:
    house.receiver.answer = down
    owner = app(house)
    await house.configure(owner)
    await house.publish(house.event("one"))
    await house.settle()
    await house.pass_time(1)
    since = house.clock.now_ms()
    await switch(house, owner, on=False)
    await house.pass_time(29)
    await switch(house, owner, on=False)
    [found], _ = await house.webhooks.list_deliveries(ACCOUNT, DeliveryFilter())
    detail = await house.webhooks.get_delivery(ACCOUNT, found.id)
    assert detail.holder.disabled_since == since
    last = timeline(detail.summary, detail.published_at, detail.attempts, detail.holder)[-1]
    assert last == Moment(since, Step.HELD, HeldBy.APP_DISABLED)
    await switch(house, owner, on=True)
    detail = await house.webhooks.get_delivery(ACCOUNT, found.id)
    assert detail.holder.disabled_since is None
