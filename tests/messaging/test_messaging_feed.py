"""What happens on one node, told on another: in order, once, whatever is lost or late between them."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack

import pytest
import sqlalchemy as sa

from support.messaging_stage import ACCOUNT, OTHER, Webhooks, text
from switchbay.accounts.public import OPERATOR, Accounts
from switchbay.infra.db import Database, Tx, metadata, open_database
from switchbay.infra.machine import ManualClock, Randomness
from switchbay.infra.vault import Vault
from switchbay.messaging.commit import Happening
from switchbay.messaging.domain import (
    Changed,
    CloseConversation,
    Command,
    ConsumerCaller,
    Event,
    EventKind,
    Open,
    Publish,
    Published,
)
from switchbay.messaging.feed.notices import SessionsOver
from switchbay.messaging.public import Limits, Messaging
from switchbay.messaging.routing.domain import AgentStateChanged, Availability, RoutingItem
from switchbay.messaging.wire.events import parse_event

CONSUMER = "a" * 64
CALLER = ConsumerCaller(None, CONSUMER)
TYPING = Event(EventKind.CHAT_STATE, '{"type":"ChatStateEvent","chatState":"COMPOSING"}')
on_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


class Told:
    """Keeps what a follower was told."""

    def __init__(self) -> None:
        self.happenings: list[Happening] = []
        self.accounts = {ACCOUNT}
        self.lost = 0

    def take(self, happenings: Sequence[Happening]) -> None:
        self.happenings.extend(happenings)

    def wants(self, account_id: str) -> bool:
        return account_id in self.accounts

    def lose(self) -> None:
        self.lost += 1

    @property
    def words(self) -> list[str]:
        """Sequences as numbers, changes as the state of the conversation."""
        return [
            one.conversation.state if isinstance(one, Changed) else str(one.sequence)
            for happening in self.happenings
            for one in happening.emitted
        ]

    def sequences(self, conversation_id: str) -> list[int]:
        return [
            one.sequence
            for happening in self.happenings
            if happening.after.conversation_id == conversation_id
            for one in happening.emitted
            if isinstance(one, Published) and one.sequence is not None
        ]


class Node:
    """A node with a follower."""

    def __init__(self, db: Database, clock: ManualClock, randomness: Randomness) -> None:
        accounts = Accounts(db, clock, randomness, Vault([("test", b"\x07" * 32)]))
        self.accounts = accounts
        self.messaging = Messaging(db, clock, randomness, Webhooks(), accounts, Limits())
        self.feed = self.messaging.feed
        self.told = Told()
        self.feed.follow(self.told.take, self.told.wants, self.told.lose)

    async def open(self, account_id: str = ACCOUNT) -> str:
        conversation_id = self.messaging.new_conversation_id()
        opening = Open("-1", "NORMAL", 600)
        await self.messaging.submit(Command(account_id, CALLER, conversation_id, open=opening))
        return conversation_id

    async def say(self, conversation_id: str, message: str = "hi", account_id: str = ACCOUNT) -> None:
        event = parse_event(text(message), characters=100)
        await self.messaging.submit(Command(account_id, CALLER, conversation_id, (Publish("", event),)))

    async def type(self, conversation_id: str) -> None:
        await self.messaging.submit(Command(ACCOUNT, CALLER, conversation_id, (Publish("", TYPING),)))

    async def close(self, conversation_id: str) -> None:
        await self.messaging.submit(Command(ACCOUNT, CALLER, conversation_id, (CloseConversation(),)))


@pytest.fixture
async def nodes(database_url: str, clock: ManualClock, randomness: Randomness) -> AsyncIterator[tuple[Node, Node]]:
    """Two nodes on one database; nothing is read but when a test says so."""
    async with AsyncExitStack() as stack:
        made = []
        for _ in range(2):
            db = await open_database(database_url, connections=4)
            stack.push_async_callback(db.close)
            node = Node(db, clock, randomness)
            stack.push_async_callback(node.messaging.stop)
            made.append(node)
        await made[0].accounts.create_account(ACCOUNT, "Example Brand", OPERATOR)
        for node in made:
            await node.feed.begin()
        yield made[0], made[1]


async def read(node: Node, clock: ManualClock) -> None:
    """Let the time pass after which a node looks even if nobody woke it."""
    clock.advance(seconds=1)
    await node.feed.step()


async def test_what_a_node_commits_is_told_there_at_once(
    db: Database, clock: ManualClock, randomness: Randomness
) -> None:
    node = Node(db, clock, randomness)
    await node.accounts.create_account(ACCOUNT, "Example Brand", OPERATOR)
    conversation = await node.open()
    await node.say(conversation)
    await node.close(conversation)
    assert node.told.words == ["OPEN", "0", "CLOSE"]
    await node.messaging.stop()


@on_postgresql
async def test_another_node_is_told_the_same(nodes: tuple[Node, Node], clock: ManualClock) -> None:
    here, there = nodes
    conversation = await here.open()
    await read(there, clock)
    await here.say(conversation)
    await here.say(conversation)
    await read(there, clock)
    await here.close(conversation)
    await read(there, clock)
    assert here.told.words == there.told.words == ["OPEN", "0", "1", "CLOSE"]


@on_postgresql
async def test_what_happened_while_nobody_looked_comes_together_and_its_end_comes_last(
    nodes: tuple[Node, Node], clock: ManualClock
) -> None:
    here, there = nodes
    conversation = await here.open()
    await here.say(conversation)
    await here.close(conversation)
    await read(there, clock)
    await read(there, clock)
    assert there.told.words == ["0", "CLOSE"]


@on_postgresql
async def test_a_commit_here_does_not_overtake_what_was_committed_there(
    nodes: tuple[Node, Node], clock: ManualClock
) -> None:
    here, there = nodes
    conversation = await here.open()
    await read(there, clock)
    for _ in range(3):
        await here.say(conversation)
    await there.say(conversation)
    await there.feed.step()
    assert there.told.words == ["OPEN", "0", "1", "2", "3"]
    await read(there, clock)
    await read(here, clock)
    assert there.told.words == here.told.words == ["OPEN", "0", "1", "2", "3"]


@on_postgresql
async def test_nor_does_the_first_that_a_node_hears_of_a_conversation(
    nodes: tuple[Node, Node], clock: ManualClock
) -> None:
    here, there = nodes
    conversation = await here.open()
    await here.say(conversation)
    await there.say(conversation)
    clock.advance(seconds=1)
    await there.feed.step()
    await there.say(conversation)
    assert there.told.sequences(conversation) == [0, 1, 2]


@on_postgresql
async def test_nor_what_a_node_that_has_just_begun_did_before(nodes: tuple[Node, Node], clock: ManualClock) -> None:
    here, there = nodes
    clock.advance(seconds=1)
    await there.feed.step()
    conversation = await here.open()  # its first page: nobody knows this node yet
    await here.say(conversation)
    await there.say(conversation)
    await there.feed.step()
    assert there.told.sequences(conversation) == [0, 1]


@on_postgresql
async def test_what_routing_makes_known_reaches_both_nodes(nodes: tuple[Node, Node], clock: ManualClock) -> None:
    here, there = nodes
    heard: list[tuple[str, RoutingItem]] = []
    here.feed.on_items(lambda items: heard.extend(("here", one) for one in items))
    there.feed.on_items(lambda items: heard.extend(("there", one) for one in items))
    item = AgentStateChanged(ACCOUNT, "pid", Availability.AWAY, ("MESSAGING",), "lunch")
    await here.messaging._db.write(lambda tx: here.feed.publish(tx, [item]))
    await read(there, clock)
    assert heard == [("here", item), ("there", item)]


@on_postgresql
async def test_sessions_that_end_are_told_on_both_nodes_once_it_is_durable(
    nodes: tuple[Node, Node], clock: ManualClock
) -> None:
    here, there = nodes
    heard: list[tuple[str, SessionsOver]] = []
    here.feed.on_sessions_over(lambda over: heard.append(("here", over)))
    there.feed.on_sessions_over(lambda over: heard.append(("there", over)))

    async def fail(tx: Tx) -> None:
        await here.feed.end_sessions(tx, ACCOUNT, ["lost"])
        raise LookupError

    with pytest.raises(LookupError):
        await here.messaging._db.write(fail)
    await here.messaging._db.write(lambda tx: here.feed.end_sessions(tx, ACCOUNT, ["one", "two"]))
    await read(there, clock)
    over = SessionsOver(ACCOUNT, ("one", "two"))
    assert heard == [("here", over), ("there", over)]


@on_postgresql
async def test_chat_states_reach_the_other_node_though_they_are_not_stored(
    nodes: tuple[Node, Node], clock: ManualClock
) -> None:
    here, there = nodes
    conversation = await here.open()
    await read(there, clock)
    await here.type(conversation)
    await read(there, clock)
    await there.type(conversation)
    assert there.told.words == ["OPEN", "None", "None"]
    emitted = there.told.happenings[1].emitted[0]
    assert isinstance(emitted, Published)
    assert emitted.event == TYPING


@on_postgresql
async def test_an_account_without_followers_is_not_read_and_begins_where_it_is(
    nodes: tuple[Node, Node], clock: ManualClock
) -> None:
    here, there = nodes
    conversation = await here.open()
    await read(there, clock)
    there.told.accounts = {OTHER}
    await here.say(conversation, "nobody is there")
    await read(there, clock)
    there.told.accounts = {ACCOUNT}
    await here.say(conversation, "somebody is")
    await read(there, clock)
    assert there.told.sequences(conversation) == [1]


@on_postgresql
async def test_a_node_that_was_cut_off_for_long_says_that_something_may_be_missing(
    nodes: tuple[Node, Node], clock: ManualClock
) -> None:
    _, there = nodes
    await read(there, clock)
    assert there.told.lost == 0
    clock.advance(seconds=61)
    await there.feed.step()
    assert there.told.lost == 1


@on_postgresql
async def test_pages_are_forgotten_after_two_minutes(nodes: tuple[Node, Node], clock: ManualClock) -> None:
    here, _ = nodes
    await here.open()
    clock.advance(seconds=121)
    await here.feed.step()

    async def count(tx: Tx) -> int:
        row = await tx.fetch_one(sa.select(sa.func.count()).select_from(metadata.tables["messaging_feed"]))
        assert row is not None
        return int(row[0])

    assert await here.messaging._db.read(count) == 0


@on_postgresql
async def test_every_follower_hears_every_event_once_and_in_order_whoever_speaks(
    nodes: tuple[Node, Node], clock: ManualClock
) -> None:
    order = random.Random(5)  # noqa: S311 - a test that repeats
    for node in nodes:
        await node.feed.start()
    conversations = [await order.choice(nodes).open() for _ in range(8)]

    async def talk(conversation: str) -> None:
        for _ in range(15):
            await order.choice(nodes).say(conversation)

    await asyncio.gather(*(talk(one) for one in conversations for _ in range(2)))
    async with asyncio.timeout(8):
        while any(len(node.told.sequences(one)) < 30 for node in nodes for one in conversations):
            clock.advance(ms=20)
            await asyncio.sleep(0.01)
    for node in nodes:
        assert [node.told.sequences(one) for one in conversations] == [list(range(30))] * 8
        assert node.told.lost == 0
