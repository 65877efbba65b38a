"""Who answers: the issuer of an account, and its mark on every authorization answer (RFC 9207).

A client of two servers learns from ``iss`` which of them an answer is from, so that one cannot pass for the other. It
comes from the configured address, never from what a request says; the old paths' clients do not know the parameter.
"""

from collections.abc import Sequence

from switchbay.oauth.domain import Face


def issuer_of(origin: str, account_id: str) -> str:
    """The issuer identifier of an account (OpenID Connect Discovery 1.0 §2)."""
    return f"{origin}/oidc/{account_id}"


def signed_by(face: Face, issuer: str, fields: Sequence[tuple[str, str]]) -> Sequence[tuple[str, str]]:
    """The fields of an answer, with ``iss`` on the standards' face."""
    return (*fields, ("iss", issuer)) if face is Face.OIDC else fields
