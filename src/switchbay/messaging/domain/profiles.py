"""What a connector tells about its consumer, merged over what it told before.

Members replace members; objects such as ``privateData`` and ``authenticatedData`` are merged one level deep, so that a
connector that sends one of their members keeps the others.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from switchbay.kit.jsonvalue import JsonValue


@dataclass(frozen=True, slots=True)
class Consumer:
    """What is known about a consumer. Times are epoch milliseconds."""

    account_id: str
    consumer_id: str
    profile: Mapping[str, JsonValue]
    has_conversation: bool
    created_at: int
    updated_at: int


def merged(known: Mapping[str, JsonValue], told: Mapping[str, JsonValue]) -> Mapping[str, JsonValue]:
    """The profile after ``told``."""
    result = dict(known)
    for name, value in told.items():
        before = result.get(name)
        result[name] = {**before, **value} if isinstance(before, dict) and isinstance(value, dict) else value
    return result
