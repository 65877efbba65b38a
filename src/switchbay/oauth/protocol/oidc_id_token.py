"""ID tokens (OpenID Connect Core 1.0 §2, §3.1.3.6, §3.2.2.9) and the claims about a user (§5.1, §5.4).

Times in claims are epoch seconds.
"""

import base64
import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import msgspec

from switchbay.oauth.domain import Grant

TYPE = "JWT"
ACR_ONE_FACTOR = "1"
ACR_TWO_FACTORS = "2"
_SECOND_FACTORS = frozenset({"otp", "mfa"})


@dataclass(frozen=True, slots=True)
class Subject:
    """What is told about a user. ``is_lpa`` of existing clients is not among it: nobody here is one."""

    user_id: str
    login_name: str
    display_name: str
    is_admin: bool


def acr_of(amr: Collection[str]) -> str:
    """How strong a login was: ``2`` with a second factor, ``1`` without. ``amr`` holds words of RFC 8176."""
    return ACR_ONE_FACTOR if _SECOND_FACTORS.isdisjoint(amr) else ACR_TWO_FACTORS


def claims_about(subject: Subject, scope: frozenset[str]) -> dict[str, str | bool]:
    """The claims about a user that a scope asks for, beside ``sub``.

    The address is what the user logs in with; nobody has verified that mail reaches them there.
    """
    claims: dict[str, str | bool] = {}
    if "profile" in scope:
        claims |= {"name": subject.display_name, "preferred_username": subject.login_name}
    if "email" in scope and "@" in subject.login_name:
        claims |= {"email": subject.login_name, "email_verified": False}
    return claims


def left_half_hash(text: str) -> str:
    """``at_hash`` and ``c_hash``: the left half of the SHA-256, as both our algorithms prescribe it."""
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode("ascii")).digest()[:16]).rstrip(b"=").decode("ascii")


def make_claims(
    grant: Grant,
    subject: Subject,
    issuer: str,
    iat: int,
    seconds: int,
    *,
    nonce: str | None = None,
    access_token: str | None = None,
    code: str | None = None,
) -> bytes:
    """The claims of an ID token, as the bytes to sign."""
    optional: Mapping[str, str | None] = {
        "nonce": nonce,
        "at_hash": None if access_token is None else left_half_hash(access_token),
        "c_hash": None if code is None else left_half_hash(code),
        "sid": grant.session_id,
    }
    claims = {
        "iss": issuer,
        "sub": grant.user_id,
        "aud": grant.client_id,
        "azp": grant.client_id,
        "iat": iat,
        "exp": iat + seconds,
        "auth_time": grant.auth_time // 1000,
        **{name: value for name, value in optional.items() if value is not None},
        "acr": acr_of(grant.amr),
        "amr": list(grant.amr),
        "is_admin": subject.is_admin,
        "is_lpa": False,
        **claims_about(subject, grant.scope),
    }
    return msgspec.json.encode(claims)
