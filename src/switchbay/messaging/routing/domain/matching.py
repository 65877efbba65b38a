"""Which waiting conversation is offered to which agent.

Conversations come in the order of their weights, so whoever should be answered first is offered first, as far as there
is an agent for it. Of the agents who may take it the one with the fewest conversations gets it, then the one who has
waited longest for an offer.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from msgspec.structs import replace

from switchbay.kit.record import Record

ANY_SKILL: Final = "-1"
"""The skill of conversations that any agent may take."""


class Waiting(Record, frozen=True):
    """A conversation that is offered to nobody at present."""

    conversation_id: str
    skill_id: str
    weight: int


class Candidate(Record, frozen=True):
    """An agent who takes new conversations. ``load`` counts those that they have and those that ring at them.

    ``skills`` are the ids of the skills they have; who has none takes every conversation.
    """

    user_pid: str
    load: int
    capacity: int
    rung_at: int = 0
    skills: frozenset[str] = frozenset()

    @property
    def is_free(self) -> bool:
        """Whether they take one more."""
        return self.load < self.capacity

    def takes(self, skill_id: str) -> bool:
        """Whether they may be offered conversations of this skill."""
        return skill_id == ANY_SKILL or not self.skills or skill_id in self.skills


class Offer(Record, frozen=True):
    """A ring that is to be made."""

    conversation_id: str
    user_pid: str


class Matching(Record, frozen=True):
    """What to offer, how the agents then are, and when (None: never) somebody's pause ends who could take more."""

    offers: tuple[Offer, ...]
    candidates: tuple[Candidate, ...]
    retry_at: int | None = None


def match(
    waiting: Sequence[Waiting],
    candidates: Sequence[Candidate],
    pauses: Mapping[tuple[str, str], int],
    now: int,
) -> Matching:
    """Offer the conversations to the agents. ``now`` is in epoch milliseconds.

    ``pauses`` says until when an agent is not offered a conversation again that they did not take: by conversation
    and agent.
    """
    by_pid = {one.user_pid: one for one in candidates}
    free = {one.user_pid for one in candidates if one.is_free}
    offers: list[Offer] = []
    retry_at: int | None = None
    for conversation in sorted(waiting, key=lambda one: (one.weight, one.conversation_id)):
        if not free:
            break
        able = [by_pid[pid] for pid in free if by_pid[pid].takes(conversation.skill_id)]
        paused = [pauses.get((conversation.conversation_id, one.user_pid), 0) for one in able]
        ready = [one for one, until in zip(able, paused, strict=True) if until <= now]
        if not ready:
            retry_at = min([*paused, *([] if retry_at is None else [retry_at])], default=None)
            continue
        chosen = min(ready, key=lambda one: (one.load, one.rung_at, one.user_pid))
        offers.append(Offer(conversation.conversation_id, chosen.user_pid))
        after = replace(chosen, load=chosen.load + 1, rung_at=max(now, chosen.rung_at))
        by_pid[after.user_pid] = after
        if not after.is_free:
            free.discard(after.user_pid)
    return Matching(tuple(offers), tuple(by_pid[one.user_pid] for one in candidates), retry_at)
