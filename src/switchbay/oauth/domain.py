"""What a verified token says, and what keys there are: the frozen types of the oauth room."""

from dataclasses import dataclass
from enum import StrEnum


class KeyPurpose(StrEnum):
    """What a key may sign. A token is believed only from a key of its own purpose."""

    APP_V1 = "app_v1"
    """Application tokens of version 1: long-lived, not published."""
    APP_V2 = "app_v2"
    """Application tokens of version 2: published as JSON Web Keys."""
    CONSUMER = "consumer"
    """Consumer tokens: long-lived, not published."""


APP_PURPOSES = frozenset({KeyPurpose.APP_V1, KeyPurpose.APP_V2})
CONSUMER_PURPOSES = frozenset({KeyPurpose.CONSUMER})


class KeyState(StrEnum):
    """Where a key is in its life. All three verify; only the active one signs; a retired key's row is gone."""

    NEXT = "next"
    ACTIVE = "active"
    RETIRING = "retiring"


@dataclass(frozen=True, slots=True)
class AppToken:
    """A verified application token (the AppJWT). ``expires_at`` in epoch milliseconds."""

    account_id: str
    client_id: str
    installation_id: str
    scope: frozenset[str]
    expires_at: int


@dataclass(frozen=True, slots=True)
class ConsumerToken:
    """A verified consumer token (the ConsumerJWS). ``expires_at`` in epoch milliseconds."""

    account_id: str
    ext_consumer_id: str
    consumer_id: str
    expires_at: int


@dataclass(frozen=True, slots=True)
class IssuedAppToken:
    """A fresh application token and what its answer tells the client. ``expires_in`` in seconds."""

    access_token: str
    expires_in: int
    scope: str
