"""What goes over a consumer's socket: requests in, answers and notifications out, by their new-style names.

A request is recognised by the last component of its type, so that old-style names are understood too. An error is an
answer with the HTTP status as its code and a sentence as its body, which the published schemas allow to be 128 long.
"""

from collections.abc import Sequence
from typing import Any, Final, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from switchbay.infra.web import decode_as
from switchbay.kit.errors import AppError, Kind
from switchbay.messaging.domain import Conversation, OpenOrClose, Published, StoredEvent
from switchbay.messaging.wire.notifications import (
    CONVERSATION_CHANGE,
    MESSAGING_EVENT,
    ConversationResult,
    Originator,
    conversation_result,
)
from switchbay.messaging.wire.requests import RequestId

STRING: Final = ".ReqBody$StringResp"
CLOCK: Final = ".GetClock$Response"
OPENED: Final = "cm.RequestConversationResponse"
PUBLISHED: Final = "ms.PublishEventResponse"
FOLLOWED: Final = "GenericSubscribeResponse"
SUBSCRIBED: Final = "cqm.SubscribeExConversationsResponse"
URL: Final = "ms.GenerateURLResponse"
KEY_HEADER: Final = ".switchbay.headers.IdempotencyKey"
_LONGEST_STRING: Final = 128
_LONGEST_ID: Final = 64
_MOST_HEADERS: Final = 10
_NO_ID: Final = "0"
T = TypeVar("T")
_encode: Final = msgspec.json.Encoder().encode


class Header(msgspec.Struct, rename="camel"):
    """One typed header: a proof of identity, the client's properties, or what makes a repetition harmless."""

    type: str
    jwt: str | None = None
    key: str | None = None


class Frame(msgspec.Struct, rename="camel"):
    """A request as it came; its body is read when it is known what it is."""

    id: RequestId
    type: str
    kind: str = "req"
    body: msgspec.Raw = msgspec.Raw(b"{}")
    headers: list[msgspec.Raw] | None = None
    metadata: list[Any] | None = None

    @property
    def name(self) -> str:
        """The last component of the type."""
        return self.type.rpartition(".")[2]

    def find_header(self, name: str) -> Header | None:
        """The first header whose type ends with this name."""
        for raw in (self.headers or ())[:_MOST_HEADERS]:
            header = decode_as(raw, _header)
            if header.type.rpartition(".")[2] == name:
                return header
        return None

    def find_properties(self) -> str | None:
        """The header with the client's properties, as JSON text."""
        for raw in (self.headers or ())[:_MOST_HEADERS]:
            if decode_as(raw, _header).type.rpartition(".")[2] == "ClientProperties":
                return bytes(raw).decode()
        return None


class OpenBody(msgspec.Struct, rename="camel"):
    """Body of ``cm.ConsumerRequestConversation``; on the socket all of it may be left out."""

    brand_id: str | int = ""
    channel_type: str | None = None
    ttr_def_name: str | None = None
    skill_id: str | int | None = None
    campaign_info: dict[str, Any] | None = None
    conversation_context: dict[str, Any] | None = None


class FollowBody(msgspec.Struct, rename="camel"):
    """Body of ``ms.SubscribeMessagingEvents``: the dialog, and the first sequence that is wanted."""

    dialog_id: str
    conversation_id: str = ""
    from_seq: int = 0


class SubscribeBody(msgspec.Struct, rename="camel"):
    """Body of ``cqm.SubscribeExConversations``; what is absent restricts nothing. Times in epoch milliseconds."""

    conv_state: list[OpenOrClose] | None = None
    stage: list[OpenOrClose] | None = None
    min_last_updated_time: int = 0


class UnsubscribeBody(msgspec.Struct, rename="camel"):
    """Body of ``cqm.UnsubscribeExConversations``."""

    subscription_id: str


_frame: Final = msgspec.json.Decoder(Frame)
_header: Final = msgspec.json.Decoder(Header)
opening: Final = msgspec.json.Decoder(OpenBody)
following: Final = msgspec.json.Decoder(FollowBody)
subscribing: Final = msgspec.json.Decoder(SubscribeBody)
unsubscribing: Final = msgspec.json.Decoder(UnsubscribeBody)
anything: Final = msgspec.json.Decoder(dict[str, Any])


def parse_frame(data: bytes) -> Frame:
    """Read a request. Raises ``malformed_json`` and ``invalid_body``."""
    frame = decode_as(data, _frame)
    if frame.kind != "req":
        raise AppError(Kind.INVALID, "invalid_body", "kind must be req.")
    if isinstance(frame.id, str) and not 1 <= len(frame.id) <= _LONGEST_ID:
        raise AppError(Kind.INVALID, "invalid_body", f"id has 1 to {_LONGEST_ID} characters.")
    return frame


def read_body(frame: Frame, decoder: "msgspec.json.Decoder[T]") -> T:
    """Read a request's body; ``null`` and an absent one are an empty object."""
    raw = bytes(frame.body)
    return decode_as(b"{}" if raw == b"null" else raw, decoder)


# Answers


class _Answer(msgspec.Struct, rename="camel"):
    kind: str
    req_id: RequestId
    code: int
    type: str
    body: Any


def answer(request_id: RequestId, type_: str, body: object) -> bytes:
    """A request that was done."""
    return _encode(_Answer("resp", request_id, 200, type_, body))


def refusal(request_id: RequestId | None, error: AppError) -> bytes:
    """A request that was not done, and why. Without an id it is the one of a frame that could not be read."""
    known = _NO_ID if request_id is None else request_id
    return _encode(_Answer("resp", known, error.kind.http_status, STRING, error.message[:_LONGEST_STRING]))


# Notifications


class _Event(msgspec.Struct, kw_only=True, rename="camel"):
    sequence: int | UnsetType = UNSET
    originator_id: str
    originator_metadata: Originator
    server_timestamp: int | UnsetType = UNSET
    event: msgspec.Raw
    conversation_id: str
    dialog_id: str
    message_audience: str
    metadata: msgspec.Raw | UnsetType = UNSET


class _Events(msgspec.Struct, rename="camel"):
    dialog_id: str
    changes: list[_Event]


class _Change(msgspec.Struct, rename="camel"):
    type: str
    result: ConversationResult


class _Changes(msgspec.Struct, rename="camel"):
    subscription_id: str
    changes: list[_Change]


class _Notification(msgspec.Struct, rename="camel"):
    kind: str
    type: str
    body: _Events | _Changes


def published_notification(conversation_id: str, published: Published, reader_id: str) -> bytes:
    """One event as it happens."""
    event = _Event(
        sequence=UNSET if published.sequence is None else published.sequence,
        originator_id=published.originator_id,
        originator_metadata=Originator(published.originator_id, published.role),
        server_timestamp=UNSET if published.server_timestamp is None else published.server_timestamp,
        event=msgspec.Raw(published.event.json.encode()),
        conversation_id=conversation_id,
        dialog_id=published.dialog_id,
        message_audience=published.audience,
        metadata=_own(published.metadata, published.originator_id, reader_id),
    )
    return _encode(_Notification("notification", MESSAGING_EVENT, _Events(published.dialog_id, [event])))


def stored_notification(conversation_id: str, dialog_id: str, found: Sequence[StoredEvent], reader_id: str) -> bytes:
    """Events of a dialog that are read back."""
    changes = [
        _Event(
            sequence=one.sequence,
            originator_id=one.originator_id,
            originator_metadata=Originator(one.originator_id, one.role),
            server_timestamp=one.server_timestamp,
            event=msgspec.Raw(one.event.encode()),
            conversation_id=conversation_id,
            dialog_id=dialog_id,
            message_audience=one.audience,
            metadata=_own(one.metadata, one.originator_id, reader_id),
        )
        for one in found
    ]
    return _encode(_Notification("notification", MESSAGING_EVENT, _Events(dialog_id, changes)))


def _own(metadata: str | None, originator_id: str, reader_id: str) -> msgspec.Raw | UnsetType:
    """What the reader attached themselves comes back to them; what agents and bots attach is for agents."""
    return UNSET if metadata is None or originator_id != reader_id else msgspec.Raw(metadata.encode())


def conversations_notification(subscription_id: str, found: Sequence[Conversation], *, is_gone: bool = False) -> bytes:
    """Conversations as they stand, for one subscription; gone are those that do not match it any more."""
    type_ = "DELETE" if is_gone else "UPSERT"
    changes = [_Change(type_, conversation_result(one)) for one in found]
    return _encode(_Notification("notification", CONVERSATION_CHANGE, _Changes(subscription_id, changes)))
