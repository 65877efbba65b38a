"""Logout tokens and how long to keep trying to deliver them (OpenID Connect Back-Channel Logout 1.0)."""

from typing import Final

import msgspec

TYPE: Final = "logout+jwt"
EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"
LIFETIME_SECONDS: Final = 120
_ACCEPTED: Final = frozenset({200, 204})
_SECOND_MS: Final = 1_000
RETRY_GAPS_MS: Final = (10 * _SECOND_MS, 60 * _SECOND_MS, 300 * _SECOND_MS, 900 * _SECOND_MS, 3_600 * _SECOND_MS)
"""How long to wait after each failure; after the last one nobody tries any more."""


def make_claims(*, issuer: str, client_id: str, user_id: str, session_id: str, jti: str, iat: int) -> bytes:
    """The payload of a logout token (§2.4): with ``sub`` and ``sid``, and never with a ``nonce``."""
    return msgspec.json.encode(
        {
            "iss": issuer,
            "sub": user_id,
            "aud": client_id,
            "iat": iat,
            "exp": iat + LIFETIME_SECONDS,
            "jti": jti,
            "events": {EVENT: {}},
            "sid": session_id,
        }
    )


def is_accepted(status: int | None) -> bool:
    """Whether the app said that it logged the user out (§2.8; 204 is what some frameworks make of an empty 200)."""
    return status in _ACCEPTED


def next_try(failures: int, now: int) -> int | None:
    """When to try again after so many failures, in epoch milliseconds; None: not at all."""
    return now + RETRY_GAPS_MS[failures - 1] if failures <= len(RETRY_GAPS_MS) else None
