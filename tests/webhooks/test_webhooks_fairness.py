"""One installation's backlog does not delay another installation, also where both call the same host."""

import asyncio

from support.receiver import Answer, Received
from support.webhooks_house import OTHER_APP, House, owner_of


async def test_a_backlog_of_thousands_does_not_delay_another_installation_on_the_same_host(house: House) -> None:
    go_on = asyncio.Event()

    async def answer(_request: Received) -> Answer:
        await go_on.wait()
        return Answer()

    house.receiver.answer = answer
    node = house.node(in_flight=4, most_lanes=5_000)
    await house.configure(owner_of(house.endpoint()))
    await house.configure(owner_of(house.endpoint(), owner_id=OTHER_APP))
    await house.publish(*(house.event(f"{number}", f"c{number}") for number in range(2_000)), node=node)
    await house.publish(house.event("the other's", owner_id=OTHER_APP), node=node)
    go_on.set()
    await house.receiver.wait_for(2_001, 60)
    await house.settle()
    # One host has half of the slots, and those two were under way by then: it is the third that is sent. Its connection
    # is a new one, so that a few of the two thousand may arrive before it.
    assert house.receiver.bodies.index(b"the other's") < 20
