"""``hosted/file`` events: told from others, and given back with another message."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import structs

from switchbay.messaging.domain import Event, EventKind

_HOSTED_FILE: Final = "hosted/file"
_encode: Final = msgspec.json.Encoder().encode
_decoder: Final[msgspec.json.Decoder[dict[str, Any]]] = msgspec.json.Decoder(dict[str, Any])


def file_message(event: Event) -> dict[str, Any] | None:
    """The ``message`` of a checked event that is about a file, None for every other event."""
    # The text is asked first: decoding each message once more would cost.
    if event.kind is not EventKind.CONTENT or _HOSTED_FILE not in event.json:
        return None
    raw = _decoder.decode(event.json)
    message: dict[str, Any] | None = raw["message"] if raw.get("contentType") == _HOSTED_FILE else None
    return message


def with_message(event: Event, message: Mapping[str, Any]) -> Event:
    """The event with another message; every other member stays as it was."""
    return structs.replace(event, json=_encode({**_decoder.decode(event.json), "message": message}).decode())
