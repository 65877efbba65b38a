"""The UserInfo endpoint (OpenID Connect Core 1.0 §5.3) and how it is asked and refuses (RFC 6750)."""

from collections.abc import Mapping, Sequence
from typing import Final

from switchbay.oauth.protocol.oidc_id_token import Subject, claims_about
from switchbay.oauth.protocol.rfc6749_errors import REALM

SCOPE: Final = "openid"
_SCHEME: Final = "bearer "


class BearerRefused(Exception):
    """A request with a bearer token that is refused (RFC 6750 §3.1). Without ``error`` there was no token at all."""

    def __init__(self, status: int, error: str | None = None, description: str = "") -> None:
        super().__init__(description)
        self.status = status
        self.error = error
        self.description = description

    def headers(self) -> Mapping[str, str]:
        """The challenge (§3)."""
        parts = [f'Bearer realm="{REALM}"']
        if self.error is not None:
            parts += [f'error="{self.error}"', f'error_description="{self.description}"']
        if self.error == "insufficient_scope":
            parts.append(f'scope="{SCOPE}"')
        return {"WWW-Authenticate": ", ".join(parts)}

    def body(self) -> dict[str, str]:
        """The JSON body; empty when there was no token, as the client may not even know that it needs one."""
        return {} if self.error is None else {"error": self.error, "error_description": self.description}


def read_token(authorization: Sequence[str], parameters: Mapping[str, str]) -> str:
    """The token, from the header or from the form in the body, never from both. Raises ``BearerRefused``."""
    headers = [value.strip() for value in authorization if value.strip()]
    in_body = parameters.get("access_token")
    if len(headers) > 1 or (headers and in_body is not None):
        raise BearerRefused(400, "invalid_request", "The request carries more than one token.")
    if in_body is not None:
        return in_body
    if not headers or headers[0][: len(_SCHEME)].lower() != _SCHEME:
        raise BearerRefused(401)
    token = headers[0][len(_SCHEME) :].strip()
    if not token:
        raise BearerRefused(401)
    return token


def token_invalid() -> BearerRefused:
    """One answer for every token that does not count here."""
    return BearerRefused(401, "invalid_token", "The access token is expired, revoked, or of another issuer.")


def scope_insufficient() -> BearerRefused:
    """The token is good, but not for this."""
    return BearerRefused(403, "insufficient_scope", "The access token lacks the scope openid.")


def make_answer(subject: Subject, scope: frozenset[str]) -> dict[str, str | bool]:
    """What is told about the user of a token with this scope."""
    return {"sub": subject.user_id, **claims_about(subject, scope)}
