"""One installation's backlog does not delay another installation, also where both call the same host."""

from support.webhooks_house import OTHER_APP, House, owner_of


async def test_a_backlog_of_thousands_does_not_delay_another_installation_on_the_same_host(house: House) -> None:
    node = house.node(in_flight=4, most_lanes=5_000)
    await house.configure(owner_of(house.endpoint()))
    await house.configure(owner_of(house.endpoint(), owner_id=OTHER_APP))
    await house.publish(*(house.event(f"{number}", f"c{number}") for number in range(2_000)), node=node)
    await house.publish(house.event("the other's", owner_id=OTHER_APP), node=node)
    await house.receiver.wait_for(2_001)
    await house.settle()
    before = house.receiver.bodies.index(b"the other's")
    # Those that were under way by then, and the first one's next turns.
    assert before < 100
