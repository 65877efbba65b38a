"""Tokens of consumers who come by themselves, through a web page: the unauthenticated consumers of the ``idp`` service.

There are two, apart by their audience. The *session token* opens the consumer's socket. The *identity token* only shows
who somebody is; it is exchanged for a session token, and for a fresh one of its kind. Both have claims that no
application's consumer token has, and none of those that such a token must have, so neither is taken for the other.
"""

from typing import Final

import msgspec

from switchbay.oauth.protocol.app_token import IAT_LEEWAY_SECONDS
from switchbay.oauth.protocol.rfc7515_signature import TokenRefused

ISSUER: Final = "Switchbay web identity"
IDENTITY_SECONDS: Final = 600
"""Lifetime of an identity token, as the vendor documents it."""
RENEWAL_SECONDS: Final = 730 * 3_600
"""For how long after its issue a token shows who somebody is to whom a fresh one is given."""


class VisitorClaims(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The claims, in the order in which they are written. ``sub`` is the consumer's id. Times in epoch seconds."""

    sub: str
    aud: str
    iss: str
    iat: int
    exp: int


_decoder: Final = msgspec.json.Decoder(VisitorClaims)


def session_audience(account_id: str) -> str:
    """The audience of session tokens."""
    return f"acc:{account_id}"


def identity_audience(account_id: str) -> str:
    """The audience of identity tokens."""
    return f"acc:{account_id}:idp"


def make_claims(consumer_id: str, audience: str, now_ms: int, lifetime_seconds: int) -> bytes:
    """The claims of a fresh token, as the bytes to sign."""
    iat = now_ms // 1000
    return msgspec.json.encode(VisitorClaims(consumer_id, audience, ISSUER, iat, iat + lifetime_seconds))


def judge_claims(payload: bytes, audience: str, now_ms: int) -> VisitorClaims:
    """The claims of a token with a good signature, if it is good here and now. Raises ``TokenRefused``."""
    claims = _read(payload, audience, now_ms)
    if now_ms >= claims.exp * 1000:
        raise TokenRefused("expired")
    return claims


def judge_for_renewal(payload: bytes, audience: str, now_ms: int) -> VisitorClaims:
    """The claims of a token that still shows who somebody is, even if it has expired. Raises ``TokenRefused``."""
    claims = _read(payload, audience, now_ms)
    if now_ms >= max(claims.exp, claims.iat + RENEWAL_SECONDS) * 1000:
        raise TokenRefused("too_old_to_renew")
    return claims


def _read(payload: bytes, audience: str, now_ms: int) -> VisitorClaims:
    try:
        claims = _decoder.decode(payload)
    except ValueError as error:
        raise TokenRefused("claims_malformed") from error
    if claims.iss != ISSUER:
        raise TokenRefused("issuer_wrong")
    if claims.aud != audience:
        raise TokenRefused("audience_wrong")
    if claims.iat * 1000 > now_ms + IAT_LEEWAY_SECONDS * 1000:
        raise TokenRefused("issued_in_the_future")
    return claims
