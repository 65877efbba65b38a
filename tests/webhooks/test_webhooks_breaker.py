"""The circuit breaker of retries by number, in accounts that ask for it: it pauses, tries once, and loses nothing."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from support.receiver import Answer, Received, Receiver, accept
from support.webhooks_house import House, owner_of
from switchbay.infra.db import Database
from switchbay.infra.egress import Egress
from switchbay.infra.machine import ManualClock
from switchbay.infra.vault import Vault

LANES = ("c1", "c2", "c3", "c4", "c5", "c6")


def down(_request: Received) -> Answer:
    return Answer(503)


@pytest.fixture
async def house(
    db: Database, clock: ManualClock, vault: Vault, egress: Egress, receiver: Receiver
) -> AsyncIterator[House]:
    """A node whose breaker opens after three failures, and an account that asks for it."""
    built = House(db, clock, vault, egress, receiver)
    built.signing.webhook_breaker = True
    built.node(breaker_failures=3)
    yield built
    await built.close()


async def pass_time(house: House, seconds: float) -> None:
    """Let time pass, the leases of what waits being prolonged meanwhile."""
    while seconds > 20:
        await house.pass_time(20)
        seconds = round(seconds - 20, 3)
        for node in house.nodes:
            node.dispatcher.renew_leases()
        await house.settle()
    await house.pass_time(seconds)


async def open_breaker(house: House, *, retries: int = 5) -> None:
    """Three lanes whose first attempts have failed, and three with an event that was not tried."""
    house.receiver.answer = down
    await house.configure(owner_of(house.endpoint(retries=retries)))
    for lane in LANES[:3]:
        await house.publish(house.event(f"{lane} first", lane))
        await house.settle()
    assert len(house.receiver.requests) == 3
    for lane in LANES:
        await house.publish(house.event(f"{lane} second", lane))
    await house.settle()
    assert len(house.receiver.requests) == 3


async def test_breaker_half_open_single_probe(house: House) -> None:
    await open_breaker(house)
    await pass_time(house, 29.9)
    assert len(house.receiver.requests) == 3
    go_on = asyncio.Event()

    async def slow(_request: Received) -> Answer:
        await go_on.wait()
        return Answer(503)

    house.receiver.answer = slow
    assert isinstance(house.clock, ManualClock)
    house.clock.advance(seconds=0.1)
    house.webhooks.dispatcher.wake_due()
    await house.receiver.wait_for(4)
    for _ in range(5):  # while it is under way, nobody else goes, however late it is
        house.clock.advance(seconds=1)
        house.webhooks.dispatcher.wake_due()
        await asyncio.sleep(0.01)
    assert len(house.receiver.requests) == 4
    house.receiver.answer = down
    go_on.set()
    await house.settle()
    await pass_time(house, 59.9)
    assert len(house.receiver.requests) == 4
    await pass_time(house, 0.1)
    assert len(house.receiver.requests) == 5
    house.receiver.answer = accept
    await pass_time(house, 120)
    await pass_time(house, 30)
    assert await house.states(lane=None) == 9 * ["delivered"]


async def test_what_waits_behind_an_open_breaker_keeps_its_attempts_and_its_order(house: House) -> None:
    await open_breaker(house)
    assert [await house.attempts(lane) for lane in LANES] == 3 * [[1, 0]] + 3 * [[0]]
    await pass_time(house, 20)
    assert [await house.attempts(lane) for lane in LANES] == 3 * [[1, 0]] + 3 * [[0]]
    house.receiver.answer = accept
    await pass_time(house, 10)
    await pass_time(house, 30)
    assert await house.states(lane=None) == 9 * ["delivered"]
    for lane in LANES[:3]:
        sent = [body.decode() for body in house.receiver.bodies if body.startswith(lane.encode())]
        assert sent == [f"{lane} first", f"{lane} first", f"{lane} second"]


async def test_probes_are_the_attempts_of_their_events_and_exhaust_them(house: House) -> None:
    node = house.node(breaker_failures=1)
    house.receiver.answer = down
    await house.configure(owner_of(house.endpoint(retries=2)))
    await house.publish_each(["one", "two"], node=node)
    await house.settle()
    for seconds, requests in ((30, 2), (59, 2), (1, 3), (119, 3), (1, 4)):
        await pass_time(house, seconds)
        assert len(house.receiver.requests) == requests
    assert await house.states() == ["failed:retries_exhausted", "pending"]
    assert await house.attempts() == [3, 1]


async def test_an_endpoint_that_merely_fails_is_tried_every_30_seconds_with_a_breaker_too(house: House) -> None:
    node = house.node()
    house.receiver.answer = down
    await house.configure(owner_of(house.endpoint(retries=5)))
    await house.publish(house.event("one"), node=node)
    await house.settle()
    for number in range(1, 6):
        await pass_time(house, 29.9)
        assert len(house.receiver.requests) == number
        await pass_time(house, 0.1)
        assert len(house.receiver.requests) == number + 1
    assert await house.states() == ["failed:retries_exhausted"]


async def test_pauses_double_up_to_five_minutes(house: House) -> None:
    node = house.node(breaker_failures=1)
    house.receiver.answer = down
    await house.configure(owner_of(house.endpoint(retries=0)))
    await house.publish_each([str(number) for number in range(8)], node=node)
    await house.settle()
    for number, pause in enumerate((30, 60, 120, 240, 300, 300), start=1):
        await pass_time(house, pause - 0.1)
        assert len(house.receiver.requests) == number
        await pass_time(house, 0.1)
        assert len(house.receiver.requests) == number + 1


@pytest.mark.parametrize("status", [301, 404, 429])
async def test_answers_that_come_from_a_server_that_is_there_open_no_breaker(house: House, status: int) -> None:
    house.receiver.answer = lambda _: Answer(status)
    await house.configure(owner_of(house.endpoint()))
    for lane in LANES:
        await house.publish(house.event(lane, lane))
        await house.settle()
    assert len(house.receiver.requests) == 6


async def test_a_success_between_failures_begins_the_count_anew(house: House) -> None:
    await house.configure(owner_of(house.endpoint()))
    answers = iter((503, 503, 200, 503, 503, 200))
    house.receiver.answer = lambda _: Answer(next(answers))
    for number in range(6):
        await house.publish(house.event(str(number), f"c{number}"))
        await house.settle()
    assert len(house.receiver.requests) == 6


async def test_an_account_that_does_not_ask_has_no_breaker(house: House) -> None:
    house.signing.webhook_breaker = False
    house.receiver.answer = down
    await house.configure(owner_of(house.endpoint(retries=1)))
    for lane in LANES:
        await house.publish(house.event(lane, lane))
    await house.settle()
    assert len(house.receiver.requests) == 6
    await pass_time(house, 30)
    assert await house.states(lane=None) == 6 * ["failed:retries_exhausted"]


async def test_an_app_with_a_retention_time_has_its_gate_and_no_breaker(house: House) -> None:
    house.receiver.answer = down
    await house.configure(replace(owner_of(house.endpoint()), retention_time=3600))
    await house.publish(house.event("one"))
    await house.settle()
    for number, gap in enumerate((2, 4, 8, 16), start=2):
        await pass_time(house, gap)
        assert len(house.receiver.requests) == number


async def test_a_breaker_is_of_one_address_of_one_app(house: House) -> None:
    await open_breaker(house)
    other = "0d5f0b0e-1c55-4b8c-9d24-0a3c6e1f7a02"
    house.receiver.answer = accept
    await house.configure(owner_of(house.endpoint(), owner_id=other))
    await house.publish(house.event("another app", owner_id=other))
    await house.settle()
    assert house.receiver.bodies[3:] == [b"another app"]


async def test_events_to_a_new_address_do_not_wait_for_the_old_one(house: House) -> None:
    await open_breaker(house)
    await house.configure(owner_of(house.endpoint(path="/new", retries=5)))
    house.receiver.answer = lambda request: Answer(200 if request.path == "/new" else 503)
    await house.publish(house.event("fresh", "c9"))
    await house.settle()
    assert house.receiver.bodies[3:] == [b"fresh"]
    for seconds in (30, 1, 1, 1):  # nobody has anything for the old one any more: more and more are asked
        await pass_time(house, seconds)
    assert await house.states(lane=None) == 10 * ["delivered"]
    assert {request.path for request in house.receiver.requests[3:]} == {"/new"}


async def test_a_clock_that_is_set_back_does_not_keep_a_breaker_open(house: House) -> None:
    await open_breaker(house)
    house.receiver.answer = accept
    await pass_time(house, -86_400)
    for seconds in (30, 1):
        await pass_time(house, seconds)
    assert await house.states(lane=None) == 9 * ["delivered"]


async def test_a_node_that_begins_has_closed_breakers_and_takes_over_what_waits(house: House) -> None:
    await open_breaker(house)
    await house.webhooks.dispatcher.stop(1)
    house.receiver.answer = accept
    heir = house.node(breaker_failures=3)
    assert isinstance(house.clock, ManualClock)
    house.clock.advance(seconds=30)
    await heir.dispatcher.sweep_once()
    await house.settle(heir)
    assert await house.states(lane=None) == 9 * ["delivered"]


async def test_lanes_that_wait_leave_a_crowded_node(house: House) -> None:
    await house.webhooks.dispatcher.stop(1)
    node = house.node(breaker_failures=1, most_lanes=4)
    house.receiver.answer = down
    await house.configure(owner_of(house.endpoint(retries=1)))
    await house.publish(house.event("c0", "c0"), node=node)
    await house.settle(node)
    for lane in LANES:
        await house.publish(house.event(lane, lane), node=node)
        await house.settle(node)
    assert len(node.dispatcher._lanes) <= 3
    assert len(house.receiver.requests) == 1
    house.receiver.answer = accept
    for seconds in (30, 30, 30):
        await pass_time(house, seconds)
        await node.dispatcher.sweep_once()
        await house.settle(node)
    assert await house.states(lane=None) == 7 * ["delivered"]
