"""Login sessions: opaque bearers that are stored as SHA-256 only."""

import hashlib
import re
from dataclasses import dataclass

from switchbay.accounts import errors
from switchbay.accounts.domain.people import Principal
from switchbay.kit.secret import Secret

BEARER_BYTES = 32
CSRF_BYTES = 16
_BEARER = re.compile(r"[0-9a-f]{64}")
_SCHEME = "bearer "


@dataclass(frozen=True, slots=True)
class Session:
    """A session as an administrator sees it: never its bearer. Times are epoch milliseconds."""

    account_id: str
    session_id: str
    user_id: str
    created_at: int
    expires_at: int
    address: str | None


@dataclass(frozen=True, slots=True)
class Login:
    """What a successful login gives; the only moment at which the server knows the bearer and the csrf value."""

    bearer: Secret
    csrf: Secret
    expires_at: int
    principal: Principal


def fingerprint(secret: str) -> str:
    """The form in which bearers and csrf values are stored: SHA-256, lower-case hex."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def bearer_from(authorization: str | None) -> str:
    """Read the bearer from ``Bearer x`` or a bare ``x``.

    Raises ``session_missing`` when there is none and ``session_invalid`` when it cannot be one of ours.
    """
    text = (authorization or "").strip()
    if text[: len(_SCHEME)].lower() == _SCHEME:
        text = text[len(_SCHEME) :].strip()
    if not text or text.lower() == _SCHEME.strip():
        raise errors.session_missing()
    if _BEARER.fullmatch(text) is None:
        raise errors.session_invalid()
    return text
