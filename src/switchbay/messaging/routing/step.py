"""One step of an account's router, as one transaction: end what is over, then offer what waits.

What changes a conversation (a transfer that nobody took, an agent who went away) is not done here: the step says what
is to be asked of messaging afterwards. Should the node die between, the next step says it again.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from msgspec.structs import replace

from switchbay.infra.db import Tx
from switchbay.messaging.routing.domain import (
    ANY_SKILL,
    Agent,
    Availability,
    Candidate,
    Ring,
    RingState,
    Suggestion,
    Waiting,
    changes_of,
    judge_suggestion,
    match,
    next_ring_id,
    ring_id,
)
from switchbay.messaging.routing.rings import Publish
from switchbay.messaging.routing.store import agents as agent_store
from switchbay.messaging.routing.store import presence, routers
from switchbay.messaging.routing.store import rings as ring_store
from switchbay.messaging.routing.store import waiting as waiting_store
from switchbay.messaging.routing.store.waiting import Queued

_PAGE: Final = 200
_MOST_RINGS_A_STEP: Final = 200


@dataclass(frozen=True, slots=True)
class Rules:
    """How long a ring waits, how long one who did not take it is left alone, how long a lost agent is waited for.

    All in milliseconds. ``capacity`` is the account's, for agents without one of their own.
    """

    ring_ms: int = 72_000
    pause_ms: int = 30_000
    grace_ms: int = 30_000
    capacity: int = 30


@dataclass(frozen=True, slots=True)
class Refusal:
    """A suggestion that is to be withdrawn, with its ring, if it rang, and how that ends."""

    conversation_id: str
    user_pid: str
    ring_id: str | None = None
    state: RingState = RingState.CANCELLED


@dataclass(slots=True)
class Stepped:
    """What is to be done after a step, and when (None: at no set time) the next one is due.

    ``gone`` are agents who have been away for too long; ``is_unfinished`` says that there was more than one step takes.
    """

    refusals: list[Refusal] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    due_at: int | None = None
    is_unfinished: bool = False

    def note(self, at: int | None) -> None:
        """Have the next step no later than at a time."""
        if at is not None:
            self.due_at = at if self.due_at is None else min(self.due_at, at)


async def step(
    tx: Tx, account_id: str, rules: Rules, now: int, new_task_id: Callable[[], str], publish: Publish
) -> Stepped:
    """Do one step. ``now`` is in epoch milliseconds."""
    await routers.lock_router(tx, account_id)
    await _give_up_nodes(tx, account_id, rules, now)
    return await _Step(tx, account_id, rules, now, new_task_id).take(publish)


async def _give_up_nodes(tx: Tx, account_id: str, rules: Rules, now: int) -> None:
    """Take the sockets of nodes that give no sign of life for closed."""
    for node_id in await presence.list_dead_nodes(tx, account_id, now):
        lost = await presence.drop_node(tx, account_id, node_id)
        await lose(tx, account_id, lost, now + rules.grace_ms)


async def lose(tx: Tx, account_id: str, user_pids: Sequence[str], leaves_at: int) -> None:
    """Note that a socket of these agents has ended; those who have none left count as gone from ``leaves_at`` on."""
    known = await agent_store.find_agents(tx, account_id, user_pids)
    lost = [
        replace(agent, is_connected=False, leaves_at=leaves_at)
        for agent in known.values()
        if agent.is_connected and not await presence.is_present(tx, account_id, agent.user_pid)
    ]
    await agent_store.save_agents(tx, lost)


class _Step:
    """What a step knows and has done so far."""

    def __init__(self, tx: Tx, account_id: str, rules: Rules, now: int, new_task_id: Callable[[], str]) -> None:
        self._tx = tx
        self._account_id = account_id
        self._rules = rules
        self._now = now
        self._new_task_id = new_task_id
        self._done = Stepped()
        self._takers: dict[str, Agent] = {}
        self._made: list[Ring] = []

    async def take(self, publish: Publish) -> Stepped:
        tx, account_id, now, done = self._tx, self._account_id, self._now, self._done
        expired = [
            replace(ring, state=RingState.EXPIRED, ended_at=now)
            for ring in await ring_store.take_expired(tx, account_id, now)
        ]
        await ring_store.end_rings(tx, expired)
        done.is_unfinished = len(expired) >= ring_store.EXPIRED_AT_ONCE
        # Rings before assigned conversations: one that is accepted meanwhile counts twice rather than not at all.
        waiting = await ring_store.list_waiting(tx, account_id)
        self._takers = {one.user_pid: one for one in await agent_store.list_takers(tx, account_id)}
        await self._find_gone()
        self._refuse_rung(waiting)
        await self._ring_suggested()
        await self._ring_waiting(await self._candidates(waiting))
        await self._store_made()
        for ring in (*waiting, *self._made):
            if ring.expires_at > now:
                done.note(ring.expires_at)
        items = [change for ring in (*expired, *self._made) for change in changes_of(ring)]
        if items:
            await publish(tx, items)
        return done

    async def _find_gone(self) -> None:
        for agent in await agent_store.list_leavers(self._tx, self._account_id):
            if agent.is_gone(self._now):
                self._done.gone.append(agent.user_pid)
            else:
                self._done.note(agent.leaves_at)

    def _refuse_rung(self, waiting: Sequence[Ring]) -> None:
        """Find the transfers that ring and whose time is over, or whose agent takes none any more."""
        for ring in waiting:
            if not ring.is_suggestion:
                continue
            if ring.expires_at <= self._now:
                refusal = Refusal(ring.conversation_id, ring.user_pid, ring.ring_id, RingState.EXPIRED)
                self._done.refusals.append(refusal)
            elif judge_suggestion(self._takers.get(ring.user_pid), self._now) is Suggestion.WITHDRAW:
                self._done.refusals.append(Refusal(ring.conversation_id, ring.user_pid, ring.ring_id))

    async def _ring_suggested(self) -> None:
        for queued in await waiting_store.take_suggested(self._tx, self._account_id):
            user_pid = queued.suggested_pid or ""
            judged = judge_suggestion(self._takers.get(user_pid), self._now)
            if judged is Suggestion.RING:
                self._made.append(self._ring(queued, user_pid))
            elif judged is Suggestion.WITHDRAW:
                self._done.refusals.append(Refusal(queued.conversation_id, user_pid))

    async def _candidates(self, waiting: Sequence[Ring]) -> tuple[Candidate, ...]:
        online = [one for one in self._takers.values() if one.is_connected and one.availability is Availability.ONLINE]
        pids = [one.user_pid for one in online]
        assigned = await agent_store.count_assigned(self._tx, self._account_id, pids)
        skills = await agent_store.list_skills_of(self._tx, self._account_id, pids)
        ringing = Counter(ring.user_pid for ring in (*waiting, *self._made))
        return tuple(
            Candidate(
                one.user_pid,
                load=assigned.get(one.user_pid, 0) + ringing[one.user_pid],
                capacity=self._rules.capacity if one.capacity is None else one.capacity,
                rung_at=one.rung_at,
                skills=skills.get(one.user_pid, frozenset()),
            )
            for one in sorted(online, key=lambda one: one.user_pid)
        )

    async def _ring_waiting(self, candidates: tuple[Candidate, ...]) -> None:
        pauses: Mapping[tuple[str, str], int] | None = None
        after = (-1, "")
        while any(one.is_free for one in candidates):
            page = await waiting_store.take_waiting(self._tx, self._account_id, after, _skills_of(candidates), _PAGE)
            if page and pauses is None:
                pauses = await ring_store.list_pauses(self._tx, self._account_id, self._now, self._rules.pause_ms)
            queued = {one.conversation_id: one for one in page}
            waiting = [Waiting(one.conversation_id, one.skill_id, one.weight) for one in page]
            matching = match(waiting, candidates, pauses or {}, self._now)
            self._made += [self._ring(queued[offer.conversation_id], offer.user_pid) for offer in matching.offers]
            self._done.note(matching.retry_at)
            candidates = matching.candidates
            if len(page) < _PAGE:
                return
            if len(self._made) >= _MOST_RINGS_A_STEP:
                self._done.is_unfinished = True
                return
            after = (page[-1].weight, page[-1].conversation_id)

    async def _store_made(self) -> None:
        made = self._made
        while taken := await ring_store.find_taken(self._tx, self._account_id, [ring.ring_id for ring in made]):
            # Only within a millisecond of the ring before: the id says a little more than the time then.
            made = [replace(ring, ring_id=next_ring_id(ring)) if ring.ring_id in taken else ring for ring in made]
        consumers = await waiting_store.list_consumers_of(
            self._tx, self._account_id, [ring.conversation_id for ring in made]
        )
        made = [replace(ring, consumer_id=consumers.get(ring.conversation_id, "")) for ring in made]
        await ring_store.insert_rings(self._tx, made)
        rung = [(ring.conversation_id, ring.user_pid) for ring in made]
        await waiting_store.mark_ringing(self._tx, self._account_id, rung)
        await agent_store.mark_rung(self._tx, self._account_id, [ring.user_pid for ring in made], self._now)
        self._made = made

    def _ring(self, queued: Queued, user_pid: str) -> Ring:
        return Ring(
            account_id=self._account_id,
            ring_id=ring_id(queued.conversation_id, self._account_id, self._now),
            task_id=self._new_task_id(),
            conversation_id=queued.conversation_id,
            consumer_id="",  # looked up for what is made
            skill_id=queued.skill_id,
            user_pid=user_pid,
            state=RingState.WAITING,
            is_suggestion=queued.suggested_pid is not None,
            weight=queued.weight,
            created_at=self._now,
            expires_at=self._now + self._rules.ring_ms,
        )


def _skills_of(candidates: Sequence[Candidate]) -> list[str] | None:
    """The skills of which the free agents take conversations; None when one takes every."""
    free = [one for one in candidates if one.is_free]
    if any(not one.skills for one in free):
        return None
    return sorted({ANY_SKILL}.union(*(one.skills for one in free)))
