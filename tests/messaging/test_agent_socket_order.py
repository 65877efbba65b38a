"""In which order an agent's socket is told what happens, whatever goes on at the same time, on one node and on two."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from support.agent_socket import Agents, AgentSocket, serve_agents
from support.messaging_stage import ACCOUNT, CONSUMER, Stage, stage_on, text
from switchbay.infra.db import Database, open_database
from switchbay.infra.machine import ManualClock, Randomness
from switchbay.messaging.domain import AddParticipant, AgentCaller, Command, ConsumerCaller, Open, Publish, Role
from switchbay.messaging.wire.events import parse_event

CHANGE, EVENT, RING = "ExConversationChangeNotification", "OnlineEventDistribution", "RoutingTaskNotification"
MESSAGES = 12
CROWD = ("bob", "cyd", "ada")
ON_POSTGRESQL = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


@pytest.fixture
async def agents(stage: Stage) -> AsyncIterator[Agents]:
    async with serve_agents(stage) as served:
        yield served


def names(socket: AgentSocket) -> list[str]:
    """The notifications that came, by the last word of their types."""
    return [frame["type"].rpartition(".")[2] for frame in socket.frames if frame["kind"] == "notification"]


async def test_an_answer_comes_before_what_its_request_causes(agents: Agents) -> None:
    conversation = await agents.stage.open()
    async with agents.connect() as bob:
        await bob.subscribe()
        await bob.join(conversation)
        await bob.change()
        await bob.publish(conversation, "hi")
        await bob.event()
        await bob.change()
    kinds = [frame["kind"] for frame in bob.frames]
    assert kinds == ["resp", "resp", "notification", "resp", "notification", "notification"]
    assert names(bob) == [CHANGE, EVENT, CHANGE]


async def test_every_id_comes_back_as_it_was(agents: Agents) -> None:
    ids: list[Any] = ["a", 1, 2.5, "1,", None, {"odd": [1]}, True]
    async with agents.connect() as bob:
        for one in ids:
            await bob.send({"kind": "req", "id": one, "type": ".GetClock", "body": {}})
        assert [(await bob.receive())["reqId"] for _ in ids] == ids


async def test_what_changes_while_a_subscription_reads_is_not_missed(agents: Agents) -> None:
    conversations = [await agents.stage.open() for _ in range(20)]
    async with agents.connect("ada") as ada:
        subscribing = asyncio.create_task(ada.subscribe(convState=["OPEN"]))
        await asyncio.gather(*(agents.stage.close(one) for one in conversations))
        await subscribing
        marker = await agents.stage.open()  # told after all that was before
        known: set[str] = set()
        while marker not in known:
            for one in (await ada.notification(CHANGE))["changes"]:
                (known.add if one["type"] == "UPSERT" else known.discard)(one["result"]["convId"])
        assert known == {marker}


async def test_an_event_waits_a_moment_for_the_conversation_that_it_belongs_to(agents: Agents) -> None:
    conversation = await agents.stage.open()
    await agents.stage.agent("POST", f"/{conversation}/join")
    async with agents.connect() as bob:
        await agents.stage.say(conversation, "are you back?")
        await bob.done(".ams.routing.SetAgentState", {"availability": "AWAY"})
        assert names(bob) == []
        await bob.subscribe(convState=["OPEN"])
        await bob.rest()
    assert names(bob)[:2] == [CHANGE, EVENT]


async def test_a_client_that_never_subscribes_is_told_all_the_same(agents: Agents) -> None:
    conversation = await agents.stage.open()
    await agents.stage.agent("POST", f"/{conversation}/join")
    async with agents.connect() as bob:
        await agents.stage.say(conversation, "anybody?")
        assert (await bob.event())["event"]["message"] == "anybody?"


async def test_a_ring_that_waits_already_is_told_to_a_new_subscription_once(agents: Agents) -> None:
    async with agents.connect() as bob:
        await bob.done(".ams.routing.SetAgentState", {"availability": "ONLINE"})
        await agents.stage.open()
        subscribing = asyncio.create_task(bob.done(".ams.routing.SubscribeRoutingTasks"))
        await agents.routing.settle()
        await subscribing
        await bob.notification(RING)
        await bob.rest()
    assert names(bob) == [RING]


async def test_a_manager_follows_a_dialog_without_taking_part(agents: Agents) -> None:
    conversation = await agents.stage.open()
    await agents.stage.say(conversation, "first")
    async with agents.connect("ada") as ada:
        following = asyncio.create_task(
            ada.done("ms.SubscribeMessagingEvents", {"dialogId": conversation, "fromSeq": 0})
        )
        await asyncio.gather(following, *(agents.stage.say(conversation, str(number)) for number in range(5)))
        told: list[int] = []
        while len(told) < 6:
            told += [one["sequence"] for one in (await ada.notification("MessagingEventNotification"))["changes"]]
        assert await ada.rest() == []
    assert told == list(range(6))


class Follower:
    """A client as it should be: when it has come back it asks for what it lacks, and drops what it has already."""

    def __init__(self, agents: Agents, user: str, conversations: list[str], luck: random.Random) -> None:
        self.agents = agents
        self.user = user
        self.luck = luck
        self.transcripts: dict[str, list[str]] = {one: [] for one in conversations}
        self.breaks = 0

    def is_done(self) -> bool:
        return all(len(one) == MESSAGES for one in self.transcripts.values())

    def take(self, event: dict[str, Any]) -> None:
        transcript = self.transcripts[event["dialogId"]]
        if event["sequence"] >= len(transcript):
            assert event["sequence"] == len(transcript)  # nothing is missing between
            transcript.append(event["event"]["message"])

    async def run(self) -> None:
        while not self.is_done():
            async with self.agents.connect(self.user) as client:
                await client.subscribe()
                for conversation, transcript in self.transcripts.items():
                    query = {"dialogId": conversation, "newerThanSequence": len(transcript)}
                    for event in await client.done(".ams.ms.QueryMessages", query):
                        self.take(event)
                await self.listen(client)

    async def listen(self, client: AgentSocket) -> None:
        left = self.luck.randint(3, 12) if self.breaks < 4 else 10_000
        while left and not self.is_done():
            self.take(await client.event())
            left -= 1
        if not self.is_done():
            self.breaks += 1
            client.connection.transport.abort()
            await client.connection.wait_closed()


@ON_POSTGRESQL
async def test_two_nodes_tell_everybody_the_same_whatever_breaks(
    database_url: str, db: Database, clock: ManualClock, randomness: Randomness
) -> None:
    luck = random.Random(11)  # noqa: S311 - a test that repeats
    async with AsyncExitStack() as stack:
        other = await open_database(database_url, connections=4)
        stack.push_async_callback(other.close)
        nodes = [
            await stack.enter_async_context(stage_on(db, clock, randomness)),
            await stack.enter_async_context(stage_on(other, clock, randomness, is_new=False)),
        ]
        served = [await stack.enter_async_context(serve_agents(node)) for node in nodes]
        conversations = [await _conversation_of_all(nodes[0]) for _ in range(5)]
        followers = [
            Follower(served[place % 2], name, conversations, luck) for place, name in enumerate((*CROWD, *CROWD))
        ]
        speaking = [_speak(nodes, one, luck) for one in conversations]
        ticking = asyncio.create_task(_tick(clock))
        try:
            async with asyncio.timeout(60):
                await asyncio.gather(*speaking, *(one.run() for one in followers))
        finally:
            ticking.cancel()
    for follower in followers:
        assert follower.transcripts == {one: [str(number) for number in range(MESSAGES)] for one in conversations}
    assert all(follower.breaks for follower in followers)


async def _conversation_of_all(stage: Stage) -> str:
    conversation = stage.messaging.new_conversation_id()
    opening = Open("-1", "NORMAL", 600)
    await stage.messaging.submit(Command(ACCOUNT, ConsumerCaller(None, CONSUMER), conversation, open=opening))
    for name in CROWD:
        user = await stage.accounts.find_user_by_login(ACCOUNT, name)
        assert user is not None
        step, caller = AddParticipant(user.user_pid, Role.MANAGER), AgentCaller(user.user_pid, may_manage=True)
        await stage.messaging.submit(Command(ACCOUNT, caller, conversation, (step,)))
    return conversation


async def _speak(nodes: list[Stage], conversation: str, luck: random.Random) -> None:
    for number in range(MESSAGES):
        event = parse_event(text(str(number)), characters=100)
        command = Command(ACCOUNT, ConsumerCaller(None, CONSUMER), conversation, (Publish("", event),))
        await luck.choice(nodes).messaging.submit(command)
        await asyncio.sleep(luck.random() * 0.04)


async def _tick(clock: ManualClock) -> None:
    """Nodes look for what others did, and for new nodes, by the clock."""
    while True:
        await asyncio.sleep(0.02)
        clock.advance(ms=20)
