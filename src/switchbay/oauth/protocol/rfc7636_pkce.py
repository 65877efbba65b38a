"""Proof Key for Code Exchange (RFC 7636), with S256 only: ``plain`` proves nothing to who reads the request."""

import base64
import hashlib
import hmac
import re
from typing import Final

METHOD: Final = "S256"
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


def is_challenge(text: str) -> bool:
    """Whether this can be the challenge of any verifier: 32 bytes in base64url (§4.2)."""
    return _CHALLENGE.fullmatch(text) is not None


def make_challenge(verifier: str) -> str:
    """The challenge of a verifier (§4.2)."""
    hashed = hashlib.sha256(verifier.encode("ascii")).digest()
    return base64.urlsafe_b64encode(hashed).rstrip(b"=").decode("ascii")


def is_verified(challenge: str, verifier: str) -> bool:
    """Whether the verifier is the challenge's (§4.6)."""
    if _VERIFIER.fullmatch(verifier) is None:
        return False
    return hmac.compare_digest(make_challenge(verifier).encode("ascii"), challenge.encode("utf-8"))
