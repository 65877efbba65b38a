"""A message and its webhook deliveries are one transaction, with the real webhooks room."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import msgspec
import pytest

from support.messaging_stage import ACCOUNT, APP, CONSUMER, OTHER_APP
from support.webhooks_house import Signing, owner_of
from switchbay.accounts.public import OPERATOR, Accounts
from switchbay.infra.db import Database
from switchbay.infra.egress import Egress
from switchbay.infra.machine import ManualClock, Randomness
from switchbay.infra.vault import Vault
from switchbay.kit.errors import AppError
from switchbay.messaging.domain import (
    CloseConversation,
    Command,
    ConsumerCaller,
    Event,
    EventKind,
    Open,
    Publish,
    Step,
)
from switchbay.messaging.public import Limits, Messaging
from switchbay.webhooks.public import DeliveryFilter, Endpoint, Webhooks, set_owner

CONTENT = "ms.MessagingEventNotification.ContentEvent"
CHANGE = "cqm.ExConversationChangeNotification"
CALLER = ConsumerCaller(APP, CONSUMER)


@dataclass
class Rooms:
    """Both rooms on one database. Nothing is sent: the dispatcher is never started."""

    messaging: Messaging
    webhooks: Webhooks

    async def open(self, *steps: Step) -> str:
        command = Command(ACCOUNT, CALLER, self.messaging.new_conversation_id(), steps, Open("-1", "NORMAL", 600))
        return (await self.messaging.submit(command)).conversation_id

    async def do(self, conversation: str, *steps: Step) -> None:
        await self.messaging.submit(Command(ACCOUNT, CALLER, conversation, steps))

    async def deliveries(self) -> list[tuple[str, str, object]]:
        """Lane, event key and body of what is pending, in order."""
        page, _ = await self.webhooks.list_deliveries(ACCOUNT, DeliveryFilter(), limit=200)
        found = [await self.webhooks.get_delivery(ACCOUNT, one.id) for one in page]
        found.sort(key=lambda one: (one.summary.lane, one.summary.position))
        return [(one.summary.lane, one.summary.event_key, msgspec.json.decode(one.body)) for one in found]


def say(message: str, kind: EventKind = EventKind.CONTENT) -> Publish:
    event = {"type": kind.value, "contentType": "text/plain", "message": message}
    return Publish("", Event(kind, msgspec.json.encode(event).decode()))


@pytest.fixture
async def rooms(db: Database, clock: ManualClock, randomness: Randomness, vault: Vault) -> AsyncIterator[Rooms]:
    """An app that wants text messages and conversation changes."""
    accounts = Accounts(db, clock, randomness, vault)
    await accounts.create_account(ACCOUNT, "Example Brand", OPERATOR)
    endpoints = tuple(Endpoint(key, "https://connector.example/hook", (), 0) for key in (CONTENT, CHANGE))
    owner = owner_of(*endpoints, owner_id=APP)
    await db.write(lambda tx: set_owner(tx, vault, owner, clock.now_ms()))
    egress = Egress()
    webhooks = Webhooks(db, clock, randomness, vault, egress, Signing())
    messaging = Messaging(db, clock, randomness, webhooks, accounts, Limits())
    yield Rooms(messaging, webhooks)
    await messaging.stop()
    await webhooks.stop()
    await egress.close()
    await accounts.stop()


async def test_what_is_subscribed_is_pending_in_order_when_the_request_is_answered(rooms: Rooms) -> None:
    conversation = await rooms.open(say("first"))
    typing = Publish("", Event(EventKind.CHAT_STATE, '{"type":"ChatStateEvent","chatState":"ACTIVE"}'))
    await rooms.do(conversation, say("second"), typing)
    await rooms.do(conversation, CloseConversation())
    deliveries = await rooms.deliveries()
    assert [(lane, key) for lane, key, _ in deliveries] == [
        (conversation, CHANGE),
        (conversation, CONTENT),
        (conversation, CONTENT),
        (conversation, CHANGE),
    ]
    body = deliveries[2][2]
    assert isinstance(body, dict)
    assert body["body"]["changes"][0]["event"]["message"] == "second"


async def test_a_refused_request_leaves_no_delivery(rooms: Rooms) -> None:
    conversation = await rooms.open()
    with pytest.raises(AppError):
        await rooms.do(conversation, say("never"), CloseConversation(), say("too late"))
    assert [key for _, key, _ in await rooms.deliveries()] == [CHANGE]


async def test_deliveries_of_many_requests_at_once_are_in_the_order_of_their_sequences(rooms: Rooms) -> None:
    one, other = await rooms.open(), await rooms.open()
    await asyncio.gather(*(rooms.do(lane, say("x")) for _ in range(20) for lane in (one, other)))
    sequences: dict[str, list[int]] = {one: [], other: []}
    for lane, key, body in await rooms.deliveries():
        if key == CONTENT:
            assert isinstance(body, dict)
            sequences[lane].append(body["body"]["changes"][0]["sequence"])
    assert sequences == {one: list(range(20)), other: list(range(20))}


async def test_an_app_that_hears_all_conversations_reads_along_and_cannot_write(
    rooms: Rooms, db: Database, vault: Vault, clock: ManualClock
) -> None:
    endpoint = Endpoint(CONTENT, "https://archive.example/hook", (), 0)
    archive = replace(owner_of(endpoint, owner_id=OTHER_APP), hears_all=True)
    await db.write(lambda tx: set_owner(tx, vault, archive, clock.now_ms()))
    conversation = await rooms.open(say("one"))
    await rooms.do(conversation, say("two"))
    page, _ = await rooms.webhooks.list_deliveries(ACCOUNT, DeliveryFilter(owner_id=OTHER_APP))
    assert [(each.lane, each.position) for each in reversed(page)] == [(conversation, 0), (conversation, 1)]
    before = await rooms.deliveries()
    intruder = ConsumerCaller(OTHER_APP, CONSUMER)
    with pytest.raises(AppError) as refused:
        await rooms.messaging.submit(Command(ACCOUNT, intruder, conversation, (say("intrusion"),)))
    assert refused.value.code == "conversation_unknown"
    assert await rooms.deliveries() == before
