"""What the agents' REST door shows: conversations as webhooks show them, events as they were published."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from switchbay.infra.web import decode_as
from switchbay.kit.jsonvalue import JsonValue
from switchbay.messaging.domain import Conversation, StoredEvent
from switchbay.messaging.wire.notifications import ConversationResult, Originator, conversation_result

_event: Final = msgspec.json.Decoder(dict[str, Any])


def decode_event(body: bytes) -> Mapping[str, Any]:
    """Read the event that an agent publishes; its members are checked elsewhere."""
    return decode_as(body, _event)


class AgentsConversation(msgspec.Struct, rename="camel"):
    """A conversation, the app it came through, and what is known about its consumer."""

    conv_id: str
    installation_id: str
    consumer_id: str
    result: ConversationResult
    profile: Mapping[str, JsonValue] | UnsetType = UNSET


class Page(msgspec.Struct):
    """One page of a list."""

    items: list[AgentsConversation]
    next_cursor: str | None


class AgentsEvent(msgspec.Struct, kw_only=True, rename="camel"):
    """An event with its sequence. Private ones have the audience AGENTS_AND_MANAGERS."""

    sequence: int
    originator_id: str
    originator_metadata: Originator
    server_timestamp: int
    event: msgspec.Raw
    conversation_id: str
    dialog_id: str
    message_audience: str
    originator_client_properties: msgspec.Raw | UnsetType = UNSET
    metadata: msgspec.Raw | UnsetType = UNSET


class Events(msgspec.Struct):
    """Events in order; ``next_since`` asks for those that follow, null when there are none yet."""

    items: list[AgentsEvent]
    next_since: int | None


def render_conversation(
    conversation: Conversation, profile: Mapping[str, JsonValue] | UnsetType = UNSET
) -> AgentsConversation:
    """Render a conversation, with the consumer's profile where it is asked for."""
    return AgentsConversation(
        conversation.conversation_id,
        conversation.installation_id,
        conversation.consumer_id,
        conversation_result(conversation),
        profile,
    )


def render_event(conversation_id: str, dialog_id: str, stored: StoredEvent) -> AgentsEvent:
    """Render a stored event."""
    return AgentsEvent(
        sequence=stored.sequence,
        originator_id=stored.originator_id,
        originator_metadata=Originator(stored.originator_id, stored.role),
        server_timestamp=stored.server_timestamp,
        event=msgspec.Raw(stored.event.encode()),
        conversation_id=conversation_id,
        dialog_id=dialog_id,
        message_audience=stored.audience,
        originator_client_properties=_raw(stored.client_properties),
        metadata=_raw(stored.metadata),
    )


def _raw(text: str | None) -> msgspec.Raw | UnsetType:
    return UNSET if text is None else msgspec.Raw(text.encode())
