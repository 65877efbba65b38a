"""The rules of routing: frozen values and pure decisions. No I/O, no clock, no randomness, no async."""

from switchbay.messaging.routing.domain.agents import (
    NEVER_SEEN,
    Agent,
    AgentState,
    Availability,
    after_state_set,
)
from switchbay.messaging.routing.domain.answers import RingRefusal, answered
from switchbay.messaging.routing.domain.items import (
    AgentStateChanged,
    RoutingItem,
    RoutingRing,
    RoutingTask,
    RoutingTaskChanged,
    changes_of,
    state_change_of,
    task_of,
)
from switchbay.messaging.routing.domain.matching import (
    ANY_SKILL,
    Candidate,
    Matching,
    Offer,
    Waiting,
    match,
)
from switchbay.messaging.routing.domain.rings import Answer, Ring, RingAnswer, RingState, next_ring_id, ring_id
from switchbay.messaging.routing.domain.suggestions import Suggestion, judge_suggestion

__all__ = [
    "ANY_SKILL",
    "NEVER_SEEN",
    "Agent",
    "AgentState",
    "AgentStateChanged",
    "Answer",
    "Availability",
    "Candidate",
    "Matching",
    "Offer",
    "Ring",
    "RingAnswer",
    "RingRefusal",
    "RingState",
    "RoutingItem",
    "RoutingRing",
    "RoutingTask",
    "RoutingTaskChanged",
    "Suggestion",
    "Waiting",
    "after_state_set",
    "answered",
    "changes_of",
    "judge_suggestion",
    "match",
    "next_ring_id",
    "ring_id",
    "state_change_of",
    "task_of",
]
