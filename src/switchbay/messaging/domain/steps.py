"""What callers ask of a conversation, after the wire has been parsed and checked."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from switchbay.kit.jsonvalue import JsonValue
from switchbay.kit.record import Record


class EventKind(StrEnum):
    """The four event types."""

    CONTENT = "ContentEvent"
    RICH_CONTENT = "RichContentEvent"
    ACCEPT_STATUS = "AcceptStatusEvent"
    CHAT_STATE = "ChatStateEvent"


class Audience(StrEnum):
    """Who may see an event. Private ones never leave to the connector."""

    ALL = "ALL"
    AGENTS_AND_MANAGERS = "AGENTS_AND_MANAGERS"


class Event(Record, frozen=True):
    """A checked event: its compact JSON text as it will be passed on, and the sequences that it acknowledges."""

    kind: EventKind
    json: str
    acknowledges: tuple[int, ...] = ()

    @property
    def is_content(self) -> bool:
        """Whether someone said something."""
        return self.kind in {EventKind.CONTENT, EventKind.RICH_CONTENT}


class ConsumerCaller(Record, frozen=True):
    """A connector that acts for one of its consumers."""

    installation_id: str
    consumer_id: str


class AgentCaller(Record, frozen=True):
    """A user of the account. ``may_close_any`` is the right to close conversations that he is not in."""

    user_pid: str
    may_close_any: bool = False


Caller: TypeAlias = ConsumerCaller | AgentCaller


@dataclass(frozen=True, slots=True)
class Open:
    """A consumer's request for a new conversation. Campaign and context are JSON text, passed on as they came."""

    skill_id: str
    ttr_type: str
    ttr_seconds: int
    campaign_info: str | None = None
    context: str | None = None


class Publish(Record, frozen=True):
    """An event for a dialog; an empty ``dialog_id`` is the main dialog."""

    dialog_id: str
    event: Event
    audience: Audience = Audience.ALL
    client_properties: str | None = None
    metadata: str | None = None


@dataclass(frozen=True, slots=True)
class CloseConversation:
    """Close the conversation with all its dialogs."""


@dataclass(frozen=True, slots=True)
class CloseDialog:
    """Close one dialog."""

    dialog_id: str
    cause: str | None = None


@dataclass(frozen=True, slots=True)
class Join:
    """Become the assigned agent."""


@dataclass(frozen=True, slots=True)
class Leave:
    """Stop taking part."""


Step: TypeAlias = Publish | CloseConversation | CloseDialog | Join | Leave


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """What recognises a repeated request: the key, hashed with whose it is, and the hash of the body."""

    key_hash: str
    body_hash: str


@dataclass(frozen=True, slots=True)
class StoredOutcome:
    """What a request came to, kept for its repetition."""

    conversation_id: str
    sequences: tuple[int, ...]


class Command(Record, frozen=True):
    """One request, all or nothing: merge a profile, open a conversation, take steps in it.

    ``conversation_id`` is the new conversation's id when ``open`` is given, and empty when the request is only about
    the profile.
    """

    account_id: str
    caller: Caller
    conversation_id: str
    steps: tuple[Step, ...] = ()
    open: Open | None = None
    profile: Mapping[str, JsonValue] | None = None
    key: IdempotencyKey | None = None
