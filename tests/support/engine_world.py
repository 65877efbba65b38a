"""A small world for the delivery engine: nodes that live and die, endpoints that fail and stall, a clock that jumps.

The engine is the real one over a real database. Only the door to the network is a stand-in, at its interface: it notes
each request and answers as the endpoint is told to. What must hold of it is in ``engine_reference``.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import count, cycle
from typing import Literal, TypeVar, cast

import sqlalchemy as sa

from support.webhooks_house import ACCOUNT, CONTENT, SECRET, Signing
from switchbay.accounts.public import OPERATOR
from switchbay.infra.db import Database, DatabaseUnavailable, Row, Tx, Work
from switchbay.infra.egress import Egress, Outcome
from switchbay.infra.machine import ManualClock, Randomness
from switchbay.infra.vault import Vault
from switchbay.kit.errors import AppError
from switchbay.webhooks.public import Endpoint, Notification, Ordering, Owner, Webhooks, set_owner
from switchbay.webhooks.replay import ReplayFilter
from switchbay.webhooks.tables import deliveries, lanes

T = TypeVar("T")
LEASE = 60.0
APPS = ("by-number", "by-time", "by-effort")
BY_TIME, BY_EFFORT = APPS[1:]
LANES = ("c1", "c1", "c1", "c2", "c3")
MOST_NODES = 4

_ANSWERS: dict[str, tuple[int | None, str | None]] = {
    "fine": (200, None),
    "created": (201, None),
    "accepted": (202, None),
    "broken": (500, None),
    "busy": (429, None),
    "refuses": (None, "connect"),
    "times out": (None, "response_timeout"),
}
BEHAVIOURS = (*_ANSWERS, "stalls")
FAILING = ("broken", "times out", "refuses", "busy")


class MortalDatabase:
    """The database as one node sees it: when the node is dead, nothing of it gets there any more."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self.is_dead = False

    @property
    def engine(self) -> Literal["sqlite", "postgresql"]:
        """Which engine this is."""
        return self._db.engine

    def _check(self) -> None:
        if self.is_dead:
            raise DatabaseUnavailable("the node is dead")

    async def read(self, work: Work[T]) -> T:
        """Read, while alive."""
        self._check()
        return await self._db.read(work)

    async def write(self, work: Work[T]) -> T:
        """Write, while alive."""
        self._check()
        return await self._db.write(work)

    def notify(self, channel: str) -> None:
        """Wake nobody: nodes look when the world lets them."""

    def listen(self, _channel: str, _callback: Callable[[], None]) -> Callable[[], None]:
        """Hear nothing."""
        return lambda: None

    async def close(self) -> None:
        """Leave it open for the others."""


@dataclass(slots=True)
class Arrival:
    """A request that an endpoint got. ``is_success`` is None while it is not answered."""

    place: int
    event_id: str
    is_replay: bool
    node: "Node"
    step: int
    at: int
    is_success: bool | None = None

    @property
    def key(self) -> tuple[str, bool]:
        """What is delivered by it."""
        return self.event_id, self.is_replay


@dataclass(slots=True, eq=False)
class Node:
    """A node, its database and its door."""

    name: str
    db: MortalDatabase
    webhooks: Webhooks
    stalled: list[asyncio.Event] = field(default_factory=list)
    ended_at_step: int | None = None

    @property
    def is_quiet(self) -> bool:
        """Whether it does nothing but wait, for a time or for an endpoint."""
        dispatcher = self.webhooks.dispatcher
        return (
            dispatcher._reader.is_idle and dispatcher._recorder.is_idle and len(dispatcher._tasks) == len(self.stalled)
        )


class Door:
    """One node's way out."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self.node: Node | None = None

    async def post(self, url: str, headers: Sequence[tuple[str, str]], _body: bytes, **_limits: object) -> Outcome:
        """Note the request and answer it as its endpoint does."""
        node = self.node
        assert node is not None
        world = self._world
        given = dict(headers)
        arrival = Arrival(
            len(world.arrivals),
            given["X-Liveperson-Request-Id"],
            given.get("X-Switchbay-Origin") == "replay",
            node,
            world.step,
            world.clock.now_ms(),
        )
        world.arrivals.append(arrival)
        app = url.rpartition("/")[2]
        if world.behaviour[app] == "stalls":
            go_on = asyncio.Event()
            node.stalled.append(go_on)
            try:
                await go_on.wait()
            finally:
                node.stalled.remove(go_on)
        status, failure = _ANSWERS.get(world.behaviour[app], (200, None))
        answered = (("Retry-After", "3"),) if status == 429 else ()
        arrival.is_success = failure is None and status in {200, 201}
        return Outcome(status, answered, b"", False, failure, None, None, None, 1, None)


@dataclass(slots=True)
class App:
    """How an app is set at present, and how it has been."""

    enabled: bool
    retries: int
    retention: int
    all_retries: set[int]
    all_retentions: set[int]
    was_disabled: bool = False


@dataclass(slots=True)
class World:
    """Everything there is."""

    db: Database
    clock: ManualClock
    vault: Vault
    step: int = 0
    nodes: list[Node] = field(default_factory=list)
    arrivals: list[Arrival] = field(default_factory=list)
    behaviour: dict[str, str] = field(default_factory=lambda: dict.fromkeys(APPS, "fine"))
    apps: dict[str, App] = field(default_factory=dict)
    expected: list[str] = field(default_factory=list)
    finished_at_step: dict[str, int] = field(default_factory=dict)
    replayed: set[str] = field(default_factory=set)
    set_back_at_steps: list[int] = field(default_factory=list)
    _numbers: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    _names: "count[int]" = field(default_factory=count)
    _has_replayed_all: bool = False

    # What may happen

    async def begin(self) -> None:
        """An app of each kind, two nodes."""
        self.apps = {
            "by-number": App(True, 2, 0, {2}, {0}),
            BY_TIME: App(True, 1, 259_200, {1}, {259_200}),
            BY_EFFORT: App(True, 2, 0, {2}, {0}),
        }
        for app in APPS:
            await self._configure(app)
        await self.join()
        await self.join()

    async def join(self) -> None:
        """A node comes."""
        if len(self.nodes) >= MOST_NODES:
            return
        door, db = Door(self), MortalDatabase(self.db)
        webhooks = Webhooks(
            db, self.clock, Randomness(), self.vault, cast("Egress", door), Signing(), in_flight=8, lease_seconds=LEASE
        )
        node = Node(f"n{next(self._names)}", db, webhooks)
        door.node = node
        webhooks.dispatcher.start(in_background=False)
        self.nodes.append(node)

    async def die(self, which: int) -> None:
        """A node ends without a word, whatever it is doing."""
        if not self.nodes:
            return
        node = self.nodes.pop(which % len(self.nodes))
        node.db.is_dead = True
        node.ended_at_step = self.step
        await node.webhooks.dispatcher.stop(0)

    async def leave(self, which: int) -> None:
        """A node stops properly; what it has under way is answered."""
        if not self.nodes:
            return
        node = self.nodes.pop(which % len(self.nodes))
        node.ended_at_step = self.step
        stopping = asyncio.create_task(node.webhooks.dispatcher.stop(2))
        await asyncio.sleep(0)
        for go_on in node.stalled:
            go_on.set()
        await stopping

    async def publish(self, which: int, app: str, lane: str, most: int, *, dies: bool = False) -> None:
        """Something happens in a conversation: some events in one transaction, of a node that may die right after."""
        if not self.nodes:
            return
        node = self.nodes[which % len(self.nodes)]
        texts = []
        for _ in range(most):
            texts.append(f"{app}/{lane}/{self._numbers[app, lane]}")
            self._numbers[app, lane] += 1
        events = [Notification(ACCOUNT, app, lane, CONTENT, text.encode(), self.clock.now_ms()) for text in texts]

        async def work(tx: Tx) -> None:
            await node.webhooks.publish(tx, events)
            if dies:
                node.webhooks.dispatcher._is_running = False

        await self.db.write(work)
        if self.apps[app].enabled:
            self.expected += texts
        if dies:
            await self.die(self.nodes.index(node))

    async def update(self, app: str, *, enabled: bool | None = None, tune: int | None = None) -> None:
        """An app is disabled, enabled, or changes its retries and retention."""
        state = self.apps[app]
        if enabled is not None:
            state.enabled = enabled
            state.was_disabled = state.was_disabled or not enabled
        if tune is not None:
            state.retries = tune % 4
            state.retention = (60, 3600, 259_200)[tune % 3] if app == BY_TIME else 0
            state.all_retries.add(state.retries)
            state.all_retentions.add(state.retention)
        await self._configure(app)

    async def _configure(self, app: str) -> None:
        state = self.apps[app]
        endpoint = Endpoint(CONTENT, f"https://endpoint.example/{app}", (), state.retries)
        owner = Owner(ACCOUNT, app, app, state.enabled, (endpoint,), state.retention, SECRET, None)
        if app == BY_EFFORT:
            owner = replace(owner, ordering=Ordering.BEST_EFFORT)
        await self.db.write(lambda tx: set_owner(tx, self.vault, owner, self.clock.now_ms()))

    def answer(self) -> None:
        """Endpoints that stalled answer, each as it does now."""
        for node in self.nodes:
            for go_on in node.stalled:
                go_on.set()

    async def pass_time(self, seconds: float, awake: int) -> None:
        """The clock moves, back or forth; then the nodes of the mask ``awake`` do their rounds, the others hang."""
        await self.settle()
        self.clock.advance(ms=round(seconds * 1000))
        if seconds < 0:
            self.set_back_at_steps.append(self.step)
        for place, node in enumerate(tuple(self.nodes)):
            if awake >> place & 1:
                await self._round(node)

    async def _round(self, node: Node) -> None:
        dispatcher = node.webhooks.dispatcher
        dispatcher.renew_leases()
        await dispatcher._gates.look()
        await dispatcher.sweep_once()
        dispatcher.wake_due()

    async def replay(self, which: int) -> None:
        """An event that is over is sent again; each once, so that its requests can be told apart."""
        rows = [row for row in await self.rows() if row["status"] != "pending" and row["origin"] is None]
        rows = [row for row in rows if row["id"] not in self.replayed]
        if not rows or not self.nodes or self._has_replayed_all:
            return
        row = rows[which % len(rows)]
        try:
            await self.nodes[which % len(self.nodes)].webhooks.replays.replay_one(ACCOUNT, row["id"], OPERATOR)
        except AppError as error:
            if error.code != "event_not_subscribed":  # the app is disabled
                raise
            return
        self.replayed.add(row["id"])

    async def replay_all(self) -> None:
        """Everything is sent again, unless some of it has been."""
        if self.replayed or self._has_replayed_all or not self.nodes:
            return
        self._has_replayed_all = True
        wanted = ReplayFilter(None, None, None, None, None, 0, self.clock.now_ms())
        await self.nodes[0].webhooks.replays.begin(ACCOUNT, wanted, OPERATOR)

    async def replay_on(self, which: int) -> bool:
        """Some node does a step for a replay."""
        return bool(self.nodes) and await self.nodes[which % len(self.nodes)].webhooks.replays.step_once(3)

    # Looking

    async def settle(self) -> None:
        """Wait until every node does nothing but wait."""
        async with asyncio.timeout(60):
            while not all(node.is_quiet for node in self.nodes):  # noqa: ASYNC110 - no event tells it
                await asyncio.sleep(0.0005)

    async def note(self) -> None:
        """Remember what is over by now, and begin the next step: what happens while this is read belongs to that."""
        step, self.step = self.step, self.step + 1
        for row in await self.rows():
            if row["status"] != "pending":
                self.finished_at_step.setdefault(row["id"], step)

    async def rows(self) -> Sequence[Row]:
        """The log."""
        statement = sa.select(deliveries).order_by(deliveries.c.id)
        return await self.db.read(lambda tx: tx.fetch(statement))

    # The end

    async def calm_down(self) -> None:
        """Endpoints answer, apps are enabled, a node is there: after a while nothing is left to do."""
        self.behaviour = dict.fromkeys(APPS, "fine")
        for app in APPS:
            await self.update(app, enabled=True)
        await self.join()
        spans = cycle((0.2, 1.0, 5.0, 20.0, 310.0, 2_000.0))
        for _ in range(60):
            self.answer()
            await self.pass_time(next(spans), awake=-1)
            await self.settle()
            is_replaying = await self.replay_on(0)
            await self.settle()
            if not is_replaying and await self.is_over():
                break
        await self.pass_time(0.2, awake=-1)
        await self.settle()
        await self.note()

    async def is_over(self) -> bool:
        """Whether nothing is pending and no lane is held."""
        held = sa.select(lanes.c.lane).where(lanes.c.wake_at.is_not(None))
        is_free = not await self.db.read(lambda tx: tx.fetch(held))
        return is_free and all(row["status"] != "pending" for row in await self.rows())

    async def close(self) -> None:
        """Stop what is left."""
        self.answer()
        for node in self.nodes:
            await node.webhooks.dispatcher.stop(2)
