"""Signatures of webhook bodies: HMAC over the exact bytes that are sent, and the signatures of Standard Webhooks.

The vendor's header value is ``sha1=`` or ``sha256=`` followed by the MAC in base64 or lower-case hex. The defaults,
SHA-1 and base64, are what existing connectors verify; SHA-1 inside HMAC is still sound, SHA-256 is offered per account.

Standard Webhooks (the specification of that name, "Signature scheme") signs ``id.timestamp.body``, the timestamp in
seconds: ``v1,`` and the HMAC-SHA256 in base64, or ``v1a,`` and the Ed25519 signature in base64. Secrets are written
``whsec_`` and public keys ``whpk_``, each followed by the bytes in base64.
"""

import base64
import hmac
from typing import Literal, Protocol

SignatureAlgorithm = Literal["sha1", "sha256"]
SignatureEncoding = Literal["base64", "hex"]
StandardWebhooks = Literal["off", "v1", "v1a"]


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


# Standard Webhooks


class PrivateKey(Protocol):
    """An Ed25519 key that can sign."""

    def sign(self, data: bytes, /) -> bytes:
        """The signature of ``data``: 64 bytes."""
        ...


def signed_content(message_id: str, seconds: int, body: bytes) -> bytes:
    """What the signatures of Standard Webhooks are over."""
    return b"%b.%d.%b" % (message_id.encode(), seconds, body)


def sign_v1(secret: bytes, content: bytes) -> str:
    """One symmetric signature; ``secret`` is what the base64 of ``whsec_…`` stands for."""
    return "v1," + base64.b64encode(hmac.digest(secret, content, "sha256")).decode("ascii")


def sign_v1a(key: PrivateKey, content: bytes) -> str:
    """One asymmetric signature."""
    return "v1a," + base64.b64encode(key.sign(content)).decode("ascii")


def webhook_secret(secret: bytes) -> str:
    """A secret as the libraries of Standard Webhooks take it."""
    return "whsec_" + base64.b64encode(secret).decode("ascii")


def webhook_public_key(public_key: bytes) -> str:
    """An Ed25519 public key as the libraries of Standard Webhooks take it."""
    return "whpk_" + base64.b64encode(public_key).decode("ascii")
