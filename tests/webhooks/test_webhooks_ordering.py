"""Order by best effort: an event that waits for its retry is overtaken, and nothing else changes."""

import asyncio
import random
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace

import pytest
import sqlalchemy as sa

from support.receiver import Answer, Received
from support.webhooks_house import ACCOUNT, APP, CONTENT, House, owner_of
from switchbay.accounts.public import OPERATOR
from switchbay.infra.db import Tx
from switchbay.infra.machine import ManualClock
from switchbay.webhooks.public import DeliveryFilter, DeliverySummary, Ordering, Owner
from switchbay.webhooks.tables import HELD, deliveries, lanes
from switchbay.webhooks.timeline import HeldBy, Step, timeline


def app(house: House, *, retries: int = 5, ordering: Ordering = Ordering.BEST_EFFORT) -> Owner:
    return replace(owner_of(house.endpoint(retries=retries)), ordering=ordering)


def failing(*bodies: str) -> Callable[[Received], Answer]:
    """Answer 503 to these bodies."""
    return lambda request: Answer(503 if request.body.decode() in bodies else 200)


def up(_request: Received) -> Answer:
    return Answer()


async def own_lanes(house: House) -> list[tuple[int | None, int]]:
    """When the lanes of single deliveries may be taken, and their fences."""

    async def read(tx: Tx) -> list[tuple[int | None, int]]:
        statement = sa.select(lanes.c.wake_at, lanes.c.fence).where(lanes.c.lane.like("retry/%"))
        return [(row[0], row[1]) for row in await tx.fetch(statement.order_by(lanes.c.lane))]

    return await house.db.read(read)


async def of_conversation(house: House, lane: str = "c1") -> list[DeliverySummary]:
    found, _ = await house.webhooks.list_deliveries(ACCOUNT, DeliveryFilter(lane=lane), limit=200)
    return sorted(found, key=lambda each: each.position)


async def test_later_events_overtake_one_that_waits_for_its_retry(house: House) -> None:
    house.receiver.answer = failing("one")
    await house.configure(app(house))
    await house.publish_each(["one", "two", "three"])
    await house.settle()
    assert house.receiver.bodies == [b"one", b"two", b"three"]
    assert await house.states() == ["pending", "delivered", "delivered"]
    assert await house.is_free()
    house.receiver.answer = up
    await house.pass_time(29.9)
    assert len(house.receiver.requests) == 3
    await house.pass_time(0.1)
    assert house.receiver.bodies[3:] == [b"one"]
    assert await house.states() == 3 * ["delivered"]
    assert await house.attempts() == [2, 1, 1]
    assert await own_lanes(house) == []
    assert house.webhooks.dispatcher._lanes == {}
    assert house.webhooks.dispatcher._memory.held == 0


async def test_without_the_choice_later_events_wait(house: House) -> None:
    house.receiver.answer = failing("one")
    await house.configure(app(house, ordering=Ordering.STRICT))
    await house.publish_each(["one", "two"])
    await house.settle()
    assert house.receiver.bodies == [b"one"]
    assert await own_lanes(house) == []


async def test_with_a_retention_time_the_choice_has_no_effect(house: House) -> None:
    house.receiver.answer = failing("one")
    await house.configure(replace(app(house), retention_time=600))
    await house.publish_each(["one", "two"])
    await house.settle()
    assert house.receiver.bodies == [b"one"]
    house.receiver.answer = up
    await house.pass_time(2)
    assert house.receiver.bodies == [b"one", b"one", b"two"]
    assert await own_lanes(house) == []


async def test_each_retry_comes_30_seconds_after_the_one_before_until_they_are_exhausted(house: House) -> None:
    house.receiver.answer = failing("one", "two")
    await house.configure(app(house, retries=3))
    await house.publish_each(["one", "two", "three"])
    await house.settle()
    assert len(house.receiver.requests) == 3
    for made in range(1, 4):
        await house.pass_time(29.9)
        assert len(house.receiver.requests) == 1 + 2 * made
        await house.pass_time(0.1)
        assert len(house.receiver.requests) == 3 + 2 * made
    assert await house.states() == ["failed:retries_exhausted", "failed:retries_exhausted", "delivered"]
    assert await house.attempts() == [4, 4, 1]
    assert await own_lanes(house) == []


async def test_events_that_do_not_fail_keep_their_order(house: House) -> None:
    house.receiver.answer = failing("m3", "m7")
    await house.configure(app(house))
    await house.publish(*(house.event(f"m{number}") for number in range(10)))
    await house.publish_each([f"m{number}" for number in range(10, 20)])
    await house.settle()
    assert house.receiver.bodies == [f"m{number}".encode() for number in range(20)]


async def test_search_replay_and_timeline_know_the_conversation(house: House) -> None:
    house.receiver.answer = failing("one")
    await house.configure(app(house))
    await house.publish_each(["one", "two"])
    await house.settle()
    one, two = await of_conversation(house)
    assert [(each.lane, each.position, each.status) for each in (one, two)] == [
        ("c1", 0, "pending"),
        ("c1", 1, "delivered"),
    ]
    for each, held in ((one, [HeldBy.RETRY]), (two, [])):
        detail = await house.webhooks.get_delivery(ACCOUNT, each.id)
        moments = timeline(detail.summary, detail.published_at, detail.attempts, detail.holder)
        assert [moment.held_by for moment in moments if moment.step is Step.HELD] == held
    house.receiver.answer = up
    await house.pass_time(30)
    detail = await house.webhooks.get_delivery(ACCOUNT, two.id)
    moments = timeline(detail.summary, detail.published_at, detail.attempts, detail.holder)
    assert [moment.step for moment in moments] == [Step.PUBLISHED, Step.QUEUED, Step.ATTEMPT, Step.DONE]
    await house.webhooks.replays.replay_one(ACCOUNT, one.id, OPERATOR)
    await house.settle()
    assert house.receiver.bodies == [b"one", b"two", b"one", b"one"]
    assert [(each.lane, each.position) for each in await of_conversation(house)] == [("c1", 0), ("c1", 1), ("c1", 2)]


async def test_it_is_one_transaction_with_the_attempt(house: House, clock: ManualClock) -> None:
    house.receiver.answer = failing("one")
    await house.configure(app(house))
    await house.publish_each(["one"])
    await house.settle()
    for lane in tuple(house.webhooks.dispatcher._lanes.values()):  # the node dies without a word
        house.webhooks.dispatcher._drop(lane)
    house.webhooks.dispatcher._is_running = False
    heir = house.node()
    await house.publish(house.event("two"), node=heir)
    await house.settle(heir)
    assert house.receiver.bodies == [b"one", b"two"]
    house.receiver.answer = up
    clock.advance(seconds=60)
    assert await heir.dispatcher.sweep_once() == 1
    await house.settle(heir)
    assert house.receiver.bodies == [b"one", b"two", b"one"]
    assert (await house.states(), await house.attempts(), await own_lanes(house)) == (
        ["delivered", "delivered"],
        [2, 1],
        [],
    )


async def test_a_node_that_is_stopped_leaves_what_waits_to_others(house: House) -> None:
    house.receiver.answer = failing("one")
    await house.configure(app(house))
    await house.publish_each(["one"])
    await house.settle()
    await house.webhooks.dispatcher.stop(1)
    heir = house.node()
    assert await heir.dispatcher.sweep_once() == 1
    house.receiver.answer = up
    await house.pass_time(29.9)
    assert len(house.receiver.requests) == 1
    await house.pass_time(0.1)
    assert await house.states() == ["delivered"]


async def test_what_fails_while_the_node_stops_is_left_to_others(house: House) -> None:
    release = asyncio.Event()

    async def answer(_request: Received) -> Answer:
        await release.wait()
        return Answer(503)

    house.receiver.answer = answer
    await house.configure(app(house))
    await house.publish_each(["one"])
    await house.receiver.wait_for(1)
    stopping = asyncio.create_task(house.webhooks.dispatcher.stop(5))
    await asyncio.sleep(0)
    release.set()
    await stopping
    assert await own_lanes(house) == [(house.clock.now_ms(), 1)]
    heir = house.node()
    assert await heir.dispatcher.sweep_once() == 1
    house.receiver.answer = up
    await house.settle(heir)
    await house.pass_time(30)
    assert await house.states() == ["delivered"]


async def test_a_slow_node_that_lost_the_lane_cannot_bring_it_back(house: House, clock: ManualClock) -> None:
    go_on = asyncio.Event()

    async def answer(_request: Received) -> Answer:
        if len(house.receiver.requests) == 1:
            return Answer(503)
        if len(house.receiver.requests) == 2:
            await go_on.wait()
            return Answer(503)
        return Answer()

    house.receiver.answer = answer
    await house.webhooks.dispatcher.stop(0)
    stalled, heir = house.node(response_seconds=20), house.node()
    await house.configure(app(house))
    await house.publish(house.event("one"), node=stalled)
    await house.settle(stalled)
    clock.advance(seconds=30)
    stalled.dispatcher.wake_due()
    await house.receiver.wait_for(2)
    clock.advance(seconds=120)
    assert await heir.dispatcher.sweep_once() == 1
    await house.settle(heir)
    assert (await house.states(), await own_lanes(house)) == (["delivered"], [])
    go_on.set()
    await house.settle(stalled)
    assert (await house.states(), await house.attempts(), await own_lanes(house)) == (["delivered"], [2], [])
    assert stalled.dispatcher._lanes == {}


async def test_a_node_with_a_full_memory_leaves_what_waits_to_the_sweep(house: House) -> None:
    house.receiver.answer = failing("one")
    await house.webhooks.dispatcher.stop(0)
    node = house.node(most_lanes=1)
    await house.configure(app(house))
    await house.publish(house.event("one"), house.event("two"), node=node)
    await house.settle(node)
    assert house.receiver.bodies == [b"one", b"two"]
    assert node.dispatcher._lanes == {}
    assert await own_lanes(house) == [(house.clock.now_ms() + 30_000, 1)]
    house.receiver.answer = up
    await house.pass_time(30)
    assert await node.dispatcher.sweep_once() == 1
    await house.settle(node)
    assert await house.states() == 2 * ["delivered"]


async def test_what_waits_is_kept_while_the_app_is_disabled_and_goes_when_it_is_removed(house: House) -> None:
    house.receiver.answer = failing("one")
    owner = app(house)
    await house.configure(owner)
    await house.publish_each(["one", "two"])
    await house.settle()
    await house.configure(replace(owner, enabled=False))
    await house.pass_time(30)
    assert ([wake for wake, _ in await own_lanes(house)], len(house.receiver.requests)) == ([HELD], 2)
    house.receiver.answer = up
    await house.configure(owner)
    await house.webhooks.dispatcher._gates.look()
    await house.pass_time(0.1)
    assert (await house.states(), await own_lanes(house)) == (2 * ["delivered"], [])
    house.receiver.answer = failing("three")
    await house.publish(house.event("three"))
    await house.settle()
    await house.remove()
    await house.pass_time(30)
    assert (await house.states())[2] == "cancelled:app_removed"
    assert await own_lanes(house) == []


async def test_a_disabled_apps_event_that_waits_by_itself_is_given_up_in_time(house: House) -> None:
    await house.webhooks.dispatcher.stop(0)
    node = house.node(parked_seconds=100)
    house.receiver.answer = failing("one")
    owner = app(house)
    await house.configure(owner)
    await house.publish(house.event("one"), node=node)
    await house.settle(node)
    await house.configure(replace(owner, enabled=False))
    await node.dispatcher._gates.look()
    for _ in range(12):
        await house.pass_time(10)
    assert (await house.states(), await own_lanes(house)) == (["failed:retention_expired"], [])


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_nothing_is_lost_among_random_failures_and_dying_nodes(
    house: House, clock: ManualClock, seed: int
) -> None:
    dice = random.Random(seed)  # noqa: S311 - reproducible, not secret
    seen: dict[str, int] = defaultdict(int)

    def answer(request: Received) -> Answer:
        seen[request.body.decode()] += 1
        return Answer(503 if dice.random() < 0.4 else 200)

    house.receiver.answer = answer
    await house.configure(app(house))
    names = [f"m{number}" for number in range(60)]
    for place, name in enumerate(names):
        await house.publish(house.event(name, f"c{dice.randrange(4)}"), node=house.nodes[-1])
        if place % 20 == 10:
            await house.nodes[-1].dispatcher.stop(0)
            house.node()
        if place % 5 == 0:
            clock.advance(seconds=dice.randrange(20))
            house.nodes[-1].dispatcher.wake_due()
    for _ in range(12):
        clock.advance(seconds=30)
        house.nodes[-1].dispatcher.wake_due()
        await house.nodes[-1].dispatcher.sweep_once()
        await house.settle(house.nodes[-1])
    found, _ = await house.webhooks.list_deliveries(ACCOUNT, DeliveryFilter(owner_id=APP, event_key=CONTENT), limit=200)
    assert len(found) == len(names)
    assert {each.status for each in found} <= {"delivered", "failed"}
    assert all(each.attempts == 6 for each in found if each.status == "failed")
    assert set(seen) == set(names)
    assert await own_lanes(house) == []

    async def apart(tx: Tx) -> int:
        row = await tx.fetch_one(sa.select(sa.func.count()).where(deliveries.c.conversation.is_not(None)))
        assert row is not None
        return int(row[0])

    assert await house.db.read(apart) > 0
