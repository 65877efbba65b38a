"""What callers ask of a conversation, after the wire has been parsed and checked."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, TypeAlias

from switchbay.kit.jsonvalue import JsonValue
from switchbay.kit.record import Record
from switchbay.messaging.domain.state import Csat, Delay, Role
from switchbay.messaging.routing.domain.rings import RingAnswer


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
    """A consumer: through an application that acts for them, or (``installation_id`` None) by themselves."""

    installation_id: str | None
    consumer_id: str


class AgentCaller(Record, frozen=True):
    """A user of the account. ``may_manage`` is the right of managers: to see, join, take over and close any.

    ``was_in`` says that they took part when the request came: it may first take them out and then say where it goes.
    """

    user_pid: str
    may_manage: bool = False
    was_in: bool = False


class SystemCaller(Record, frozen=True):
    """The platform itself; ``reason`` is what closes a conversation: TIMEOUT or SYSTEM."""

    reason: Literal["TIMEOUT", "SYSTEM"] = "SYSTEM"


Caller: TypeAlias = ConsumerCaller | AgentCaller | SystemCaller


class Origin(Record, frozen=True, omit_defaults=True):
    """The offer that a conversation began with, with the names that its campaign and engagement had then.

    The three ids at the end are what the consumer's client says of where the offer was made.
    """

    campaign_id: int
    campaign_name: str
    engagement_id: int
    engagement_name: str
    visitor_id: str = ""
    session_id: str = ""
    context_id: str = ""


@dataclass(frozen=True, slots=True)
class Open:
    """What a new conversation is to be like. Campaign and context are JSON text, passed on as they came.

    An agent who opens one says for which consumer, and through which application that consumer is reached. ``origin``
    is there when the campaign is one of ours.
    """

    skill_id: str
    ttr_type: str
    ttr_seconds: int
    campaign_info: str | None = None
    context: str | None = None
    consumer_id: str = ""
    installation_id: str = ""
    origin: Origin | None = None


class Publish(Record, frozen=True):
    """An event for a dialog; an empty ``dialog_id`` is the main dialog."""

    dialog_id: str
    event: Event
    audience: Audience = Audience.ALL
    client_properties: str | None = None
    metadata: str | None = None


@dataclass(frozen=True, slots=True)
class CloseConversation:
    """Close the conversation with all its dialogs, without a survey."""


@dataclass(frozen=True, slots=True)
class Survey:
    """A survey that follows the main dialog: the new dialog's id, and the application that conducts it."""

    dialog_id: str
    app_install_id: str | None


@dataclass(frozen=True, slots=True)
class CloseDialog:
    """Close one dialog. ``survey`` is what follows if it is the main one, None for nothing."""

    dialog_id: str
    cause: str | None = None
    survey: Survey | None = None


@dataclass(frozen=True, slots=True)
class CloseSilent:
    """Close a dialog in which nothing has happened after ``silent_since``; if something has, it stays as it is."""

    dialog_id: str
    silent_since: int


@dataclass(frozen=True, slots=True)
class DescribeDialog:
    """Attach metadata (JSON text) to a dialog."""

    dialog_id: str
    metadata: str | None


@dataclass(frozen=True, slots=True)
class OpenDialog:
    """Open a dialog among the agents of a conversation; the consumer has no part in it."""

    dialog_id: str


@dataclass(frozen=True, slots=True)
class AddParticipant:
    """Take part in a role, or have another agent do so. An empty ``dialog_id`` is the main dialog."""

    user_pid: str
    role: Role
    dialog_id: str = ""


@dataclass(frozen=True, slots=True)
class RemoveParticipant:
    """Stop taking part, or have another agent do so; ``user_pid`` None is whoever has the role."""

    user_pid: str | None
    role: Role | None = None
    dialog_id: str = ""


@dataclass(frozen=True, slots=True)
class SuggestAgent:
    """Offer the conversation to an agent, who becomes the assigned one by accepting."""

    user_pid: str


@dataclass(frozen=True, slots=True)
class WithdrawSuggestion:
    """Take the offer back: it was rejected, or nobody answered it in time."""

    user_pid: str


@dataclass(frozen=True, slots=True)
class SetSkill:
    """Say what the agent must know who gets the conversation."""

    skill_id: str


@dataclass(frozen=True, slots=True)
class SetTtr:
    """Set the time to respond, in seconds."""

    ttr_type: str
    seconds: int


@dataclass(frozen=True, slots=True)
class SetFact:
    """Set what is noted about the conversation; None takes it away."""

    name: Literal["manual_ettr", "note", "delay", "topic"]
    value: int | str | Delay | None


@dataclass(frozen=True, slots=True)
class Rate:
    """The consumer's rating."""

    csat: Csat


Step: TypeAlias = (
    Publish
    | CloseConversation
    | CloseDialog
    | CloseSilent
    | DescribeDialog
    | OpenDialog
    | AddParticipant
    | RemoveParticipant
    | SuggestAgent
    | WithdrawSuggestion
    | SetSkill
    | SetTtr
    | SetFact
    | Rate
)


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
    """One request, all or nothing: merge a profile, open a conversation for ``consumer``, take steps in it.

    ``conversation_id`` is the new conversation's id when ``open`` is given, and empty when the request is only about
    the profile. ``ring`` is a ring of the conversation that ends with the steps: both happen, or neither.
    """

    account_id: str
    caller: Caller
    conversation_id: str
    steps: tuple[Step, ...] = ()
    open: Open | None = None
    profile: Mapping[str, JsonValue] | None = None
    key: IdempotencyKey | None = None
    ring: RingAnswer | None = None
