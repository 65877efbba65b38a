"""What an accepted request makes known: events of the conversation and changes of the conversation itself."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from switchbay.kit.record import Record
from switchbay.messaging.domain.state import Conversation, Role
from switchbay.messaging.domain.steps import Audience, Event


class Published(Record, frozen=True):
    """An event in a dialog. Chat states have neither ``sequence`` nor ``server_timestamp`` and are not stored."""

    dialog_id: str
    sequence: int | None
    originator_id: str
    role: Role
    server_timestamp: int | None
    event: Event
    audience: Audience
    client_properties: str | None
    metadata: str | None


class Changed(Record, frozen=True):
    """The conversation as it stands after a change."""

    conversation: Conversation


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event as it is read back; ``event``, ``client_properties`` and ``metadata`` are JSON text."""

    sequence: int
    originator_id: str
    role: str
    audience: str
    event: str
    client_properties: str | None
    metadata: str | None
    server_timestamp: int


class MoveKind(StrEnum):
    """What happened to a conversation."""

    OPENED = "opened"
    JOINED = "joined"
    LEFT = "left"
    SUGGESTED = "suggested"
    SUGGESTION_WITHDRAWN = "suggestion_withdrawn"
    SKILL = "skill"
    TTR = "ttr"
    CSAT = "csat"
    FACT = "fact"
    DIALOG_OPENED = "dialog_opened"
    DIALOG_CLOSED = "dialog_closed"
    CLOSED = "closed"


class Move(Record, frozen=True):
    """One change of a conversation, for its history.

    ``participant_id`` and ``role`` tell whom it is about, ``by`` who did it (a participant's id, TIMEOUT or SYSTEM),
    ``before`` and ``after`` what a skill, a time to respond or a rating was and is.
    """

    kind: MoveKind
    by: str
    dialog_id: str
    participant_id: str | None = None
    role: Role | None = None
    before: str | None = None
    after: str | None = None


class StoredMove(Record, frozen=True):
    """A change and when it was made, epoch milliseconds."""

    at: int
    move: Move


Emitted: TypeAlias = Published | Changed
