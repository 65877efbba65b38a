"""Who answers: the issuer's mark on every authorization answer (RFC 9207).

A client of two servers learns from ``iss`` which of them an answer is from, so that one cannot pass for the other. It
comes from the configured address, never from what a request says; the old paths' clients do not know the parameter.
"""

from collections.abc import Sequence

from switchbay.oauth.domain import Face


def signed_by(face: Face, issuer: str, fields: Sequence[tuple[str, str]]) -> Sequence[tuple[str, str]]:
    """The fields of an answer, with ``iss`` on the standards' face."""
    return (*fields, ("iss", issuer)) if face is Face.OIDC else fields
