"""Errors of the token endpoint (RFC 6749 §5.2)."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Self

REALM = "switchbay"


class TokenRequestRefused(Exception):
    """A token request that is refused.

    ``error`` is the standard's word, ``description`` one sentence for the client's developer (no quote, backslash or
    non-ASCII character: RFC 6749 §5.2 allows none), ``reason`` a stable word for the log. ``client_id`` is set once it
    is known that the request concerns a client that exists, ``detail`` tells that client's developer what was expected
    and what came, never a secret; neither is ever part of the answer.
    """

    def __init__(
        self,
        status: int,
        error: str,
        description: str,
        reason: str,
        *,
        client_id: str | None = None,
        detail: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(description)
        self.status = status
        self.error = error
        self.description = description
        self.reason = reason
        self.client_id = client_id
        self.detail: Mapping[str, str] = detail or {}

    def about(self, client_id: str, **detail: str) -> Self:
        """The same refusal, now known to concern this client; for the developer log."""
        self.client_id = client_id
        self.detail = {**self.detail, **detail}
        return self

    def body(self) -> dict[str, str]:
        """The JSON body of the answer."""
        return {"error": self.error, "error_description": self.description}

    def headers(self) -> Mapping[str, str]:
        """The challenge that goes with every 401 (RFC 9110 §11.6.1)."""
        if self.status == HTTPStatus.UNAUTHORIZED:
            return {"WWW-Authenticate": f'Basic realm="{REALM}", charset="UTF-8"'}
        return {}


def invalid_request(description: str, reason: str, status: int = 400) -> TokenRequestRefused:
    """The request is malformed, repeats a parameter, or authenticates in two ways."""
    return TokenRequestRefused(status, "invalid_request", description, reason)


def invalid_client(reason: str, description: str = "Client authentication failed.") -> TokenRequestRefused:
    """The client is unknown or did not prove who it is; which of the two is for the log only."""
    return TokenRequestRefused(401, "invalid_client", description, reason)


def unauthorized_client(description: str, reason: str) -> TokenRequestRefused:
    """The client is who it says, but may not do this."""
    return TokenRequestRefused(400, "unauthorized_client", description, reason)


def unsupported_grant_type(description: str) -> TokenRequestRefused:
    """This endpoint does not serve the grant."""
    return TokenRequestRefused(400, "unsupported_grant_type", description, "grant_unsupported")


def invalid_scope(description: str, reason: str) -> TokenRequestRefused:
    """The scope asked for is malformed or more than the client has."""
    return TokenRequestRefused(400, "invalid_scope", description, reason)


def invalid_grant(description: str, reason: str, **detail: str) -> TokenRequestRefused:
    """The code or the refresh token is unknown, over, of another client, or does not fit the request."""
    return TokenRequestRefused(400, "invalid_grant", description, reason, detail=detail)


def invalid_target(description: str, reason: str, **detail: str) -> TokenRequestRefused:
    """A resource that tokens may not be asked for (RFC 8707 §2)."""
    return TokenRequestRefused(400, "invalid_target", description, reason, detail=detail)
