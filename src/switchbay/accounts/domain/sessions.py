"""Login sessions: opaque bearers that are stored as SHA-256 only, what opens them, and what tells of their end."""

import hashlib
import re
from dataclasses import dataclass
from typing import Literal

from switchbay.accounts import errors
from switchbay.accounts.domain.people import Principal
from switchbay.kit.secret import Secret

EndReason = Literal["logout", "ended", "user"]
"""Why sessions ended: their user logged out, an administrator ended them, or their user was disabled or got a new
password. That a session expires is no end: nothing tells of it."""

BY_PASSWORD = ("pwd",)
BY_PASSWORD_AND_CODE = ("pwd", "otp", "mfa")
BY_PASSWORD_AND_RECOVERY_CODE = ("pwd", "mfa")
BEARER_BYTES = 32
CSRF_BYTES = 16
_BEARER = re.compile(r"[0-9a-f]{64}")
_SCHEME = "bearer "


@dataclass(frozen=True, slots=True)
class Session:
    """A session as an administrator sees it: never its bearer. Times are epoch milliseconds; ``amr`` as in RFC 8176."""

    account_id: str
    session_id: str
    user_id: str
    created_at: int
    expires_at: int
    address: str | None
    amr: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EndedSession:
    """A session that is no more, and whose it was."""

    session_id: str
    user_id: str


@dataclass(frozen=True, slots=True)
class SecondFactorNeeded:
    """The password was right, and this user has a second factor: the ticket and a code finish the login."""

    ticket: Secret


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
