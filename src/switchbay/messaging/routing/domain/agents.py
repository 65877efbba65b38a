"""Agents: whether they are there, and what they take. Times are epoch milliseconds."""

from enum import StrEnum
from typing import Final

from msgspec.structs import replace

from switchbay.kit.record import Record


class Availability(StrEnum):
    """What an agent says about themselves.

    ONLINE takes new conversations and transfers, OCCUPIED transfers to this very agent only, the others take nothing.
    """

    ONLINE = "ONLINE"
    OCCUPIED = "OCCUPIED"
    AWAY = "AWAY"
    BACK_SOON = "BACK_SOON"
    OFFLINE = "OFFLINE"

    @property
    def takes_transfers(self) -> bool:
        """Whether a conversation may be offered to this very agent."""
        return self in {Availability.ONLINE, Availability.OCCUPIED}


class Agent(Record, frozen=True):
    """An agent as routing knows them. ``capacity`` None is the account's.

    Without a socket an agent is offered nothing, and from ``leaves_at`` on counts as gone: None while there is a
    socket, or when they have been seen off already.
    """

    account_id: str
    user_pid: str
    availability: Availability = Availability.OFFLINE
    channels: tuple[str, ...] = ("MESSAGING",)
    description: str = ""
    changed_at: int = 0
    capacity: int | None = None
    is_connected: bool = False
    leaves_at: int | None = None
    rung_at: int = 0

    def is_gone(self, now: int) -> bool:
        """Whether they have been away for longer than is waited for."""
        return not self.is_connected and self.leaves_at is not None and self.leaves_at <= now

    @property
    def state(self) -> "AgentState":
        """What others may know of them."""
        return AgentState(
            self.user_pid, self.availability, self.channels, self.description, self.changed_at, self.is_connected
        )


class AgentState(Record, frozen=True):
    """What others may know of an agent: since when (0: ever) they are so, and whether they have a socket."""

    user_pid: str
    availability: Availability
    channels: tuple[str, ...]
    description: str
    changed_at: int
    is_connected: bool


NEVER_SEEN: Final = Agent("", "")
"""The state of whoever routing has not heard of."""


def after_state_set(
    agent: Agent, availability: Availability, channels: tuple[str, ...], description: str, now: int, grace_ms: int
) -> Agent:
    """The agent after they have said how they are. Who says so without a socket has the grace to open one."""
    said = (availability, channels, description)
    if said == (agent.availability, agent.channels, agent.description):
        return agent
    leaves_at = agent.leaves_at
    if not agent.is_connected and leaves_at is None and availability is not Availability.OFFLINE:
        leaves_at = now + grace_ms
    return replace(
        agent,
        availability=availability,
        channels=channels,
        description=description,
        changed_at=now,
        leaves_at=leaves_at,
    )
