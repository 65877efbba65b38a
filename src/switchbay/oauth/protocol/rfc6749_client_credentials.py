"""The grant ``client_credentials`` (RFC 6749 §4.4) and scopes (§3.3)."""

import re
from collections.abc import Mapping

from switchbay.oauth.protocol.rfc6749_errors import (
    invalid_request,
    invalid_scope,
    unauthorized_client,
    unsupported_grant_type,
)

GRANT = "client_credentials"
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*")
_LONGEST_SCOPE = 2_000


def check_grant_type(parameters: Mapping[str, str]) -> None:
    """Refuse every grant but this one."""
    asked = parameters.get("grant_type")
    if asked is None:
        raise invalid_request("The parameter grant_type is missing.", "grant_missing")
    if asked != GRANT:
        raise unsupported_grant_type(f"The grant_type here is {GRANT}.")


def check_client(*, enabled: bool, grant_types: frozenset[str]) -> None:
    """Refuse an application that is off or that may not use the grant; call it after the secret was right."""
    if not enabled:
        raise unauthorized_client("The application is disabled.", "app_disabled")
    if GRANT not in grant_types:
        raise unauthorized_client(f"The application may not use the grant {GRANT}.", "grant_not_allowed")


def choose_scope(asked: str | None, allowed: frozenset[str]) -> frozenset[str]:
    """The scope of the token: what was asked for, which must be part of what is allowed; all of it by default."""
    if asked is None:
        return allowed
    if len(asked) > _LONGEST_SCOPE or not _SCOPE.fullmatch(asked):
        raise invalid_scope("The scope is not a list of words with single spaces between them.", "scope_malformed")
    scope = frozenset(asked.split(" "))
    if not scope <= allowed:
        raise invalid_scope("The scope is more than the application has.", "scope_not_allowed")
    return scope


def render_scope(scope: frozenset[str]) -> str:
    """A scope as the protocol writes it, in a stable order."""
    return " ".join(sorted(scope))
