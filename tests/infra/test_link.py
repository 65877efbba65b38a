"""Two processes of a node: messages between them, turns at writing, their numbers added up."""

import asyncio
import os
import socket
import threading
from collections.abc import AsyncIterator

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

from switchbay.infra.db.turns import Turns
from switchbay.infra.link import Link
from switchbay.infra.metrics import added_up

Ends = tuple[Link, Link]


@pytest.fixture
async def ends() -> AsyncIterator[Ends]:
    one, other = socket.socketpair()
    links = Link(one), Link(other)
    for link in links:
        await link.open()
    yield links
    for link in links:
        link.close()


async def test_messages_arrive_whole_and_in_order_at_the_handler_of_their_kind(ends: Ends) -> None:
    sent = [os.urandom(size) for size in (0, 1, 70_000, 3, 300_000)]
    heard: list[bytes] = []
    done = asyncio.Event()
    ends[1].handle(b"a", heard.append)
    ends[1].handle(b"z", lambda _: done.set())
    for message in sent:
        ends[0].send(b"a", message)
        ends[0].send(b"?", b"nobody hears this kind")
    ends[0].send(b"z")
    await asyncio.wait_for(done.wait(), 10)
    assert heard == sent


async def test_a_message_that_is_not_understood_does_not_end_the_link(ends: Ends) -> None:
    done = asyncio.Event()

    def stumble(_: bytes) -> None:
        raise ValueError

    ends[1].handle(b"a", stumble)
    ends[1].handle(b"z", lambda _: done.set())
    ends[0].send(b"a", b"x")
    ends[0].send(b"z")
    await asyncio.wait_for(done.wait(), 10)
    assert not ends[1].over.is_set()


async def test_the_end_of_one_side_is_known_to_the_other_and_nothing_is_sent_any_more(ends: Ends) -> None:
    ends[0].close()
    await asyncio.wait_for(ends[1].over.wait(), 10)
    assert not ends[1].has_room
    ends[1].send(b"a", b"lost")


async def test_what_finds_no_room_is_dropped() -> None:
    one, other = socket.socketpair()
    link = Link(one)
    await link.open()  # nobody reads at the other end
    for _ in range(20):
        link.send(b"a", bytes(1024 * 1024))
    assert not link.has_room
    link.close()
    other.close()


def test_one_who_waits_has_the_turn_before_one_who_had_it() -> None:
    turns = Turns()
    order: list[str] = []
    assert turns.take(5)

    def wait() -> None:
        assert turns.take(5)
        order.append("waited")
        turns.give()

    waiting = threading.Thread(target=wait)
    waiting.start()
    while not turns.is_wanted:
        pass
    turns.give()
    assert turns.take(5)
    order.append("again")
    turns.give()
    waiting.join()
    assert order == ["waited", "again"]


def test_a_turn_that_does_not_come_is_not_waited_for_longer_than_asked() -> None:
    turns = Turns()
    assert turns.take(0)
    assert not turns.take(0.01)
    turns.give()
    assert turns.take(0)


def test_a_turn_is_one_for_two_processes() -> None:
    turns = Turns()
    assert turns.take(0)
    child = os.fork()
    if not child:
        os._exit(0 if not turns.take(0.01) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def _numbers(sent: int, label: str, lanes: int) -> bytes:
    registry = CollectorRegistry()
    Counter("switchbay_sent", "Sent.", ["outcome"], registry=registry).labels(label).inc(sent)
    Gauge("switchbay_lanes", "Lanes.", registry=registry).set(lanes)
    Gauge("process_memory", "Of a process.", registry=registry).set(lanes)
    return generate_latest(registry)


def test_numbers_of_two_processes_are_added_up_by_their_labels() -> None:
    text = added_up(added_up(_numbers(2, "good", 1), _numbers(3, "good", 4)), _numbers(5, "bad", 0)).decode()
    lines = [line for line in text.splitlines() if not line.startswith("#") and "_created" not in line]
    assert lines == [
        'switchbay_sent_total{outcome="good"} 5.0',
        'switchbay_sent_total{outcome="bad"} 5.0',
        "switchbay_lanes 5.0",
        "process_memory 1.0",
    ]
