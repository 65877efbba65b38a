"""Issuing and verifying application and consumer tokens."""

import hashlib
from dataclasses import dataclass, replace
from typing import Protocol

import structlog

from switchbay.apps.public import Client
from switchbay.infra.machine import Clock
from switchbay.infra.memory import BoundedCache
from switchbay.kit.secret import Secret
from switchbay.oauth.domain import (
    APP_PURPOSES,
    CONSUMER_PURPOSES,
    AppToken,
    ConsumerToken,
    IssuedAppToken,
    KeyPurpose,
)
from switchbay.oauth.errors import (
    app_token_invalid,
    app_token_missing,
    consumer_token_invalid,
    consumer_token_missing,
    scope_missing,
)
from switchbay.oauth.protocol import app_token, consumer_identity, rfc9068_access_token
from switchbay.oauth.protocol.rfc6749_client_authentication import Credentials
from switchbay.oauth.protocol.rfc6749_client_credentials import check_client, choose_scope, render_scope
from switchbay.oauth.protocol.rfc6749_errors import TokenRequestRefused, unauthorized_client
from switchbay.oauth.protocol.rfc6750_bearer import LONGEST_TOKEN, read_bearer
from switchbay.oauth.protocol.rfc7515_signature import JWT, TokenRefused, read_header
from switchbay.oauth.service.client_authentication import ClientAuthentication
from switchbay.oauth.service.keyring import KeyRing
from switchbay.oauth.service.minting import issuer_of
from switchbay.oauth.service.token_endpoint import audiences_of

YEAR_SECONDS = 31_536_000
REVERIFY_MS = 60_000
MOST_VERIFIED = 50_000
_OIDC_PURPOSES = frozenset({KeyPurpose.OIDC})
_TYPES = frozenset({JWT, rfc9068_access_token.TYPE})
_VERSIONS = {1: KeyPurpose.APP_V1, 2: KeyPurpose.APP_V2}
_log = structlog.get_logger("oauth")


class AccountDirectory(Protocol):
    """What this room asks the accounts room."""

    async def get_account(self, account_id: str) -> object:
        """The account; raises the error ``account_unknown``."""
        ...


class ClientDirectory(Protocol):
    """What this room asks the apps room."""

    async def find_client(self, account_id: str, client_id: str) -> Client | None:
        """The installed application with this client id, enabled or not."""
        ...


@dataclass(frozen=True, slots=True)
class _VerifiedApp:
    token: AppToken
    issued_at: int
    until: int


@dataclass(frozen=True, slots=True)
class _VerifiedConsumer:
    token: ConsumerToken
    until: int


class OAuth:
    """The authorization server's service.

    A verified token is remembered by its SHA-256 for at most a minute; then its key is looked up again, so that a key
    that was taken away stops verifying. Whether the application is still there and enabled is asked every time.
    """

    def __init__(
        self,
        keys: KeyRing,
        clock: Clock,
        accounts: AccountDirectory,
        apps: ClientDirectory,
        clients: ClientAuthentication,
        *,
        origin: str = "https://localhost:8443",
        token_seconds: int = 3_600,
        consumer_token_seconds: int = YEAR_SECONDS,
    ) -> None:
        self._origin = origin
        self._clock = clock
        self._accounts = accounts
        self._apps = apps
        self._clients = clients
        self._token_seconds = token_seconds
        self._consumer_token_seconds = consumer_token_seconds
        self._keys = keys
        self._app_tokens: BoundedCache[bytes, _VerifiedApp] = BoundedCache(MOST_VERIFIED)
        self._consumer_tokens: BoundedCache[bytes, _VerifiedConsumer] = BoundedCache(MOST_VERIFIED)

    # Issuing

    async def client_credentials(
        self, account_id: str, presented: Credentials, scope: str | None = None, *, version: int = 1
    ) -> IssuedAppToken:
        """An application token for the client that these credentials prove (RFC 6749 §4.4).

        Raises ``TokenRequestRefused``. Unknown account, unknown client and wrong secret are one answer.
        """
        client = await self.authenticate_client(account_id, presented)
        try:
            check_client(enabled=client.enabled, grant_types=client.grant_types)
            granted = choose_scope(scope, client.scope)
        except TokenRequestRefused as refused:
            detail = {} if scope is None else {"allowed": render_scope(client.scope), "scope": scope}
            raise refused.about(client.client_id, **detail) from None
        claims = app_token.make_claims(
            account_id, client.client_id, granted, client.iat(self._clock.now_ms()), self._token_seconds
        )
        signed = await self._keys.sign(account_id, _VERSIONS[version], claims)
        return IssuedAppToken(signed, self._token_seconds, render_scope(granted))

    async def authenticate_client(self, account_id: str, presented: Credentials) -> Client:
        """The client that these credentials prove, enabled or not. Raises ``TokenRequestRefused``."""
        audiences = audiences_of(self._origin, account_id)
        client = (await self._clients.check(account_id, presented, audiences=audiences)).client
        if client.is_public:
            refused = unauthorized_client("A public client cannot get tokens for itself.", "client_public")
            raise refused.about(client.client_id)
        return client

    async def consumer_identity(self, account_id: str, token: AppToken, ext_consumer_id: str | int) -> Secret:
        """A consumer token for the connector's own id of a consumer.

        Raises ``scope_missing`` and ``consumer_id_invalid``.
        """
        if token.account_id != account_id:
            raise app_token_invalid()
        if consumer_identity.SCOPE not in token.scope:
            raise scope_missing(consumer_identity.SCOPE)
        ext_id = consumer_identity.read_ext_consumer_id(ext_consumer_id)
        consumer_id = consumer_identity.make_consumer_id(await self._keys.get_identity_key(account_id), ext_id)
        claims = consumer_identity.make_claims(
            account_id, ext_id, consumer_id, self._clock.now_ms(), self._consumer_token_seconds
        )
        return Secret(await self._keys.sign(account_id, KeyPurpose.CONSUMER, claims))

    # Verifying

    async def verify_app_token(self, account_id: str, authorization: str | None) -> AppToken:
        """The application token in an ``Authorization`` header, with or without ``Bearer``.

        Raises ``app_token_missing`` and ``app_token_invalid``. A scope that the application has lost since is left out.
        """
        text = read_bearer(authorization)
        if not text:
            raise app_token_missing()
        if len(text) > LONGEST_TOKEN or not text.isascii():
            raise app_token_invalid()
        digest = hashlib.sha256(text.encode("ascii")).digest()
        verified = self._app_tokens.get(digest)
        now = self._clock.now_ms()
        if verified is None or now >= verified.until or verified.token.account_id != account_id:
            verified = await self._verify_app(account_id, text, now)
            self._app_tokens.put(digest, verified)
        token = verified.token
        client = await self._apps.find_client(account_id, token.client_id)
        if client is None or not client.enabled or not client.is_current(verified.issued_at):
            raise app_token_invalid()
        if client.installation_id == token.installation_id and token.scope <= client.scope:
            return token
        return replace(token, installation_id=client.installation_id, scope=token.scope & client.scope)

    async def _verify_app(self, account_id: str, text: str, now: int) -> _VerifiedApp:
        try:
            token, issued_at = await self._open_app(account_id, text, now)
        except TokenRefused as refused:
            _log.info("application token refused", reason=str(refused))
            raise app_token_invalid() from refused
        client = await self._apps.find_client(account_id, token.client_id)
        if client is None:
            _log.info("application token refused", reason="app_gone", account=account_id)
            raise app_token_invalid()
        token = replace(token, installation_id=client.installation_id)
        return _VerifiedApp(token, issued_at, min(token.expires_at, now + REVERIFY_MS))

    async def _open_app(self, account_id: str, text: str, now: int) -> tuple[AppToken, int]:
        """The token, of an installation that is not known yet, and when it was issued in epoch milliseconds.

        A type goes with its own keys only: an ID token has the type of an application token and is none.
        """
        if read_header(text, _TYPES).typ == JWT:
            app = app_token.judge_claims(await self._keys.open(account_id, text, APP_PURPOSES), account_id, now)
            return AppToken(account_id, app.azp, "", frozenset(app.scope.split()), app.exp * 1000), app.iat * 1000
        issuer = issuer_of(self._origin, account_id)
        payload = await self._keys.open(account_id, text, _OIDC_PURPOSES, typ=frozenset({rfc9068_access_token.TYPE}))
        claims = rfc9068_access_token.judge_claims(payload, account_id, issuer, now)
        if not claims.is_of_client:
            raise TokenRefused("token_of_a_user")
        if issuer not in claims.audiences:
            raise TokenRefused("audience_wrong")
        token = AppToken(account_id, claims.client, "", frozenset(claims.scope.split()), claims.exp * 1000)
        return token, claims.iat * 1000

    async def verify_consumer_token(self, account_id: str, header: str | None) -> ConsumerToken:
        """The consumer token in an ``X-LP-ON-BEHALF`` header, with or without ``Bearer``.

        Raises ``consumer_token_missing`` and ``consumer_token_invalid``.
        """
        text = read_bearer(header)
        if not text:
            raise consumer_token_missing()
        if len(text) > LONGEST_TOKEN or not text.isascii():
            raise consumer_token_invalid()
        digest = hashlib.sha256(text.encode("ascii")).digest()
        verified = self._consumer_tokens.get(digest)
        now = self._clock.now_ms()
        if verified is None or now >= verified.until or verified.token.account_id != account_id:
            verified = await self._verify_consumer(account_id, text, now)
            self._consumer_tokens.put(digest, verified)
        return verified.token

    async def _verify_consumer(self, account_id: str, text: str, now: int) -> _VerifiedConsumer:
        try:
            payload = await self._keys.open(account_id, text, CONSUMER_PURPOSES)
            claims = consumer_identity.judge_claims(payload, account_id, now)
        except TokenRefused as refused:
            _log.info("consumer token refused", reason=str(refused))
            raise consumer_token_invalid() from refused
        token = ConsumerToken(account_id, claims.ext_consumer_id, claims.lp_consumer_id, claims.exp * 1000)
        return _VerifiedConsumer(token, min(token.expires_at, now + REVERIFY_MS))
