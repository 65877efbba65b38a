"""Signatures of webhook bodies: HMAC over the exact bytes that are sent.

The header value is ``sha1=`` or ``sha256=`` followed by the MAC in base64 or lower-case hex. The defaults, SHA-1 and
base64, are what existing connectors verify; SHA-1 inside HMAC is still sound, SHA-256 is offered per account.
"""

import base64
import hmac
from typing import Literal

SignatureAlgorithm = Literal["sha1", "sha256"]
SignatureEncoding = Literal["base64", "hex"]


def sign(
    secret: bytes, body: bytes, algorithm: SignatureAlgorithm = "sha1", encoding: SignatureEncoding = "base64"
) -> str:
    """Return the value of ``X-Liveperson-Signature`` for ``body``."""
    mac = hmac.digest(secret, body, algorithm)
    text = base64.b64encode(mac).decode("ascii") if encoding == "base64" else mac.hex()
    return f"{algorithm}={text}"


def verify(secret: bytes, body: bytes, header: str) -> bool:
    """Tell whether ``header`` signs ``body`` with ``secret``, whichever algorithm and encoding it names."""
    name, separator, _ = header.partition("=")
    if not separator or name not in ("sha1", "sha256"):
        return False
    algorithm: SignatureAlgorithm = "sha1" if name == "sha1" else "sha256"
    given = header.encode("utf-8")
    in_base64 = hmac.compare_digest(sign(secret, body, algorithm, "base64").encode(), given)
    in_hex = hmac.compare_digest(sign(secret, body, algorithm, "hex").encode(), given)
    return in_base64 or in_hex
