"""Retry by time to live: one failure holds the whole installation, its gate tries again, nothing is lost silently."""

import asyncio
from dataclasses import replace

import pytest
import sqlalchemy as sa

from support.receiver import Answer, Received
from support.webhooks_house import ACCOUNT, APP, CHAT_STATE, CONTENT, OTHER_APP, House, owner_of
from switchbay.infra.db import Tx
from switchbay.infra.machine import ManualClock
from switchbay.webhooks.domain import GateState, Reason
from switchbay.webhooks.public import DeliveryFilter, Endpoint, Health, Owner, find_health
from switchbay.webhooks.tables import HELD, endpoints, lanes, owners

HOUR = 3600


def app(*given: Endpoint, retention: int = HOUR, owner_id: str = APP) -> Owner:
    return replace(owner_of(*given, owner_id=owner_id), retention_time=retention)


async def gate(house: House, owner_id: str = APP) -> str:
    statement = sa.select(owners.c.gate).where(owners.c.owner_id == owner_id)

    async def read(tx: Tx) -> str:
        row = await tx.fetch_one(statement)
        assert row is not None
        return str(row[0])

    return await house.db.read(read)


async def held(house: House) -> list[str]:
    statement = sa.select(lanes.c.lane).where(lanes.c.wake_at == HELD).order_by(lanes.c.lane)

    async def read(tx: Tx) -> list[str]:
        return [row[0] for row in await tx.fetch(statement)]

    return await house.db.read(read)


def down(_request: Received) -> Answer:
    return Answer(503)


def up(_request: Received) -> Answer:
    return Answer()


async def test_ttl_mode_holds_whole_installation_and_releases_in_order(house: House) -> None:
    house.receiver.answer = down
    await house.configure(app(house.endpoint(), house.endpoint(CHAT_STATE, path="/chat")))
    await house.configure(app(house.endpoint(path="/other"), owner_id=OTHER_APP))
    await house.publish(house.event("a1", "a"))
    await house.settle()
    house.receiver.answer = up
    assert (await gate(house), await held(house)) == ("failed", ["a"])
    await house.publish(house.event("a2", "a"), house.event("b1", "b"))
    await house.publish(house.event("b2", "b", key=CHAT_STATE), house.event("c1", "c"))
    await house.publish(house.event("x1", "a", owner_id=OTHER_APP))
    await house.settle()
    assert house.receiver.bodies == [b"a1", b"x1"]
    assert await held(house) == ["a", "b", "c"]
    assert house.webhooks.dispatcher._lanes == {}
    await house.pass_time(2)
    bodies = [body.decode() for body in house.receiver.bodies[2:]]
    assert bodies[0] == "a1"
    assert sorted(bodies) == ["a1", "a2", "b1", "b2", "c1"]
    assert bodies.index("a1") < bodies.index("a2")
    assert bodies.index("b1") < bodies.index("b2")
    assert set(await house.states(lane=None)) == {"delivered"}
    assert sorted(await house.attempts("a")) == [1, 1, 2]
    for _ in range(3):
        await house.pass_time(0.5)
    assert (await gate(house), await held(house)) == ("up", [])
    for lane in "abc":
        assert await house.is_free(lane)


async def test_ttl_backoff_2_4_8_cap_300_and_expiry(house: House) -> None:
    house.receiver.answer = down
    await house.configure(app(house.endpoint(retries=1), retention=HOUR))
    started = house.clock.now_ms()
    await house.publish(house.event("one"), house.event("two"))
    await house.settle()
    await house.publish(house.event("elsewhere", "c2"))
    await house.settle()
    total = 0
    for made, gap in enumerate([2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300, 300, 300, 300, 300, 300, 300], start=1):
        await house.pass_time(gap - 0.1)
        assert len(house.receiver.requests) == made
        await house.pass_time(0.1)
        total += gap
        assert len(house.receiver.requests) == made + 1
        assert await gate(house) == "failed"
    assert set(house.receiver.bodies) == {b"one"}
    assert await house.attempts() == [18, 0]
    assert await house.states(lane=None) == ["pending", "pending", "pending"]
    await house.pass_time(HOUR - total - 0.1)
    requests = len(house.receiver.requests)
    assert await house.states(lane=None) == ["pending", "pending", "pending"]
    await house.pass_time(0.2)
    await house.pass_time(1)
    assert await house.states(lane=None) == 3 * ["failed:retention_expired"]
    assert len(house.receiver.requests) == requests
    found, _ = await house.webhooks.list_deliveries(ACCOUNT, DeliveryFilter())
    assert all(started + HOUR * 1000 <= (each.finished_at or 0) <= started + HOUR * 1000 + 2_000 for each in found)
    await house.pass_time(300)
    assert (await gate(house), await held(house)) == ("up", [])
    assert await house.is_free()
    assert await house.is_free("c2")


async def test_an_event_past_its_retention_is_given_up_even_if_its_gate_is_up(house: House, clock: ManualClock) -> None:
    await house.configure(app(house.endpoint(), retention=60))
    await house.publish_and_crash(house.event("one"))
    clock.advance(seconds=60)
    await house.publish(house.event("two"))
    await house.webhooks.dispatcher.sweep_once()
    await house.settle()
    assert house.receiver.bodies == [b"two"]
    assert await house.states() == ["failed:retention_expired", "delivered"]


async def test_only_what_is_over_is_given_up(house: House, clock: ManualClock) -> None:
    house.receiver.answer = down
    await house.configure(app(house.endpoint(), retention=10))
    await house.publish(house.event("one"))
    await house.settle()
    await house.pass_time(3)
    await house.publish(house.event("two"), house.event("other", "c2"))
    await house.settle()
    for _ in range(9):
        await house.pass_time(1)
    assert await house.states() == ["failed:retention_expired", "pending"]
    house.receiver.answer = up
    await house.pass_time(5)
    assert await house.states() == 2 * ["failed:retention_expired"]
    assert b"two" not in house.receiver.bodies


async def test_while_a_gate_is_closed_only_its_timer_asks_the_database(house: House) -> None:
    house.receiver.answer = down
    await house.configure(app(house.endpoint()))
    await house.publish(*(house.event(f"m{number}", f"c{number}") for number in range(50)))
    await house.settle()
    await house.pass_time(0.1)
    assert len(await held(house)) == 50
    assert house.webhooks.dispatcher._lanes == {}
    assert await house.webhooks.dispatcher.sweep_once() == 0
    assert house.webhooks.dispatcher.renew_leases() == 0
    made = len(house.receiver.requests)
    await house.pass_time(1.8)
    assert len(house.receiver.requests) == made
    await house.pass_time(0.2)
    assert len(house.receiver.requests) == made + 1


async def test_a_written_max_retries_of_0_does_not_close_the_gate_but_is_held_by_it(house: House) -> None:
    house.receiver.answer = down
    exempt = Endpoint(CHAT_STATE, house.receiver.url("/chat"), (), 0, is_exempt=True)
    await house.configure(app(house.endpoint(), exempt))
    await house.publish(house.event("lost", "c1", key=CHAT_STATE))
    await house.settle()
    assert (await gate(house), await house.states()) == ("up", ["failed:retries_exhausted"])
    await house.publish(house.event("main", "c2"))
    await house.settle()
    assert await gate(house) == "failed"
    await house.publish(house.event("kept", "c3", key=CHAT_STATE))
    await house.settle()
    assert (await house.states("c3"), await house.attempts("c3")) == (["pending"], [0])
    house.receiver.answer = up
    await house.pass_time(2)
    assert (await house.states("c2"), await house.states("c3")) == (["delivered"], ["delivered"])


async def test_an_exempt_event_that_is_tried_for_a_closed_gate_is_kept(house: House) -> None:
    house.receiver.answer = down
    exempt = Endpoint(CHAT_STATE, house.receiver.url("/chat"), (), 0, is_exempt=True)
    await house.configure(app(house.endpoint(), exempt, retention=10))
    await house.publish(house.event("main"))
    await house.settle()
    await house.pass_time(1)
    await house.publish(house.event("kept", key=CHAT_STATE))
    await house.settle()
    for _ in range(10):
        await house.pass_time(1)
    assert await house.states() == ["failed:retention_expired", "failed:retention_expired"]


async def test_states_go_from_failed_over_in_transition_and_recovered_to_up(house: House) -> None:
    house.receiver.answer = down
    await house.configure(app(house.endpoint()))
    await house.publish_each(["a1", "a2"], "a")
    await house.settle()
    release = asyncio.Event()

    async def slow(request: Received) -> Answer:
        if request.body in {b"a2", b"a3"}:
            await release.wait()
        return Answer()

    house.receiver.answer = slow
    clock = house.clock
    assert isinstance(clock, ManualClock)
    clock.advance(seconds=2)
    house.webhooks.dispatcher.wake_due()
    await house.receiver.wait_for(3)
    assert await gate(house) == "in_transition"
    await house.publish(house.event("a3", "a"), house.event("n1", "new"))
    await house.receiver.wait_for(4)
    assert house.receiver.bodies == [b"a1", b"a1", b"a2", b"n1"]
    release.set()
    await house.settle()
    assert house.receiver.bodies == [b"a1", b"a1", b"a2", b"n1", b"a3"]
    for _ in range(3):
        await house.pass_time(0.3)
    assert await gate(house) == "up"


async def test_a_failure_while_in_transition_closes_the_gate_again(house: House) -> None:
    house.receiver.answer = down
    await house.configure(app(house.endpoint()))
    await house.publish_each(["a1", "a2", "a3"], "a")
    await house.settle()
    await house.pass_time(2)
    house.receiver.answer = lambda request: Answer(500 if request.body == b"a2" else 200)
    await house.pass_time(4)
    assert await gate(house) == "failed"
    assert await house.states("a") == ["delivered", "pending", "pending"]
    await house.publish(house.event("n1", "new"))
    await house.settle()
    assert await held(house) == ["a", "new"]
    house.receiver.answer = up
    await house.pass_time(2)
    assert await house.states(lane=None) == 4 * ["delivered"]
    assert [body for body in house.receiver.bodies if body.startswith(b"a")][-2:] == [b"a2", b"a3"]


async def test_what_is_held_survives_a_restart_and_is_released_by_another_node(house: House) -> None:
    house.receiver.answer = down
    await house.configure(app(house.endpoint()))
    await house.publish_each(["one", "two"])
    await house.publish_each(["three"], "c2")
    await house.settle()
    await house.webhooks.dispatcher.stop(1)
    house.receiver.answer = up
    heir = house.node()
    assert isinstance(house.clock, ManualClock)
    house.clock.advance(seconds=2)
    await heir.dispatcher._gates.look()
    heir.dispatcher.wake_due()
    await house.settle(heir)
    assert await house.states(lane=None) == 3 * ["delivered"]
    assert house.receiver.bodies[:3] == [b"one", b"one", b"two"] or b"three" in house.receiver.bodies[1:3]


async def test_a_node_that_dies_while_it_tries_is_followed_by_another(house: House) -> None:
    house.receiver.answer = down
    await house.configure(app(house.endpoint()))
    await house.publish_each(["one", "two"])
    await house.settle()
    stuck = asyncio.Event()

    async def hang(_request: Received) -> Answer:
        await stuck.wait()
        return Answer()

    house.receiver.answer = hang
    clock = house.clock
    assert isinstance(clock, ManualClock)
    clock.advance(seconds=2)
    house.webhooks.dispatcher.wake_due()
    await house.receiver.wait_for(2)
    for task in house.webhooks.dispatcher._tasks:
        task.cancel()
    house.webhooks.dispatcher._is_running = False
    house.receiver.answer = up
    stuck.set()
    heir = house.node()
    clock.advance(seconds=60)
    await heir.dispatcher.sweep_once()
    await house.settle(heir)
    for _ in range(4):
        await heir.dispatcher._gates.look()
        heir.dispatcher.wake_due()
        await house.settle(heir)
        clock.advance(seconds=1)
    assert await house.states() == 2 * ["delivered"]
    assert house.receiver.bodies[-2:] == [b"one", b"two"]


async def test_two_nodes_try_a_closed_gate_once(house: House) -> None:
    other = house.node()
    house.receiver.answer = down
    await house.configure(app(house.endpoint()))
    await house.publish(*(house.event(f"m{number}", f"c{number}") for number in range(5)))
    await house.settle()
    made = len(house.receiver.requests)
    await other.dispatcher._gates.look()
    await house.pass_time(2)
    assert len(house.receiver.requests) == made + 1


async def test_removing_the_app_frees_what_is_held(house: House) -> None:
    house.receiver.answer = down
    await house.configure(app(house.endpoint()))
    await house.publish(house.event("one"))
    await house.settle()
    await house.remove()
    await house.webhooks.dispatcher.sweep_once()
    await house.settle()
    assert await house.states() == ["cancelled:app_removed"]
    assert await house.is_free()


async def test_an_update_of_the_app_has_a_closed_gate_tried_at_once(house: House) -> None:
    house.receiver.answer = lambda request: Answer(500 if request.path == "/hook" else 200)
    await house.configure(app(house.endpoint()))
    await house.publish_each(["one", "two"])
    await house.settle()
    for seconds in (2, 4, 8, 16):
        await house.pass_time(seconds)
    await house.configure(app(house.endpoint(path="/fixed")))
    await house.webhooks.dispatcher._gates.look()
    await house.pass_time(0.001)
    assert await house.states() == 2 * ["delivered"]


@pytest.mark.parametrize("retries", [0, 5])
async def test_giving_up_the_retention_releases_what_is_held(house: House, retries: int) -> None:
    house.receiver.answer = down
    await house.configure(app(house.endpoint()))
    await house.publish_each(["one", "two"])
    await house.settle()
    house.receiver.answer = up
    await house.configure(owner_of(house.endpoint(retries=retries)))
    await house.webhooks.dispatcher._gates.look()
    await house.pass_time(0.001)
    assert await house.states() == 2 * ["delivered"]


async def test_a_closed_gate_is_tried_again_after_the_clock_was_set_back(house: House, clock: ManualClock) -> None:
    house.receiver.answer = down
    await house.configure(app(house.endpoint()))
    await house.publish(house.event("one"))
    await house.settle()
    clock.advance(seconds=-86_400)
    house.receiver.answer = up
    await house.webhooks.dispatcher._gates.look()
    await house.pass_time(0.001)
    assert await house.states() == ["delivered"]


# 429, Retry-After, 410


@pytest.mark.parametrize(("asked", "gap"), [("20", 20), ("86400", 300), ("1", 2), ("nonsense", 2)])
async def test_a_closed_gate_waits_as_long_as_the_endpoint_asks(house: House, asked: str, gap: int) -> None:
    house.receiver.answer = lambda _: Answer(429, headers=[("Retry-After", asked)])
    await house.configure(app(house.endpoint()))
    await house.publish(house.event("one"))
    await house.settle()
    await house.pass_time(gap - 0.1)
    assert len(house.receiver.requests) == 1
    await house.pass_time(0.1)
    assert len(house.receiver.requests) == 2


@pytest.mark.parametrize(("asked", "gap"), [("90", 90), ("86400", 300), ("3", 30)])
async def test_a_retry_by_number_waits_as_long_as_the_endpoint_asks(house: House, asked: str, gap: int) -> None:
    house.receiver.answer = lambda _: Answer(503, headers=[("Retry-After", asked)])
    await house.configure(owner_of(house.endpoint(retries=1)))
    await house.publish(house.event("one"))
    await house.settle()
    await house.pass_time(gap - 0.1)
    assert len(house.receiver.requests) == 1
    await house.pass_time(0.1)
    assert len(house.receiver.requests) == 2


@pytest.mark.parametrize("retention", [0, HOUR])
async def test_410_disables_the_webhook_until_the_app_is_updated(house: House, retention: int) -> None:
    house.receiver.answer = lambda request: Answer(410 if request.path == "/hook" else 200)
    owner = app(house.endpoint(retries=5), house.endpoint(CHAT_STATE, path="/chat"), retention=retention)
    await house.configure(owner)
    await house.publish(house.event("one"), house.event("two"), house.event("typing", key=CHAT_STATE))
    await house.settle()
    assert await house.states() == ["failed:endpoint_gone", "failed:endpoint_gone", "delivered"]
    assert await gate(house) == "up"
    await house.publish(house.event("three"))
    await house.settle()
    assert [each.path for each in house.receiver.requests] == ["/hook", "/chat"]
    assert len(await house.states()) == 3
    disabled = sa.select(endpoints.c.event_key).where(endpoints.c.disabled_at.is_not(None))
    assert [row[0] for row in await house.db.read(lambda tx: tx.fetch(disabled))] == [CONTENT]
    house.receiver.answer = up
    await house.configure(owner)
    await house.publish(house.event("four"))
    await house.settle()
    assert house.receiver.bodies[-1] == b"four"


async def test_410_to_a_request_that_is_older_than_the_app_disables_nothing(house: House, clock: ManualClock) -> None:
    go_on = asyncio.Event()

    async def answer(_request: Received) -> Answer:
        await go_on.wait()
        return Answer(410)

    house.receiver.answer = answer
    await house.configure(owner_of(house.endpoint()))
    await house.publish(house.event("one"))
    await house.receiver.wait_for(1)
    clock.advance(seconds=1)
    await house.configure(owner_of(house.endpoint()))
    go_on.set()
    await house.settle()
    house.receiver.answer = up
    await house.publish(house.event("two"))
    await house.settle()
    assert await house.states() == ["failed:endpoint_gone", "delivered"]


async def test_health_tells_of_a_closed_gate_and_of_endpoints_that_are_gone(house: House) -> None:
    await house.configure(app(house.endpoint(), house.endpoint(CHAT_STATE, path="/chat")))
    house.receiver.answer = lambda request: Answer(410 if request.path == "/chat" else 503)
    at = house.clock.now_ms()
    await house.publish(house.event("typing", key=CHAT_STATE))
    await house.settle()
    await house.publish(house.event("one"))
    await house.settle()
    health = await house.db.read(lambda tx: find_health(tx, ACCOUNT, APP))
    assert health == Health(GateState.FAILED, at, at + 2_000, ((CHAT_STATE, at, Reason.ENDPOINT_GONE),))
    assert await house.db.read(lambda tx: find_health(tx, ACCOUNT, OTHER_APP)) is None
