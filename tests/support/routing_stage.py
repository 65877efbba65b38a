"""The messaging room with routing on one or more nodes, whose routers work when a test says so."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from support.messaging_stage import ACCOUNT, APP, CONSUMER, Webhooks
from switchbay.accounts.public import Account
from switchbay.infra.db import Database
from switchbay.infra.machine import ManualClock, Randomness
from switchbay.messaging.domain import (
    AgentCaller,
    Command,
    ConsumerCaller,
    Conversation,
    Open,
    Step,
    SystemCaller,
)
from switchbay.messaging.public import Limits, Messaging
from switchbay.messaging.routing.domain import RoutingItem, RoutingTaskChanged
from switchbay.messaging.routing.service import Routing

ANN = "c0a8d6de-3b1f-4e2a-8f0b-9a4f1d2c3b01"
BEN = "c0a8d6de-3b1f-4e2a-8f0b-9a4f1d2c3b02"
CAT = "c0a8d6de-3b1f-4e2a-8f0b-9a4f1d2c3b03"
RING_MS, PAUSE_MS, GRACE_MS, LEASE_MS = 72_000, 30_000, 20_000, 40_000


class Book:
    """One account, whose settings a test changes."""

    def __init__(self) -> None:
        self.account = Account(ACCOUNT, "Example", 0, "sha1", "base64", "off", False, True, {"NORMAL": 600})

    async def get_account(self, account_id: str) -> Account:
        assert account_id == ACCOUNT
        return self.account


@dataclass
class Node:
    """A node, and what it has told its agents."""

    messaging: Messaging
    routing: Routing
    told: list[RoutingItem] = field(default_factory=list)

    async def come(self, user_pid: str, availability: str = "ONLINE") -> None:
        """Connect an agent who is then rung."""
        await self.routing.agent_connected(ACCOUNT, user_pid, f"socket of {user_pid}")
        await self.routing.set_agent_state(ACCOUNT, user_pid, availability, ["MESSAGING"])
        await self.routing.settle()

    async def go(self, user_pid: str) -> None:
        """End an agent's socket."""
        await self.routing.agent_disconnected(ACCOUNT, user_pid, f"socket of {user_pid}")
        await self.routing.settle()

    async def rings(self, user_pid: str) -> list[tuple[str, str]]:
        """What rings at an agent: conversations and rings."""
        tasks = await self.routing.open_tasks(ACCOUNT, user_pid)
        return [(task.conversation_id, task.rings[0].ring_id) for task in tasks]

    async def ring(self, user_pid: str) -> str:
        """The id of the one ring at an agent."""
        [(_, ring_id)] = await self.rings(user_pid)
        return ring_id

    async def accept(self, user_pid: str, ring_id: str | None = None) -> None:
        """Accept a ring, the only one if none is given."""
        await self.routing.answer_ring(ACCOUNT, user_pid, ring_id or await self.ring(user_pid), "ACCEPTED")
        await self.routing.settle()

    async def reject(self, user_pid: str) -> None:
        """Reject the only ring."""
        await self.routing.answer_ring(ACCOUNT, user_pid, await self.ring(user_pid), "REJECTED")
        await self.routing.settle()

    def states(self, user_pid: str) -> list[tuple[str, str]]:
        """What an agent was told of tasks: kind of change and state of the ring."""
        return [
            (item.type, item.task.rings[0].state.value)
            for item in self.told
            if isinstance(item, RoutingTaskChanged) and item.user_pid == user_pid
        ]


@dataclass
class RoutingStage:
    """Nodes on one database, and its conversations."""

    db: Database
    clock: ManualClock
    randomness: Randomness
    book: Book
    webhooks: Webhooks
    nodes: list[Node] = field(default_factory=list)

    @property
    def node(self) -> Node:
        """The first node."""
        return self.nodes[0]

    def add_node(self) -> Node:
        """Another node."""
        messaging = Messaging(self.db, self.clock, self.randomness, self.webhooks, self.book, Limits())
        routing = Routing(
            self.db,
            self.clock,
            self.randomness,
            self.book,
            messaging,
            ring_seconds=RING_MS / 1_000,
            pause_seconds=PAUSE_MS / 1_000,
            grace_seconds=GRACE_MS / 1_000,
            lease_seconds=LEASE_MS / 1_000,
        )
        node = Node(messaging, routing)
        routing.listen(node.told.extend)
        self.nodes.append(node)
        return node

    async def open(self, skill_id: str = "-1", ttr_seconds: int = 600, *, settle: bool = True) -> str:
        """Open a conversation, a millisecond after the one before."""
        self.clock.advance(ms=1)
        messaging = self.node.messaging
        conversation_id = messaging.new_conversation_id()
        wanted = Open(skill_id, "NORMAL", ttr_seconds)
        await messaging.submit(Command(ACCOUNT, ConsumerCaller(APP, CONSUMER), conversation_id, open=wanted))
        if settle:
            await self.node.routing.settle()
        return conversation_id

    async def take(self, conversation_id: str, *steps: Step, by: str | None = None) -> None:
        """Take steps as the platform or an agent."""
        caller = SystemCaller() if by is None else AgentCaller(by)
        await self.node.messaging.submit(Command(ACCOUNT, caller, conversation_id, steps))
        await self.node.routing.settle()

    async def wait(self, ms: int) -> None:
        """Let time pass and the first node work."""
        self.clock.advance(ms=ms)
        await self.node.routing.renew()
        await self.node.routing.settle()

    async def get(self, conversation_id: str) -> Conversation:
        """A conversation as it stands."""
        return await self.node.messaging.get_conversation(ACCOUNT, conversation_id)

    async def assigned(self, conversation_id: str) -> str | None:
        """The assigned agent of a conversation."""
        assigned = (await self.get(conversation_id)).assigned
        return None if assigned is None else assigned.id

    async def rung(self, user_pids: Sequence[str] = (ANN, BEN, CAT)) -> dict[str, list[str]]:
        """At which agents what rings."""
        found = {pid: [conversation for conversation, _ in await self.node.rings(pid)] for pid in user_pids}
        return {pid: conversations for pid, conversations in found.items() if conversations}


@asynccontextmanager
async def routing_stage_on(db: Database, clock: ManualClock, randomness: Randomness) -> AsyncIterator[RoutingStage]:
    """One account with one node."""
    stage = RoutingStage(db, clock, randomness, Book(), Webhooks())
    stage.add_node()
    yield stage
    for node in stage.nodes:
        await node.routing.stop()
        await node.messaging.stop()
