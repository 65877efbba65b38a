"""Redeeming an authorization code (RFC 6749 §4.1.3, RFC 7636 §4.5 and §4.6, RFC 9700 §2.1.1), as pure decisions."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from switchbay.oauth.domain import Code, digest
from switchbay.oauth.protocol.rfc6749_errors import TokenRequestRefused, invalid_grant, invalid_request
from switchbay.oauth.protocol.rfc7636_pkce import is_verified

GRANT = "authorization_code"
_REFUSED = "The authorization code does not fit this request, was used before, or is over."


@dataclass(frozen=True, slots=True)
class CodeRequest:
    """What a client sends to redeem a code."""

    code_hash: bytes = field(repr=False)
    redirect_uri: str | None
    verifier: str | None = field(repr=False)


def read_request(parameters: Mapping[str, str]) -> CodeRequest:
    """The parameters of the grant. Raises ``TokenRequestRefused``."""
    code = parameters.get("code")
    if code is None:
        raise invalid_request("The parameter code is missing.", "code_missing")
    return CodeRequest(digest(code), parameters.get("redirect_uri"), parameters.get("code_verifier"))


def is_replay(code: Code, client_id: str) -> bool:
    """Whether the client comes with a code that was redeemed before: two hold it, and one of them must not."""
    return code.used_at is not None and code.client_id == client_id


def check_code(code: Code | None, request: CodeRequest, client_id: str, now: int) -> Code:
    """The code, if this request may redeem it. Whether it was used is decided by the store, not here.

    Raises ``TokenRequestRefused``, with one answer for every reason.
    """
    if code is None:
        raise refused("code_unknown")
    if code.client_id != client_id:
        raise refused("code_of_another_client")
    if now >= code.expires_at:
        raise refused("code_expired")
    _check_redirect_uri(code, request)
    _check_verifier(code, request.verifier)
    return code


def _check_redirect_uri(code: Code, request: CodeRequest) -> None:
    """It must come again when it came to the authorization endpoint, and be the same wherever it comes."""
    if request.redirect_uri is None:
        if code.redirect_uri_given:
            raise refused("redirect_uri_missing", expected=code.redirect_uri)
    elif request.redirect_uri != code.redirect_uri:
        raise refused("redirect_uri_different", expected=code.redirect_uri, got=request.redirect_uri)


def _check_verifier(code: Code, verifier: str | None) -> None:
    """A challenge needs its verifier; a verifier without a challenge tells of an attempt to leave PKCE out."""
    if code.code_challenge is None:
        if verifier is not None:
            raise refused("verifier_without_challenge")
        return
    if verifier is None:
        raise refused("verifier_missing")
    if not is_verified(code.code_challenge, verifier):
        raise refused("verifier_wrong")


def refused(reason: str, **detail: str) -> TokenRequestRefused:
    """The one answer to every code that is not redeemed."""
    return invalid_grant(_REFUSED, reason, **detail)
