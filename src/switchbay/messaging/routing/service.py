"""Routing of one node: the states of agents, their rings, and the router that makes them."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Final, TypeAlias

import structlog
from msgspec.structs import replace

from switchbay.infra.db import Database, Tx
from switchbay.infra.machine import Clock, Randomness
from switchbay.kit.errors import AppError
from switchbay.messaging.commit import Happening
from switchbay.messaging.domain import (
    AddParticipant,
    AgentCaller,
    Command,
    Conversation,
    RemoveParticipant,
    Role,
    Step,
    SystemCaller,
    WithdrawSuggestion,
)
from switchbay.messaging.errors import ring_refusal
from switchbay.messaging.routing import errors
from switchbay.messaging.routing.configuration import Configuration
from switchbay.messaging.routing.domain import (
    NEVER_SEEN,
    Agent,
    AgentState,
    Answer,
    Availability,
    RingAnswer,
    RingRefusal,
    RingState,
    RoutingItem,
    RoutingTask,
    after_state_set,
    changes_of,
    state_change_of,
    task_of,
)
from switchbay.messaging.routing.presence import Presence
from switchbay.messaging.routing.rings import Publish, RingBook
from switchbay.messaging.routing.step import Refusal, Rules, Stepped, step
from switchbay.messaging.routing.store import agents as agent_store
from switchbay.messaging.routing.store import rings as ring_store
from switchbay.messaging.routing.store import routers
from switchbay.messaging.routing.workers import Routers
from switchbay.messaging.service import AccountBook, Messaging

Listener: TypeAlias = Callable[[Sequence[RoutingItem]], None]
_ASSIGNED_AT_ONCE: Final = 500
_RING_ID: Final = re.compile(r"[!-~]{1,128}")
_MOST_CHANNELS: Final = 16
_LONGEST_CHANNEL: Final = 64
_KEPT_MS: Final = 3_600_000  # few: SQLite reads past the ended rings of an account to those that wait
_PURGE_SECONDS: Final = 60.0
_SERVER_FAILS: Final = 500
_log = structlog.get_logger("routing")


class Routing:
    """Who gets which conversation. ``publish`` has agents told; without it, ``listen`` tells those on this node.

    ``ring_seconds`` is how long a ring waits for its answer, ``pause_seconds`` how long an agent who did not take a
    conversation is not offered it again, ``grace_seconds`` how long an agent who lost the connection is waited for;
    ``lease_seconds`` how long other nodes believe that this one lives.
    """

    def __init__(
        self,
        db: Database,
        clock: Clock,
        randomness: Randomness,
        accounts: AccountBook,
        messaging: Messaging,
        *,
        ring_seconds: float = 72,
        pause_seconds: float = 30,
        grace_seconds: float = 30,
        lease_seconds: float = 30,
        sweep_seconds: float = 5,
        publish: Publish | None = None,
    ) -> None:
        self._db = db
        self._clock = clock
        self._randomness = randomness
        self._accounts = accounts
        self._messaging = messaging
        self._rules = Rules(int(ring_seconds * 1_000), int(pause_seconds * 1_000), int(grace_seconds * 1_000))
        self._publish = publish or self._tell_listeners
        self._listeners: list[Listener] = []
        self._lease_seconds = lease_seconds
        self._routers = Routers(clock, self._step, self._list_due, sweep_seconds)
        self._presence = Presence(
            db,
            clock,
            randomness.uuid(),
            grace_ms=self._rules.grace_ms,
            lease_ms=int(lease_seconds * 1_000),
            changed=self._agents_changed,
        )
        self._tasks: list[asyncio.Task[None]] = []
        self.configuration = Configuration(db, clock, self._routers.wake)
        messaging.use_rings(RingBook(self._publish))
        messaging.listen(self._happened)

    async def start(self) -> None:
        """Begin to route, to give signs of life, and to forget rings that ended long ago."""
        self._routers.start()
        for every, work in ((self._lease_seconds / 3, self.renew), (_PURGE_SECONDS, self.purge_once)):
            self._tasks.append(asyncio.create_task(_repeat(every, work), name="routing-upkeep"))

    async def stop(self) -> None:
        """End it. The agents of this node have the usual time to find another."""
        await self._routers.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        await self._presence.close()

    async def settle(self, *, sweeps: bool = False) -> None:
        """Do what is to be done by now, until nothing is left; ``sweeps`` also does what other nodes have left.

        The background work does the same by itself.
        """
        if sweeps:
            await self._routers.sweep_once()
        while await self._routers.work_once():
            pass

    async def renew(self) -> None:
        """Give a sign of life for the sockets of this node. The background work does it too."""
        await self._presence.renew()

    # Agents

    async def agent_connected(self, account_id: str, user_pid: str, socket_id: str) -> None:
        """An agent has opened a socket on this node. Their state is what it was, OFFLINE if they were gone."""
        await self._presence.connect(account_id, user_pid, socket_id)

    async def agent_disconnected(self, account_id: str, user_pid: str, socket_id: str) -> None:
        """A socket has ended. When it was the agent's last on all nodes, they are waited for, and then OFFLINE."""
        await self._presence.disconnect(account_id, user_pid, socket_id)

    async def set_agent_state(
        self,
        account_id: str,
        user_pid: str,
        availability: Availability | str,
        channels: Sequence[str] = ("MESSAGING",),
        description: str = "",
    ) -> None:
        """An agent says how they are. Who is not ONLINE loses what rings at them from the queue.

        Raises ``agent_state_invalid``.
        """
        if availability not in Availability.__members__:
            raise errors.agent_state_invalid("its availability is none of the five")
        if len(channels) > _MOST_CHANNELS or any(len(one) > _LONGEST_CHANNEL for one in channels):
            raise errors.agent_state_invalid("it has too many channels, or too long ones")
        said = Availability(availability)
        now = self._clock.now_ms()
        after = await self._db.write(
            partial(
                self._set_state,
                account_id=account_id,
                user_pid=user_pid,
                change=lambda agent: after_state_set(
                    agent, said, tuple(channels), description, now, self._rules.grace_ms
                ),
                now=now,
            )
        )
        self._routers.wake(account_id)
        self._routers.note(account_id, after.leaves_at)

    async def _set_state(
        self, tx: Tx, account_id: str, user_pid: str, change: Callable[[Agent], Agent], now: int
    ) -> Agent:
        await routers.lock_router(tx, account_id)
        before = await agent_store.find_agent(tx, account_id, user_pid) or Agent(account_id, user_pid)
        after = change(before)
        if after == before:
            return after
        await agent_store.save_agents(tx, [after])
        items: list[RoutingItem] = []
        if after.changed_at != before.changed_at or after.availability is not before.availability:
            items.append(state_change_of(after))
        if after.availability is not Availability.ONLINE:
            lost = [
                replace(ring, state=RingState.CANCELLED, ended_at=now)
                for ring in await ring_store.take_of_agent(tx, account_id, user_pid)
            ]
            await ring_store.end_rings(tx, lost)
            items += [each for ring in lost for each in changes_of(ring)]
        if items:
            await self._publish(tx, items)
        return after

    async def agent_state(self, account_id: str, user_pid: str) -> AgentState:
        """How an agent is; OFFLINE if routing has not heard of them."""
        return (await self.agent_states(account_id, (user_pid,)))[user_pid]

    async def agent_states(self, account_id: str, user_pids: Collection[str]) -> Mapping[str, AgentState]:
        """How agents, given by the users' UUIDs, are; those whom routing has not heard of are OFFLINE."""
        found = await self._db.read(lambda tx: agent_store.find_agents(tx, account_id, user_pids))
        return {
            user_pid: (found.get(user_pid) or replace(NEVER_SEEN, account_id=account_id, user_pid=user_pid)).state
            for user_pid in user_pids
        }

    # Rings

    async def open_tasks(self, account_id: str, user_pid: str) -> list[RoutingTask]:
        """What rings at an agent, the oldest first."""
        found = await self._db.read(lambda tx: ring_store.list_waiting_of(tx, account_id, user_pid))
        return [task_of(ring) for ring in found]

    async def answer_ring(self, account_id: str, user_pid: str, ring_id: str, answer: Answer | str) -> None:
        """Accept a ring, and so become the assigned agent, or reject it.

        Raises ``ring_answer_invalid``, ``ring_unknown``, ``ring_foreign``,
        and ``ring_ended`` when it or its conversation waits no more.
        """
        if answer not in {"ACCEPTED", "REJECTED"}:
            raise errors.ring_answer_invalid()
        if not _RING_ID.fullmatch(ring_id):
            raise ring_refusal(RingRefusal.UNKNOWN)
        ring = await self._db.read(lambda tx: ring_store.find_ring(tx, account_id, ring_id))
        if ring is None:
            raise ring_refusal(RingRefusal.UNKNOWN)
        steps: tuple[Step, ...] = ()
        if answer == "ACCEPTED":
            steps = (AddParticipant(user_pid, Role.ASSIGNED_AGENT),)
        elif ring.is_suggestion:
            steps = (WithdrawSuggestion(user_pid),)
        answered = RingAnswer(ring_id, RingState(answer), user_pid)
        await self._messaging.submit(
            Command(account_id, AgentCaller(user_pid), ring.conversation_id, steps, ring=answered)
        )
        self._routers.wake(account_id)

    def listen(self, listener: Listener) -> None:
        """Have ``listener`` called on the event loop with what this node has made known, once it is durable."""
        self._listeners.append(listener)

    async def _tell_listeners(self, tx: Tx, items: Sequence[RoutingItem]) -> None:
        tx.on_commit(partial(self.announce, items))

    def announce(self, items: Sequence[RoutingItem]) -> None:
        """Tell the listeners. Who gave a ``publish`` of their own calls it where the items arrive."""
        for listener in self._listeners:
            listener(items)

    # The router

    def _happened(self, happenings: Sequence[Happening]) -> None:
        for each in happenings:
            if _concerns_agents(each.before, each.after):
                self._routers.wake(each.after.account_id)

    def _agents_changed(self, account_id: str, gone_at: int | None) -> None:
        self._routers.wake(account_id)
        self._routers.note(account_id, gone_at)

    async def _list_due(self) -> set[str]:
        now = self._clock.now_ms()
        return await self._db.read(lambda tx: routers.list_due(tx, now))

    async def _step(self, account_id: str, is_due: bool) -> int | None:  # noqa: FBT001 - the worker's shape of a step
        if not is_due and not await self._db.read(lambda tx: routers.may_ring(tx, account_id)):
            return None
        account = await self._accounts.get_account(account_id)
        rules = Rules(self._rules.ring_ms, self._rules.pause_ms, self._rules.grace_ms, account.agent_capacity)
        now = self._clock.now_ms()
        done: Stepped = await self._db.write(
            lambda tx: step(tx, account_id, rules, now, self._randomness.uuid, self._publish)
        )
        await asyncio.gather(*(self._refuse(account_id, refusal) for refusal in done.refusals))
        for user_pid in done.gone:
            await self._see_off(account_id, user_pid, requeues=account.requeue_on_disconnect)
        if done.is_unfinished or done.gone or done.refusals:
            self._routers.wake(account_id)
        return done.due_at

    async def _refuse(self, account_id: str, refusal: Refusal) -> None:
        """Have a transfer to an agent who does not take it become one to the conversation's skill."""
        ended = None if refusal.ring_id is None else RingAnswer(refusal.ring_id, refusal.state)
        await self._ask(
            Command(
                account_id,
                SystemCaller(),
                refusal.conversation_id,
                (WithdrawSuggestion(refusal.user_pid),),
                ring=ended,
            )
        )

    async def _see_off(self, account_id: str, user_pid: str, *, requeues: bool) -> None:
        """Give the conversations of an agent who went away to others; then they are OFFLINE.

        In this order: should this node end between, the next one begins again.
        """
        leaving = RemoveParticipant(user_pid, Role.ASSIGNED_AGENT)
        while requeues:
            assigned = await self._db.read(
                lambda tx: agent_store.list_assigned(tx, account_id, user_pid, _ASSIGNED_AT_ONCE)
            )
            commands = [Command(account_id, SystemCaller(), each, (leaving,)) for each in assigned]
            done = await asyncio.gather(*(self._ask(command) for command in commands))
            if len(assigned) < _ASSIGNED_AT_ONCE or not any(done):
                break
        now = self._clock.now_ms()

        def gone(agent: Agent) -> Agent:
            if not agent.is_gone(now):
                return agent
            changed_at = agent.changed_at if agent.availability is Availability.OFFLINE else now
            return replace(agent, availability=Availability.OFFLINE, changed_at=changed_at, leaves_at=None)

        await self._db.write(partial(self._set_state, account_id=account_id, user_pid=user_pid, change=gone, now=now))

    async def _ask(self, command: Command) -> bool:
        """Have messaging change a conversation; when it refuses, somebody else has changed it meanwhile."""
        try:
            await self._messaging.submit(command)
        except AppError as error:
            if error.kind.http_status >= _SERVER_FAILS:
                raise
            return False
        return True

    async def purge_once(self) -> None:
        """Forget the rings that ended long ago. The background work does it too."""
        before = self._clock.now_ms() - max(_KEPT_MS, self._rules.pause_ms)
        while await self._db.write(lambda tx: ring_store.purge_rings(tx, before)) >= ring_store.PURGED_AT_ONCE:
            pass


def _concerns_agents(before: Conversation | None, after: Conversation) -> bool:
    """Whether a change may free an agent or have another one rung."""
    if before is None:
        return after.is_waiting
    return (
        before.assigned != after.assigned
        or before.state != after.state
        or before.skill_id != after.skill_id
        or before.suggested != after.suggested
        or before.ttr_seconds != after.ttr_seconds
    )


async def _repeat(every_seconds: float, work: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            await work()
        except Exception as error:  # noqa: BLE001 - one bad moment must not end it
            _log.warning("routing's upkeep failed", reason=str(error))
        await asyncio.sleep(every_seconds)
