"""Apps that hear all conversations of the account: what they get, what they do not, and in which order."""

import asyncio
from dataclasses import replace

import pytest

from support.receiver import Answer, Received
from support.webhooks_house import ACCOUNT, APP, CHAT_STATE, CONTENT, OTHER_APP, House, owner_of
from switchbay.accounts.public import OPERATOR
from switchbay.infra.db import Tx
from switchbay.infra.machine import ManualClock
from switchbay.webhooks.public import DeliveryFilter, Owner

THIRD_APP = "0d5f0b0e-1c55-4b8c-9d24-0a3c6e1f7a03"


def hearing(house: House, *, owner_id: str = OTHER_APP, key: str = CONTENT, retries: int = 5) -> Owner:
    """An app that hears all conversations."""
    return replace(owner_of(house.endpoint(key, path="/all", retries=retries), owner_id=owner_id), hears_all=True)


def bodies(house: House, path: str) -> list[bytes]:
    return [request.body for request in house.receiver.requests if request.path == path]


async def of_app(house: House, owner_id: str) -> list[tuple[str, int, str]]:
    """Conversation, position and status of an app's deliveries."""
    found, _ = await house.webhooks.list_deliveries(ACCOUNT, DeliveryFilter(owner_id=owner_id), limit=200)
    return sorted((each.lane, each.position, each.status) for each in found)


async def test_every_conversation_is_heard_in_its_order_and_in_lanes_of_its_own(house: House) -> None:
    await house.configure(owner_of(house.endpoint()))
    await house.configure(hearing(house))
    await house.publish(house.event("a1", "a"), house.event("b1", "b"), house.event("a2", "a"))
    await house.publish(house.event("n1", "n", owner_id="unknown"))
    await house.settle()
    assert [body for body in bodies(house, "/all") if body.startswith(b"a")] == [b"a1", b"a2"]
    assert sorted(bodies(house, "/all")) == [b"a1", b"a2", b"b1", b"n1"]
    assert sorted(bodies(house, "/hook")) == [b"a1", b"a2", b"b1"]
    assert await of_app(house, OTHER_APP) == [
        ("a", 0, "delivered"),
        ("a", 1, "delivered"),
        ("b", 0, "delivered"),
        ("n", 0, "delivered"),
    ]
    assert await house.is_free("a", OTHER_APP)


async def test_each_app_gets_the_same_bytes_under_a_request_id_of_its_own(house: House) -> None:
    await house.configure(owner_of(house.endpoint()))
    await house.configure(hearing(house))
    await house.publish(house.event("héllo 👋"))
    await house.settle()
    first, second = house.receiver.requests
    assert first.body == second.body == "héllo 👋".encode()
    assert first.headers["x-liveperson-request-id"] != second.headers["x-liveperson-request-id"]
    assert {first.headers["x-liveperson-client-id"], second.headers["x-liveperson-client-id"]} == {APP, OTHER_APP}


async def test_an_app_is_told_of_its_own_conversation_once(house: House) -> None:
    await house.configure(hearing(house, owner_id=APP))
    await house.publish(house.event("one"))
    await house.settle()
    assert bodies(house, "/all") == [b"one"]


async def test_only_what_is_subscribed_to_is_told(house: House) -> None:
    await house.configure(owner_of(house.endpoint()))
    await house.configure(hearing(house, key=CHAT_STATE))
    await house.publish(house.event("said"), house.event("typing", key=CHAT_STATE))
    await house.settle()
    assert (bodies(house, "/all"), bodies(house, "/hook")) == ([b"typing"], [b"said"])


async def test_an_app_that_does_not_hear_all_gets_its_own_conversations_alone(house: House) -> None:
    await house.configure(owner_of(house.endpoint()))
    await house.configure(replace(hearing(house), hears_all=False))
    await house.publish(house.event("one"))
    await house.settle()
    assert (bodies(house, "/all"), bodies(house, "/hook")) == ([], [b"one"])


async def test_conversations_of_another_account_are_not_heard(house: House) -> None:
    await house.configure(hearing(house))
    foreign = replace(owner_of(house.endpoint()), account_id="4711002")
    await house.configure(foreign)
    await house.publish(replace(house.event("theirs"), account_id="4711002"), house.event("ours", "c2"))
    await house.settle()
    assert (bodies(house, "/all"), bodies(house, "/hook")) == ([b"ours"], [b"theirs"])


async def test_a_disabled_app_and_a_webhook_that_is_gone_hear_nothing(house: House) -> None:
    await house.configure(owner_of(house.endpoint()))
    await house.configure(replace(hearing(house), enabled=False))
    await house.configure(hearing(house, owner_id=THIRD_APP))
    house.receiver.answer = lambda request: Answer(410 if request.path == "/all" else 200)
    await house.publish(house.event("one"))
    await house.settle()
    await house.publish(house.event("two"))
    await house.settle()
    assert (bodies(house, "/all"), bodies(house, "/hook")) == ([b"one"], [b"one", b"two"])
    assert await of_app(house, OTHER_APP) == []


async def test_a_change_counts_from_its_transaction_on_without_any_delay(house: House) -> None:
    other_node = house.node()
    await house.configure(owner_of(house.endpoint()))
    for number, hears in enumerate([False, True, False, True]):
        await house.configure(replace(hearing(house), hears_all=hears))
        await house.publish(house.event(f"m{number}"), node=other_node)
    await house.settle()
    assert bodies(house, "/all") == [b"m1", b"m3"]
    assert bodies(house, "/hook") == [b"m0", b"m1", b"m2", b"m3"]


async def test_what_is_heard_waits_for_no_other_app_and_delays_none(house: House) -> None:
    house.receiver.answer = lambda request: Answer(503 if request.path == "/all" else 200)
    await house.configure(owner_of(house.endpoint()))
    await house.configure(hearing(house))
    await house.publish(house.event("one"), house.event("two"))
    await house.settle()
    assert (bodies(house, "/all"), bodies(house, "/hook")) == ([b"one"], [b"one", b"two"])
    house.receiver.answer = lambda _: Answer()
    await house.pass_time(30)
    assert bodies(house, "/all") == [b"one", b"one", b"two"]


async def test_what_is_heard_is_stored_with_the_event_or_not_at_all(house: House, clock: ManualClock) -> None:
    await house.configure(owner_of(house.endpoint()))
    await house.configure(hearing(house))

    async def undone(tx: Tx) -> None:
        await house.webhooks.publish(tx, [house.event("undone")])
        raise RuntimeError("the conversation refuses")

    with pytest.raises(RuntimeError, match="refuses"):
        await house.db.write(undone)
    await house.publish_and_crash(house.event("one"), house.event("two"))
    clock.advance(seconds=60)
    await house.webhooks.dispatcher.sweep_once()
    await house.settle()
    assert (bodies(house, "/all"), bodies(house, "/hook")) == ([b"one", b"two"], [b"one", b"two"])


async def test_the_order_holds_when_many_nodes_publish_to_one_conversation(house: House) -> None:
    async def answer(_request: Received) -> Answer:
        await asyncio.sleep(0.001)
        return Answer()

    house.receiver.answer = answer
    nodes = [house.webhooks, house.node(), house.node()]
    await house.configure(owner_of(house.endpoint()))
    await house.configure(hearing(house))
    for number in range(30):
        await house.publish(house.event(f"{number:02}"), node=nodes[number % 3])
    await house.settle()
    expected = [f"{number:02}".encode() for number in range(30)]
    assert (bodies(house, "/all"), bodies(house, "/hook")) == (expected, expected)


async def test_replays_and_tests_of_one_app_are_not_heard_by_others(house: House) -> None:
    await house.configure(owner_of(house.endpoint()))
    await house.configure(hearing(house))
    await house.publish(house.event("one"))
    await house.settle()
    [mine], _ = await house.webhooks.list_deliveries(ACCOUNT, DeliveryFilter(owner_id=APP))
    await house.webhooks.replays.replay_one(ACCOUNT, mine.id, OPERATOR)
    await house.webhooks.send_test(ACCOUNT, APP, "test", CONTENT, b"test", OPERATOR)
    await house.settle()
    assert (bodies(house, "/all"), bodies(house, "/hook")) == ([b"one"], [b"one", b"one", b"test"])
