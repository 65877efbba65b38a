"""What an accepted request makes known: events of the conversation and changes of the conversation itself."""

from dataclasses import dataclass
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


Emitted: TypeAlias = Published | Changed
