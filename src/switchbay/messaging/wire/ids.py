"""The shape of conversation ids: UUIDs in lower case. What looks different cannot exist and is not looked up."""

import re
from typing import Final

_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def is_conversation_id(text: str) -> bool:
    """Whether this can be the id of a conversation."""
    return _UUID.fullmatch(text) is not None
