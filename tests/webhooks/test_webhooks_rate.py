"""A rate limit delays what goes to an endpoint; it costs no attempts, keeps the order and holds up nobody else."""

import pytest

from support.receiver import Answer
from support.webhooks_house import ACCOUNT, APP, OTHER_APP, House, owner_of
from switchbay.accounts.public import OPERATOR
from switchbay.infra.machine import ManualClock


async def limited(house: House, most: int | None, *, retries: int = 0) -> None:
    await house.configure(owner_of(house.endpoint(retries=retries)))
    await house.webhooks.care.limit(ACCOUNT, APP, most, OPERATOR)


async def test_no_more_than_so_many_a_second_are_sent(house: House) -> None:
    await limited(house, 5)
    await house.publish(*(house.event(f"m{number}", f"c{number}") for number in range(20)))
    await house.settle()
    assert len(house.receiver.requests) == 1
    for second in range(1, 4):
        for _ in range(20):
            await house.pass_time(0.05)
        assert len(house.receiver.requests) == 1 + 5 * second
    for _ in range(40):
        await house.pass_time(0.05)
    assert await house.states(lane=None) == 20 * ["delivered"]


async def test_waiting_costs_no_attempt_and_keeps_the_order(house: House) -> None:
    await limited(house, 2, retries=1)
    await house.publish_each(["one", "two", "three"])
    await house.settle()
    assert await house.attempts() == [1, 0, 0]
    for _ in range(4):
        await house.pass_time(0.5)
    assert house.receiver.bodies == [b"one", b"two", b"three"]
    assert await house.attempts() == [1, 1, 1]


async def test_retries_count_for_the_rate(house: House) -> None:
    house.receiver.answer = lambda _: Answer(500)
    await limited(house, 1, retries=1)
    await house.publish(house.event("one", "a"))
    await house.settle()
    await house.pass_time(29.5)
    await house.publish(house.event("two", "b"))
    await house.settle()
    await house.pass_time(0.5)
    assert house.receiver.bodies == [b"one", b"two"]
    await house.pass_time(0.5)
    assert house.receiver.bodies == [b"one", b"two", b"one"]


async def test_another_app_on_the_same_address_is_not_held_up(house: House) -> None:
    await limited(house, 1)
    await house.configure(owner_of(house.endpoint(), owner_id=OTHER_APP))
    await house.publish(*(house.event(f"m{number}", f"c{number}") for number in range(5)))
    await house.publish(*(house.event(f"o{number}", f"c{number}", owner_id=OTHER_APP) for number in range(5)))
    await house.settle()
    assert sorted(house.receiver.bodies) == [b"m0", b"o0", b"o1", b"o2", b"o3", b"o4"]


async def test_an_update_of_the_app_keeps_the_limit_and_taking_it_off_lets_all_go(house: House) -> None:
    await limited(house, 1)
    await house.configure(owner_of(house.endpoint()))
    await house.publish(*(house.event(f"m{number}", f"c{number}") for number in range(10)))
    await house.settle()
    assert len(house.receiver.requests) == 1
    await house.webhooks.care.limit(ACCOUNT, APP, None, OPERATOR)
    await house.publish(house.event("fresh", "c99"))
    await house.settle()
    await house.pass_time(1)
    await house.pass_time(0.1)
    assert await house.states(lane=None) == 11 * ["delivered"]


async def test_time_in_which_nothing_is_sent_is_not_saved_up(house: House, clock: ManualClock) -> None:
    await limited(house, 10)
    clock.advance(seconds=3_600)
    await house.publish(*(house.event(f"m{number}", f"c{number}") for number in range(10)))
    await house.settle()
    assert len(house.receiver.requests) <= 2


@pytest.mark.parametrize("step", [-86_400, 86_400])
async def test_a_step_of_the_clock_neither_stops_nor_floods(house: House, step: int) -> None:
    await limited(house, 10)
    await house.publish(*(house.event(f"m{number}", f"c{number}") for number in range(10)))
    await house.settle()
    before = len(house.receiver.requests)
    await house.pass_time(step)
    for node in house.nodes:
        node.dispatcher.renew_leases()
    await house.settle()
    assert len(house.receiver.requests) <= before + 3
    for _ in range(60):
        await house.pass_time(0.05)
    assert await house.states(lane=None) == 10 * ["delivered"]
