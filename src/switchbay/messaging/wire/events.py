"""The four event types of ``ms.PublishEvent``: their shapes are checked, and they are passed on as they were published.

Unknown members stay, so that connectors and bots may agree on more than is known here. Duplicate members of an object
count once, the last one, so that everybody downstream reads the same event.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from switchbay.content.public import check_parts
from switchbay.messaging.domain import Event, EventKind
from switchbay.messaging.errors import content_invalid, event_invalid, message_too_long

STATUSES: Final = frozenset({"ACCEPT", "READ", "ACCESS", "NACK", "ACTION"})
AGENT_STATUSES: Final = STATUSES | {"ENRICH"}
CHAT_STATES: Final = frozenset({"ACTIVE", "INACTIVE", "GONE", "COMPOSING", "PAUSE"})
FORM_TYPES: Final = frozenset({"forms/secure-invitation", "forms/secure-submission"})
_MOST_SEQUENCES: Final = 10_000
_encode: Final = msgspec.json.Encoder().encode


def parse_event(raw: Mapping[str, Any], *, characters: int, statuses: frozenset[str] = STATUSES) -> Event:
    """Check an event. ``characters`` is the longest text that a message may have."""
    name = raw.get("type")
    check = _CHECKS.get(name) if isinstance(name, str) else None
    if check is None:
        raise event_invalid("type must be one of " + ", ".join(_CHECKS))
    kind, shape = check
    if kind is EventKind.ACCEPT_STATUS:
        return Event(kind, _encode(raw).decode(), _acknowledged(raw, statuses))
    shape(raw, characters)
    return Event(kind, _encode(raw).decode())


def _content(raw: Mapping[str, Any], characters: int) -> None:
    content_type = raw.get("contentType")
    message = raw.get("message")
    if content_type == "text/plain":
        if not isinstance(message, str):
            raise event_invalid("message must be a string")
        if len(message) > characters:
            raise message_too_long(characters)
    elif content_type == "hosted/file":
        _file(message, characters)
    elif isinstance(content_type, str) and content_type in FORM_TYPES:
        if not isinstance(message, dict):
            raise event_invalid("message must be an object")
    else:
        raise event_invalid("contentType must be text/plain, hosted/file, " + " or ".join(sorted(FORM_TYPES)))
    _quick_replies(raw)


def _file(message: object, characters: int) -> None:
    if not isinstance(message, dict):
        raise event_invalid("message must be an object")
    for name in ("relativePath", "fileType"):
        if not isinstance(message.get(name), str) or not message[name]:
            raise event_invalid(f"message.{name} must be a string that is not empty")
    caption = message.get("caption", "")
    if not isinstance(caption, str):
        raise event_invalid("message.caption must be a string")
    if len(caption) > characters:
        raise message_too_long(characters)


def _rich_content(raw: Mapping[str, Any], _characters: int) -> None:
    if not isinstance(raw.get("content"), dict):
        raise event_invalid("content must be an object")
    _structured(raw, "content", "quickReplies")


def _quick_replies(raw: Mapping[str, Any]) -> None:
    _structured(raw, "quickReplies")


def _structured(raw: Mapping[str, Any], *names: str) -> None:
    """Check members with structured content; what is only unusual passes. ``null`` is as good as absent."""
    given = {name: raw[name] for name in names if raw.get(name) is not None}
    if given and (errors := check_parts(given).errors):
        raise content_invalid(errors)


def _acknowledged(raw: Mapping[str, Any], statuses: frozenset[str]) -> tuple[int, ...]:
    status = raw.get("status")
    if not isinstance(status, str) or status not in statuses:
        raise event_invalid("status must be one of " + ", ".join(sorted(statuses)))
    sequences = raw.get("sequenceList")
    if not isinstance(sequences, list) or len(sequences) > _MOST_SEQUENCES:
        raise event_invalid(f"sequenceList must be an array of at most {_MOST_SEQUENCES} integers")
    if not all(type(number) is int and number >= 0 for number in sequences):
        raise event_invalid("sequenceList must hold integers from 0")
    return tuple(sequences)


def _chat_state(raw: Mapping[str, Any], _characters: int) -> None:
    state = raw.get("chatState")
    if not isinstance(state, str) or state not in CHAT_STATES:
        raise event_invalid("chatState must be one of " + ", ".join(sorted(CHAT_STATES)))


def _nothing(_raw: Mapping[str, Any], _characters: int) -> None:
    """Receipts are checked where their sequences are read."""


_CHECKS: Final[Mapping[str, tuple[EventKind, Callable[[Mapping[str, Any], int], None]]]] = {
    "ContentEvent": (EventKind.CONTENT, _content),
    "RichContentEvent": (EventKind.RICH_CONTENT, _rich_content),
    "AcceptStatusEvent": (EventKind.ACCEPT_STATUS, _nothing),
    "ChatStateEvent": (EventKind.CHAT_STATE, _chat_state),
}
