"""Shapes of identifiers, made from randomness that the caller passes in.

Wire ids (installations, conversations, users) are UUID strings because clients expect them. Ids of our own records are
typed and sort by time: a prefix, 48 bits of epoch milliseconds, 80 random bits, in Crockford's base 32.
"""

import re
import uuid
from functools import lru_cache

_CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"
_BASE32HEX = "0123456789abcdefghijklmnopqrstuv"
_PAIRS = tuple(first + second for first in _CROCKFORD for second in _CROCKFORD)
_ACCOUNT_ID = re.compile(r"[A-Za-z0-9_]{1,20}")

SORTABLE_RANDOM_BYTES = 10
CLIENT_SECRET_RANDOM_BYTES = 17


def is_account_id(text: str) -> bool:
    """Tell whether this is a legal account id: 1 to 20 ASCII letters, digits or underscores."""
    return _ACCOUNT_ID.fullmatch(text) is not None


def uuid_from(random: bytes) -> str:
    """Shape 16 random bytes as a version 4 UUID (RFC 9562 §5.4), lower case."""
    return str(uuid.UUID(bytes=random[:16], version=4))


def sortable_id(prefix: str, at_ms: int, random: bytes) -> str:
    """Return ``prefix_`` and 26 characters that sort by ``at_ms``; ``random`` gives 10 bytes."""
    number = (at_ms << 80) | int.from_bytes(random[:SORTABLE_RANDOM_BYTES], "big")
    # Ids of one moment are made one after the other, and differ in their last characters only.
    return prefix + _head(number >> 20) + _PAIRS[(number >> 10) & 1023] + _PAIRS[number & 1023]


@lru_cache(maxsize=16)
def _head(number: int) -> str:
    return "_" + "".join([_PAIRS[(number >> shift) & 1023] for shift in range(100, -1, -10)])


def time_of_sortable_id(text: str) -> int:
    """The epoch milliseconds in an id that ``sortable_id`` made."""
    number = 0
    for character in text.rpartition("_")[2]:
        number = (number << 5) | _CROCKFORD.index(character)
    return number >> 80


def client_secret_from(random: bytes) -> str:
    """Shape 17 random bytes as a client secret: 26 lower-case base-32 characters, 130 bits."""
    number = int.from_bytes(random[:CLIENT_SECRET_RANDOM_BYTES], "big")
    return "".join(_BASE32HEX[(number >> (5 * place)) & 31] for place in range(26))
