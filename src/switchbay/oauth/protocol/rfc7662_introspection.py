"""Token introspection (RFC 7662): who may ask about a token, and what they are told."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from switchbay.kit.jsonvalue import JsonValue
from switchbay.oauth.protocol.rfc6749_client_credentials import render_scope

INACTIVE: dict[str, JsonValue] = {"active": False}
"""The answer for every token that is not active, not ours, or none of the asker's business."""


@dataclass(frozen=True, slots=True)
class TokenState:
    """A token that counts. Times in epoch seconds.

    ``user_id`` and ``grant_id`` are None for a token that a client got for itself.
    """

    kind: Literal["access", "refresh"]
    client_id: str
    user_id: str | None
    grant_id: str | None
    scope: frozenset[str]
    issuer: str
    audience: tuple[str, ...]
    issued_at: int
    expires_at: int
    jti: str | None = None


def may_see(state: TokenState, client_id: str, resources: Collection[str]) -> bool:
    """Whether a client may ask about a token: its own, and access tokens that are for a resource of the account.

    ``resources`` are those that the account has named; which client serves which of them is not recorded.
    """
    if state.client_id == client_id:
        return True
    return state.kind == "access" and not frozenset(state.audience).isdisjoint(resources)


def make_answer(state: TokenState, login_name: str | None) -> dict[str, JsonValue]:
    """What is told about an active token (§2.2). ``login_name`` is told where the scope has ``profile``."""
    audience: list[JsonValue] = list(state.audience)
    answer: dict[str, JsonValue] = {
        "active": True,
        "scope": render_scope(state.scope),
        "client_id": state.client_id,
        "sub": state.user_id or state.client_id,
        "iss": state.issuer,
        "aud": audience[0] if len(audience) == 1 else audience,
        "iat": state.issued_at,
        "exp": state.expires_at,
    }
    if state.kind == "access":
        answer |= {"token_type": "Bearer"}
    if state.jti is not None:
        answer["jti"] = state.jti
    if login_name is not None and "profile" in state.scope:
        answer["username"] = login_name
    return answer
