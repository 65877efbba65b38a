"""Refreshing (RFC 6749 §6) with rotation (RFC 9700 §4.14.2), as pure decisions.

Every use of a refresh token gives its one successor. Clients lose answers, and programs have several threads, so for a
short grace time the used token answers that same successor again; after that its use means that two hold it, and the
whole family ends.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from switchbay.oauth.domain import digest
from switchbay.oauth.protocol.rfc6749_client_credentials import choose_scope, render_scope
from switchbay.oauth.protocol.rfc6749_errors import TokenRequestRefused, invalid_grant, invalid_request

GRANT = "refresh_token"
_REFUSED = "The refresh token is unknown, was replaced, or is over."


@dataclass(frozen=True, slots=True)
class RefreshRequest:
    """What a client sends to refresh."""

    token_hash: bytes = field(repr=False)
    scope: str | None


class Use(Enum):
    """What the use of a refresh token means."""

    FIRST = "first"
    AGAIN = "again"
    """Within the grace time after the first use."""
    REPLAY = "replay"


def read_request(parameters: Mapping[str, str]) -> RefreshRequest:
    """The parameters of the grant. Raises ``TokenRequestRefused``."""
    token = parameters.get("refresh_token")
    if token is None:
        raise invalid_request("The parameter refresh_token is missing.", "refresh_token_missing")
    return RefreshRequest(digest(token), parameters.get("scope"))


def judge_use(used_at: int | None, now: int, grace_ms: int) -> Use:
    """What it means to use a token at ``now`` that was first used at ``used_at``, in epoch milliseconds."""
    if used_at is None:
        return Use.FIRST
    return Use.AGAIN if now < used_at + grace_ms else Use.REPLAY


def narrow_scope(asked: str | None, granted: frozenset[str], available: frozenset[str]) -> frozenset[str]:
    """The scope of the new access token: what was granted and the app still has, or the part of it that is asked for.

    Raises ``TokenRequestRefused``.
    """
    usable = granted & available
    try:
        return choose_scope(asked, usable)
    except TokenRequestRefused as error:
        error.detail = {**error.detail, "expected": render_scope(usable), "got": asked or ""}
        raise


def refused(reason: str, **detail: str) -> TokenRequestRefused:
    """The one answer to every refresh token that is not taken."""
    return invalid_grant(_REFUSED, reason, **detail)
