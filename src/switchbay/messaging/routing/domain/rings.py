"""Rings: the offer of a waiting conversation to one agent for a limited time. Times are epoch milliseconds."""

from enum import StrEnum
from typing import Literal, TypeAlias

from switchbay.kit.record import Record


class RingState(StrEnum):
    """What has become of a ring, in the words of the protocol."""

    WAITING = "WAITING"
    ACCEPTED = "ACCEPTED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    CANCELLED = "CANCELLED"


Answer: TypeAlias = Literal["ACCEPTED", "REJECTED"]
"""What an agent may say to a ring."""


class Ring(Record, frozen=True):
    """An offer. ``weight`` is when the consumer should be answered; a suggestion is a transfer to this very agent."""

    account_id: str
    ring_id: str
    task_id: str
    conversation_id: str
    consumer_id: str
    skill_id: str
    user_pid: str
    state: RingState
    is_suggestion: bool
    weight: int
    created_at: int
    expires_at: int
    ended_at: int | None = None

    @property
    def is_waiting(self) -> bool:
        """Whether it can still be answered."""
        return self.state is RingState.WAITING


class RingAnswer(Record, frozen=True):
    """How a ring is to end, together with what a command does to its conversation.

    ``user_pid`` is the agent who answers, None for the platform, which ends rings that nobody answered.
    """

    ring_id: str
    state: RingState
    user_pid: str | None = None


def ring_id(conversation_id: str, account_id: str, created_at: int) -> str:
    """The id of a ring: conversation, account and time, as existing servers make it."""
    return f"{conversation_id}_{account_id}_{created_at}"


def next_ring_id(ring: Ring) -> str:
    """The id of a ring whose own is taken: as if it were a millisecond later."""
    at = int(ring.ring_id.rpartition("_")[2]) + 1
    return ring_id(ring.conversation_id, ring.account_id, at)
