"""What a verified token says, and what keys there are: the frozen types of the oauth room."""

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, TypeAlias


class KeyPurpose(StrEnum):
    """What a key may sign. A token is believed only from a key of its own purpose."""

    APP_V1 = "app_v1"
    """Application tokens of version 1: long-lived, not published."""
    APP_V2 = "app_v2"
    """Application tokens of version 2: published as JSON Web Keys."""
    CONSUMER = "consumer"
    """Consumer tokens: long-lived, not published."""
    OIDC = "oidc"
    """ID tokens and access tokens by RFC 9068, logout tokens: published, and rotated by schedule."""


APP_PURPOSES = frozenset({KeyPurpose.APP_V1, KeyPurpose.APP_V2})
CONSUMER_PURPOSES = frozenset({KeyPurpose.CONSUMER})


class Algorithm(StrEnum):
    """How a token is signed (RFC 7518 §3.1)."""

    RS256 = "RS256"
    ES256 = "ES256"


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


class Face(StrEnum):
    """The two sets of addresses under which one server speaks."""

    SENTINEL = "sentinel"
    """The paths of existing clients, with the literal issuer ``Sentinel``."""
    OIDC = "oidc"
    """The standards: an https issuer per account, with discovery."""
    PAGE = "page"
    """No app at all: a page of our own asks for a login (``sign_in``). Never the face of a grant."""


Version: TypeAlias = Literal["v1", "v2", "oidc"]
"""Which kind of tokens an answer has: opaque or signed on the old paths, by RFC 9068 on the standards'."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What an account's administrators decide about its authorization server."""

    implicit_enabled: bool = False
    token_algorithm: Algorithm = Algorithm.RS256
    resources: frozenset[str] = frozenset()
    """Resource indicators (RFC 8707) that tokens may be asked for, besides the issuer itself."""
    registration: Literal["off", "token"] = "token"
    """Whether apps may register themselves (RFC 7591) with an initial access token."""


@dataclass(frozen=True, slots=True)
class Grant:
    """One act of authorization by a user: the family of everything that is issued from it. Times in epoch milliseconds.

    ``session_id`` is the login session (``sid`` in tokens); ``auth_time`` when the user proved who they are, ``amr``
    how (RFC 8176).
    """

    account_id: str
    grant_id: str
    client_id: str
    user_id: str
    session_id: str | None
    face: Face
    scope: frozenset[str]
    resources: tuple[str, ...]
    auth_time: int
    amr: tuple[str, ...]
    created_at: int
    expires_at: int
    revoked_at: int | None = None


@dataclass(frozen=True, slots=True)
class Code:
    """An authorization code as stored, without its text."""

    account_id: str
    code_hash: bytes
    grant_id: str
    client_id: str
    redirect_uri: str
    redirect_uri_given: bool
    code_challenge: str | None
    nonce: str | None
    created_at: int
    expires_at: int
    used_at: int | None = None


def digest(secret: str) -> bytes:
    """What is stored of a code or a token. They have 256 random bits, so a fast hash is enough."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
