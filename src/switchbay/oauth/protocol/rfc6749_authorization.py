"""Checking an authorization request (RFC 6749 §3.1 and §4.1.1, RFC 9700 §4.1, OpenID Connect Core 1.0 §3.1.2.1).

The order is what keeps people safe: as long as client and redirect URI are not certain, a refusal is a page of ours;
from then on it travels to the client with error, error_description, state and, on the standards' face, iss.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from switchbay.oauth.domain import Face, Version
from switchbay.oauth.protocol.oauth_response_modes import ResponseMode


class AuthorizeRefused(Exception):
    """A request that is refused by an answer to the client.

    ``error`` and ``description`` are what the client gets; ``reason`` (a stable word) and ``detail`` (what was
    expected, what was got; never a secret) are for the developer log.
    """

    def __init__(self, error: str, description: str, reason: str, detail: Mapping[str, str] | None = None) -> None:
        super().__init__(description)
        self.error = error
        self.description = description
        self.reason = reason
        self.detail: Mapping[str, str] = detail or {}


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """A request with nothing wrong about it. ``max_age`` in seconds; ``prompt`` and ``acr_values`` are words.

    ``response_type`` holds its words in no order. ``hinted_user_id`` is the user of a verified id_token_hint.
    """

    account_id: str
    face: Face
    version: Version
    client_id: str
    response_type: frozenset[str]
    response_mode: ResponseMode
    redirect_uri: str
    redirect_uri_given: bool
    scope: frozenset[str]
    resources: tuple[str, ...] = ()
    state: str | None = None
    nonce: str | None = None
    code_challenge: str | None = None
    prompt: frozenset[str] = frozenset()
    max_age: int | None = None
    login_hint: str | None = None
    hinted_user_id: str | None = None
    ui_locales: tuple[str, ...] = ()
    acr_values: tuple[str, ...] = ()


MOST_PARAMETERS: Final = 64
__all__ = ["AuthorizationRequest", "AuthorizeRefused", "Sequence"]
