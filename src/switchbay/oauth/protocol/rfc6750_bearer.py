"""Finding the token in an ``Authorization`` header (RFC 6750 §2.1).

Connectors send the header with and without the scheme word ``Bearer``; the same is accepted in ``X-LP-ON-BEHALF``.
"""

LONGEST_TOKEN = 16_384
_SCHEME = "bearer "


def read_bearer(header: str | None) -> str:
    """The token in the header's value; empty when there is none."""
    if header is None:
        return ""
    value = header.strip()
    if value[:7].lower() == _SCHEME:
        return value[7:].strip()
    return "" if value.lower() == "bearer" else value
