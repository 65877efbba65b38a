"""What is left of an event whose consumer's data was erased: its place, its time, and that it was erased.

Sequences stay without a gap, so that whoever resumes by them still can. A message becomes an empty text; a receipt says
nothing but which sequences were read, and stays.
"""

from typing import Any, Final

import msgspec

ERASED_EVENT: Final = '{"type":"ContentEvent","contentType":"text/plain","message":""}'
"""What every message becomes."""
ERASED_MARK: Final = '[{"type":"Erased"}]'
"""The metadata of an event that was erased."""
_CONTENT: Final = frozenset({"ContentEvent", "RichContentEvent"})
_SCRUBBED: Final = frozenset({"originatorClientProperties", "context", "campaignInfo", "metadata", "closedCause"})
_decode: Final = msgspec.json.Decoder().decode
_encode: Final = msgspec.json.Encoder().encode


def is_content(event: str) -> bool:
    """Whether an event, given as JSON text, says something."""
    return _decode(event).get("type") in _CONTENT


def erased_notification(body: bytes, consumer_id: str, pseudonym: str) -> bytes:
    """A stored notification without what it told of the consumer, in the same shape."""
    try:
        found = _decode(body)
    except (msgspec.DecodeError, RecursionError):  # not one of ours: nothing of it may stay
        return b"{}"
    return _encode(_without(found, consumer_id, pseudonym, 0))


_DEEPEST: Final = 60


def _without(node: Any, consumer_id: str, pseudonym: str, depth: int) -> Any:  # noqa: ANN401 - JSON of any shape
    if isinstance(node, dict):
        if node.get("type") in _CONTENT:
            return msgspec.Raw(ERASED_EVENT.encode())
        if depth > _DEEPEST:
            return None
        return {
            name: _without(value, consumer_id, pseudonym, depth + 1)
            for name, value in node.items()
            if name not in _SCRUBBED
        }
    if isinstance(node, list):
        return [_without(value, consumer_id, pseudonym, depth + 1) for value in node]
    return pseudonym if node == consumer_id else node
