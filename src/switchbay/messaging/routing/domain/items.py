"""What routing makes known to agents: changes of their tasks and of their states. Any of them can be JSON."""

from typing import Literal, TypeAlias

from switchbay.kit.record import Record
from switchbay.messaging.routing.domain.agents import Agent, Availability
from switchbay.messaging.routing.domain.rings import Ring, RingState

ChangeType: TypeAlias = Literal["UPSERT", "DELETE"]


class RoutingRing(Record, frozen=True):
    """A ring of a task: ``expiration`` is how long it waits, in milliseconds, ``expires_at`` when that is over."""

    ring_id: str
    state: RingState
    expiration: int
    expires_at: int
    weight: int


class RoutingTask(Record, frozen=True):
    """The offer of a conversation to an agent, with its one ring. It is completed when the agent has accepted."""

    task_id: str
    account_id: str
    user_pid: str
    conversation_id: str
    consumer_id: str
    skill_id: str
    is_completed: bool
    rings: tuple[RoutingRing, ...]


class RoutingTaskChanged(Record, frozen=True, tag="routing_task", tag_field="item"):
    """A task of an agent is there, has changed (UPSERT), or is no more (DELETE)."""

    account_id: str
    user_pid: str
    task: RoutingTask
    type: ChangeType


class AgentStateChanged(Record, frozen=True, tag="agent_state", tag_field="item"):
    """An agent's state is another."""

    account_id: str
    user_pid: str
    availability: Availability
    channels: tuple[str, ...]
    description: str


RoutingItem: TypeAlias = RoutingTaskChanged | AgentStateChanged


def task_of(ring: Ring) -> RoutingTask:
    """The task that a ring belongs to."""
    shown = RoutingRing(ring.ring_id, ring.state, ring.expires_at - ring.created_at, ring.expires_at, ring.weight)
    return RoutingTask(
        ring.task_id,
        ring.account_id,
        ring.user_pid,
        ring.conversation_id,
        ring.consumer_id,
        ring.skill_id,
        is_completed=ring.state is RingState.ACCEPTED,
        rings=(shown,),
    )


def changes_of(ring: Ring) -> tuple[RoutingTaskChanged, ...]:
    """What its agent is told of a ring that is new or has ended: how it ended, and then that the task is gone."""
    types: tuple[ChangeType, ...] = ("UPSERT",) if ring.is_waiting else ("UPSERT", "DELETE")
    return tuple(RoutingTaskChanged(ring.account_id, ring.user_pid, task_of(ring), type_) for type_ in types)


def state_change_of(agent: Agent) -> AgentStateChanged:
    """What is told of an agent's new state."""
    return AgentStateChanged(agent.account_id, agent.user_pid, agent.availability, agent.channels, agent.description)
