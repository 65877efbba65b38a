"""The rules of conversations: frozen values and pure decisions. No I/O, no clock, no randomness, no async."""

from switchbay.messaging.domain.decide import Accepted, Decision, decide
from switchbay.messaging.domain.emitted import Changed, Emitted, Published, StoredEvent
from switchbay.messaging.domain.profiles import Consumer
from switchbay.messaging.domain.refusals import Reason, Refused
from switchbay.messaging.domain.state import Conversation, Dialog, Participant, Role
from switchbay.messaging.domain.steps import (
    AgentCaller,
    Audience,
    Caller,
    CloseConversation,
    CloseDialog,
    Command,
    ConsumerCaller,
    Event,
    EventKind,
    IdempotencyKey,
    Join,
    Leave,
    Open,
    Publish,
    Step,
    StoredOutcome,
)

__all__ = [
    "Accepted",
    "AgentCaller",
    "Audience",
    "Caller",
    "Changed",
    "CloseConversation",
    "CloseDialog",
    "Command",
    "Consumer",
    "ConsumerCaller",
    "Conversation",
    "Decision",
    "Dialog",
    "Emitted",
    "Event",
    "EventKind",
    "IdempotencyKey",
    "Join",
    "Leave",
    "Open",
    "Participant",
    "Publish",
    "Published",
    "Reason",
    "Refused",
    "Role",
    "Step",
    "StoredEvent",
    "StoredOutcome",
    "decide",
]
