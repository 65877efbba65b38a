"""Cursors of lists of conversations: where a page ended, as a start time and an id."""

import base64
import binascii
from typing import Final

from switchbay.kit.errors import AppError, Kind
from switchbay.messaging.wire.ids import is_conversation_id

_DIGITS: Final = 18


def write_cursor(started_at: int, conversation_id: str) -> str:
    """The cursor of the page that follows a conversation."""
    return base64.urlsafe_b64encode(f"{started_at}.{conversation_id}".encode("ascii")).decode("ascii").rstrip("=")


def read_cursor(cursor: str | None) -> tuple[int, str] | None:
    """Read a cursor. Raises ``cursor_invalid``."""
    if cursor is None:
        return None
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
        started_at, _, conversation_id = text.partition(".")
        if started_at.isdigit() and len(started_at) <= _DIGITS and is_conversation_id(conversation_id):
            return int(started_at), conversation_id
    except (binascii.Error, UnicodeError, ValueError):
        pass
    raise AppError(Kind.INVALID, "cursor_invalid", "The cursor is not one that this server gave out.")
