"""Access tokens as JWT: by RFC 9068 on the standards' face, and with the literal issuer for existing clients.

Both have the type ``at+jwt`` and name their grant in ``jti``, as ``{grant_id}.{random}``, so that a resource server of
this house can ask whether the grant is still alive. A token that a client got for itself (RFC 6749 §4.4) has no grant;
its ``sub`` is the client (RFC 9068 §2.2). Times in claims are epoch seconds.
"""

import msgspec

from switchbay.oauth.domain import Grant
from switchbay.oauth.protocol.app_token import IAT_LEEWAY_SECONDS
from switchbay.oauth.protocol.app_token import ISSUER as SENTINEL
from switchbay.oauth.protocol.oidc_id_token import acr_of
from switchbay.oauth.protocol.rfc6749_client_credentials import render_scope
from switchbay.oauth.protocol.rfc7515_signature import TokenRefused

TYPE = "at+jwt"


class AccessClaims(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The claims, in the order in which they are written."""

    iss: str
    sub: str
    aud: str | list[str]
    client_id: str = ""
    azp: str = ""
    scope: str
    jti: str
    iat: int
    exp: int
    auth_time: int = 0
    acr: str = ""
    amr: list[str] = msgspec.field(default_factory=list)

    @property
    def audiences(self) -> frozenset[str]:
        """Whom the token is for."""
        return frozenset((self.aud,) if isinstance(self.aud, str) else self.aud)

    @property
    def client(self) -> str:
        """The client that the token was issued to, by whichever name its face has for that."""
        return self.client_id or self.azp

    @property
    def is_of_client(self) -> bool:
        """Whether the client got the token for itself, without a user."""
        return self.sub == self.client

    @property
    def grant_id(self) -> str:
        """The grant of a user's token."""
        return self.jti.partition(".")[0]


_decoder = msgspec.json.Decoder(AccessClaims)


def make_user_claims(
    grant: Grant, issuer: str, scope: frozenset[str], resources: tuple[str, ...], jti: str, iat: int, seconds: int
) -> bytes:
    """A user's token by RFC 9068 §2.2, as the bytes to sign. Without ``resources`` it is for the issuer."""
    audience = resources or (issuer,)
    return msgspec.json.encode(
        AccessClaims(
            iss=issuer,
            sub=grant.user_id,
            aud=audience[0] if len(audience) == 1 else list(audience),
            client_id=grant.client_id,
            scope=render_scope(scope),
            jti=jti,
            iat=iat,
            exp=iat + seconds,
            auth_time=grant.auth_time // 1000,
            acr=acr_of(grant.amr),
            amr=list(grant.amr),
        )
    )


def make_sentinel_claims(grant: Grant, scope: frozenset[str], jti: str, iat: int, seconds: int) -> bytes:
    """The claims of a user's token of version 2, as the bytes to sign: as an application token's, and ``sub``."""
    return msgspec.json.encode(
        AccessClaims(
            iss=SENTINEL,
            sub=grant.user_id,
            aud=grant.account_id,
            azp=grant.client_id,
            scope=render_scope(scope),
            jti=jti,
            iat=iat,
            exp=iat + seconds,
        )
    )


def make_client_claims(
    client_id: str, issuer: str, scope: frozenset[str], resources: tuple[str, ...], jti: str, iat: int, seconds: int
) -> bytes:
    """The claims of a token that a client gets for itself, as the bytes to sign."""
    audience = resources or (issuer,)
    return msgspec.json.encode(
        AccessClaims(
            iss=issuer,
            sub=client_id,
            aud=audience[0] if len(audience) == 1 else list(audience),
            client_id=client_id,
            scope=render_scope(scope),
            jti=jti,
            iat=iat,
            exp=iat + seconds,
        )
    )


def judge_claims(payload: bytes, account_id: str, issuer: str, now_ms: int) -> AccessClaims:
    """The claims of a token with a good signature, if this account issued it and it is good now.

    Whether its audience includes the one who asks is for the caller to check. Raises ``TokenRefused``.
    """
    try:
        claims = _decoder.decode(payload)
    except ValueError as error:
        raise TokenRefused("claims_malformed") from error
    if claims.iss not in {issuer, SENTINEL}:
        raise TokenRefused("issuer_wrong")
    if claims.iss == SENTINEL and claims.audiences != {account_id}:
        raise TokenRefused("account_wrong")
    if not claims.client or not claims.sub:
        raise TokenRefused("claims_malformed")
    if claims.iat * 1000 > now_ms + IAT_LEEWAY_SECONDS * 1000:
        raise TokenRefused("issued_in_the_future")
    if now_ms >= claims.exp * 1000:
        raise TokenRefused("expired")
    return claims
