"""A node of two processes: one publishes, the other sends. Here both are in one, joined by a real link."""

import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import sqlalchemy as sa

from support.webhooks_house import ACCOUNT, APP, House, owner_of
from switchbay.infra.link import Link
from switchbay.infra.machine import ManualClock
from switchbay.webhooks.public import Webhooks
from switchbay.webhooks.tables import endpoints


@dataclass(frozen=True, slots=True)
class Halves:
    publishing: Webhooks
    sending: Webhooks
    link: Link
    far_link: Link

    async def hear(self) -> None:
        """Wait until all that was sent has been heard."""
        heard = asyncio.Event()
        self.far_link.handle(b"!", lambda _: heard.set())
        self.link.send(b"!")
        await asyncio.wait_for(heard.wait(), 10)


@pytest.fixture
async def halves(house: House) -> AsyncIterator[Halves]:
    await house.close()
    house.nodes.clear()
    one, other = socket.socketpair()
    link, far_link = Link(one), Link(other)
    publishing = house.node(running=False, link=link, is_far=True)
    sending = house.node(running=False, link=far_link)
    for each in (link, far_link):
        await each.open()
    sending.dispatcher.start(in_background=False)
    await house.configure(owner_of(house.endpoint()))
    told = asyncio.Event()
    link.handle(b"!", lambda _: told.set())
    far_link.send(b"!")
    await asyncio.wait_for(told.wait(), 10)
    yield Halves(publishing, sending, link, far_link)
    link.close()
    far_link.close()


async def test_what_one_process_publishes_the_other_sends_at_once_and_in_order(house: House, halves: Halves) -> None:
    await house.publish_each(["1", "2", "3"], node=halves.publishing)
    await halves.hear()
    await house.settle(halves.sending)
    assert [each.body for each in house.receiver.requests] == [b"1", b"2", b"3"]
    assert (await house.states(), await house.is_free()) == (["delivered"] * 3, True)


async def test_what_the_link_loses_is_found_when_the_lease_is_over(house: House, halves: Halves) -> None:
    halves.far_link.handle(b"h", lambda _: None)
    await house.publish_each(["1", "2"], node=halves.publishing)
    await halves.hear()
    assert await halves.sending.dispatcher.sweep_once() == 0
    assert isinstance(house.clock, ManualClock)
    house.clock.advance(seconds=61)
    assert await halves.sending.dispatcher.sweep_once() == 1
    await house.settle(halves.sending)
    assert [each.body for each in house.receiver.requests] == [b"1", b"2"]


async def test_what_comes_later_than_its_lease_is_left_to_the_sweep(house: House, halves: Halves) -> None:
    late: list[bytes] = []
    hear = halves.far_link._handlers[ord("h")]
    halves.far_link.handle(b"h", late.append)
    await house.publish(house.event("1"), node=halves.publishing)
    await halves.hear()
    assert isinstance(house.clock, ManualClock)
    house.clock.advance(seconds=61)
    [message] = late
    hear(message)
    await house.settle(halves.sending)
    assert house.receiver.requests == []
    assert await halves.sending.dispatcher.sweep_once() == 1
    await house.settle(halves.sending)
    assert await house.states() == ["delivered"]


async def test_lanes_are_left_to_whoever_comes_while_the_other_process_takes_none(house: House, halves: Halves) -> None:
    await halves.sending.dispatcher.stop(1)
    for _ in range(3):
        await asyncio.sleep(0.01)
    await house.publish(house.event("1"), node=halves.publishing)
    row = await house.lane_row()
    assert (row["node"], row["wake_at"]) == ("", house.clock.now_ms())


async def test_a_changed_owner_is_known_to_the_other_process_at_once(house: House, halves: Halves) -> None:
    await house.publish(house.event("1"), node=halves.publishing)
    await halves.hear()
    await house.settle(halves.sending)
    # Changed where no cache of this process hears of it, as in the other one: only the link tells.
    await house.db.write(lambda tx: tx.execute(sa.update(endpoints).values(url=house.receiver.url("/moved"))))
    far = halves.publishing._far
    assert far is not None
    far.drop(ACCOUNT, APP)
    await house.publish(house.event("2"), node=halves.publishing)
    await halves.hear()
    await house.settle(halves.sending)
    assert [each.path for each in house.receiver.requests] == ["/hook", "/moved"]
