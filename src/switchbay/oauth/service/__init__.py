"""The use cases of the oauth room: issuing tokens, verifying them, publishing keys."""

from switchbay.oauth.service.keyring import KeyRing
from switchbay.oauth.service.tokens import OAuth

__all__ = ["KeyRing", "OAuth"]
