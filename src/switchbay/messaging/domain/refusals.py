"""Why a conversation refuses something. Each reason is also the code of the error that the caller gets."""

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """Reasons, named as the error codes that clients see."""

    CONVERSATION_UNKNOWN = "conversation_unknown"
    CONVERSATION_CLOSED = "conversation_closed"
    CONVERSATION_TAKEN = "conversation_taken"
    DIALOG_UNKNOWN = "dialog_unknown"
    DIALOG_CLOSED = "dialog_closed"
    PARTICIPANT_MISSING = "participant_missing"
    SEQUENCE_UNKNOWN = "sequence_unknown"
    AGENT_ABSENT = "agent_absent"
    AGENT_UNKNOWN = "agent_unknown"
    ROLE_NOT_ALLOWED = "role_not_allowed"
    READER_ONLY = "reader_only"
    CHANGE_NOT_ALLOWED = "change_not_allowed"
    EVENT_NOT_ALLOWED = "event_not_allowed"
    CONVERSATION_OPEN = "conversation_open"


@dataclass(frozen=True, slots=True)
class Refused:
    """A request that changes nothing."""

    reason: Reason
