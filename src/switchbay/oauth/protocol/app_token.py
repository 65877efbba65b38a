"""The application token (AppJWT): its claims, made and judged. Claims by RFC 7519 §4.1, ``azp`` by OpenID Connect."""

import msgspec

from switchbay.oauth.protocol.rfc6749_client_credentials import render_scope
from switchbay.oauth.protocol.rfc7515_signature import TokenRefused

ISSUER = "Sentinel"
IAT_LEEWAY_SECONDS = 60


class AppClaims(msgspec.Struct, frozen=True):
    """The claims, in the order in which they are written. Times in epoch seconds."""

    aud: str
    azp: str
    scope: str
    iss: str
    iat: int
    exp: int


_decoder = msgspec.json.Decoder(AppClaims)


def make_claims(account_id: str, client_id: str, scope: frozenset[str], iat: int, lifetime_seconds: int) -> bytes:
    """The claims of a fresh token, as the bytes to sign. ``iat`` in epoch seconds."""
    claims = AppClaims(account_id, client_id, render_scope(scope), ISSUER, iat, iat + lifetime_seconds)
    return msgspec.json.encode(claims)


def judge_claims(payload: bytes, account_id: str, now_ms: int) -> AppClaims:
    """The claims of a token with a good signature, if it is good here and now. Raises ``TokenRefused``.

    The clocks of two nodes may differ: ``iat`` may lie a minute ahead. ``exp`` has no such leeway.
    """
    try:
        claims = _decoder.decode(payload)
    except ValueError as error:
        raise TokenRefused("claims_malformed") from error
    if claims.iss != ISSUER:
        raise TokenRefused("issuer_wrong")
    if claims.aud != account_id:
        raise TokenRefused("account_wrong")
    if claims.iat * 1000 > now_ms + IAT_LEEWAY_SECONDS * 1000:
        raise TokenRefused("issued_in_the_future")
    if now_ms >= claims.exp * 1000:
        raise TokenRefused("expired")
    return claims
