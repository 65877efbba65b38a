"""The ``Idempotency-Key`` header: an opaque string of the client's, 1 to 255 visible ASCII characters."""

import hashlib
import re
from typing import Final

from switchbay.kit.errors import AppError, Kind
from switchbay.messaging.domain import IdempotencyKey

_KEY: Final = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?")


def parse_key(header: str | None, *, scope: tuple[str, ...], route: str, body: bytes) -> IdempotencyKey | None:
    """Hash a key with whose it is (``scope``), and what it was sent with."""
    if header is None:
        return None
    if not _KEY.fullmatch(header):
        raise AppError(
            Kind.INVALID, "idempotency_key_invalid", "Idempotency-Key holds 1 to 255 visible ASCII characters."
        )
    key_hash = hashlib.sha256("\0".join((*scope, header)).encode()).hexdigest()
    return IdempotencyKey(key_hash, hashlib.sha256(route.encode() + b"\0" + body).hexdigest())
