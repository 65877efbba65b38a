"""Token revocation (RFC 7009), as pure decisions.

Whatever a client got from a user's grant ends with any token of it: a refresh token takes its family along (§2.1), and
a signed access token can end only with its grant, because resource servers verify it without asking.
"""

from collections.abc import Mapping
from enum import Enum

from switchbay.oauth.protocol.rfc6749_errors import TokenRequestRefused, invalid_request
from switchbay.oauth.protocol.rfc7662_introspection import TokenState


class Revocation(Enum):
    """What is done about a token."""

    NOTHING = "nothing"
    """It does not count any more, never did, or is another client's: the answer does not tell which."""
    GRANT = "grant"
    """Its grant ends."""


def read_token(parameters: Mapping[str, str]) -> str:
    """The token that a request is about; no hint is needed to find it. Raises ``TokenRequestRefused``."""
    token = parameters.get("token")
    if token is None:
        raise invalid_request("The parameter token is missing.", "token_missing")
    return token


def decide(state: TokenState | None, client_id: str) -> Revocation:
    """What to do about a token that this client wants revoked.

    Raises ``TokenRequestRefused`` for the client's own application tokens: they belong to no grant and end by their
    lifetime, or when the app is disabled (§2.2.1).
    """
    if state is None or state.client_id != client_id:
        return Revocation.NOTHING
    if state.grant_id is None:
        raise TokenRequestRefused(
            400,
            "unsupported_token_type",
            "Tokens that a client gets for itself end by their lifetime; they cannot be revoked one by one.",
            "client_token",
        )
    return Revocation.GRANT
