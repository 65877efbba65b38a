"""What a token is that somebody shows: found among the stored ones or verified, and judged as of now."""

from dataclasses import dataclass, replace
from typing import Final, Protocol

import structlog

from switchbay.apps.public import Client
from switchbay.infra.db import Database, Tx
from switchbay.infra.machine import Clock
from switchbay.kit.ids import is_account_id
from switchbay.oauth.domain import APP_PURPOSES, Face, Grant, KeyPurpose, digest
from switchbay.oauth.protocol import app_token, rfc9068_access_token
from switchbay.oauth.protocol.rfc6749_authorization import allowed_scope
from switchbay.oauth.protocol.rfc6750_bearer import LONGEST_TOKEN
from switchbay.oauth.protocol.rfc7515_signature import TokenRefused
from switchbay.oauth.protocol.rfc7662_introspection import TokenState
from switchbay.oauth.service.keyring import KeyRing
from switchbay.oauth.service.liveness import Liveness
from switchbay.oauth.service.minting import Minter
from switchbay.oauth.store.grants import find_grant
from switchbay.oauth.store.tokens import StoredToken, TokenKind, find_token

_OIDC: Final = frozenset({KeyPurpose.OIDC})
_ACCESS_TYPES: Final = frozenset({rfc9068_access_token.TYPE})
_LONGEST_STORED: Final = 256
_DOTS_OF_JWT: Final = 2
_log = structlog.get_logger("oauth")


class Clients(Protocol):
    """What this asks the apps room."""

    async def find_client(self, account_id: str, client_id: str) -> Client | None:
        """The installed application with this client id, enabled or not; at most two seconds old."""
        ...


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A token of the account that counts now, and whom it was issued to.

    ``replaced``: a refresh token that has a successor. It still tells its family, but is not active any more.
    """

    state: TokenState
    client: Client
    grant: Grant | None
    replaced: bool = False


class IssuedTokens:
    """Finds out what a token is. Never believes anything that it has not looked up or verified."""

    def __init__(
        self, db: Database, clock: Clock, keys: KeyRing, clients: Clients, minter: Minter, liveness: Liveness
    ) -> None:
        self._db = db
        self._clock = clock
        self._keys = keys
        self._clients = clients
        self._minter = minter
        self._liveness = liveness

    async def find(self, account_id: str, text: str) -> IssuedToken | None:
        """The token, if it is one of this account, is not over, and nothing behind it was revoked."""
        if not is_account_id(account_id) or len(text) > LONGEST_TOKEN:
            return None
        try:
            if text.count(".") == _DOTS_OF_JWT:
                return await self._find_signed(account_id, text)
            return await self._find_stored(account_id, text)
        except TokenRefused as refused:
            _log.info("token not accepted", account=account_id, reason=str(refused))
            return None

    # Stored: opaque access tokens, refresh tokens

    async def _find_stored(self, account_id: str, text: str) -> IssuedToken | None:
        if len(text) > _LONGEST_STORED:
            return None

        async def load(tx: Tx) -> tuple[StoredToken | None, Grant | None]:
            found = await find_token(tx, account_id, digest(text))
            return found, None if found is None else await find_grant(tx, account_id, found.grant_id)

        token, grant = await self._db.read(load)
        if token is None or grant is None or self._clock.now_ms() >= token.expires_at:
            return None
        client = await self._alive(grant)
        issuer = self._minter.issuer(account_id, grant.face)
        state = TokenState(
            kind="access" if token.kind is TokenKind.ACCESS else "refresh",
            client_id=token.client_id,
            user_id=grant.user_id,
            grant_id=grant.grant_id,
            scope=token.scope & allowed_scope(client),
            issuer=issuer,
            audience=(account_id,) if grant.face is Face.SENTINEL else (issuer,),
            issued_at=token.created_at // 1000,
            expires_at=token.expires_at // 1000,
        )
        return IssuedToken(state, client, grant, replaced=token.used_at is not None)

    async def _alive(self, grant: Grant) -> Client:
        client = await self._clients.find_client(grant.account_id, grant.client_id)
        dead = await self._liveness.why_dead(grant, client)
        if dead is not None or client is None:
            raise TokenRefused(dead or "app_gone")
        return client

    # Signed: access tokens of users and of clients, application tokens

    async def _find_signed(self, account_id: str, text: str) -> IssuedToken | None:
        try:
            payload = await self._keys.open(account_id, text, _OIDC, typ=_ACCESS_TYPES)
        except TokenRefused:
            return await self._find_app_token(account_id, text)
        now = self._clock.now_ms()
        issuer = self._minter.issuer(account_id, Face.OIDC)
        claims = rfc9068_access_token.judge_claims(payload, account_id, issuer, now)
        if claims.is_of_client:
            return await self._of_client(account_id, _state_of(claims))
        grant = await self._db.read(lambda tx: find_grant(tx, account_id, claims.grant_id))
        if grant is None:
            raise TokenRefused("grant_gone")
        if (grant.user_id, grant.client_id) != (claims.sub, claims.client):
            raise TokenRefused("grant_of_another")
        client = await self._alive(grant)
        return IssuedToken(_state_of(claims, grant, allowed_scope(client)), client, grant)

    async def _find_app_token(self, account_id: str, text: str) -> IssuedToken | None:
        payload = await self._keys.open(account_id, text, APP_PURPOSES)
        claims = app_token.judge_claims(payload, account_id, self._clock.now_ms())
        state = TokenState(
            kind="access",
            client_id=claims.azp,
            user_id=None,
            grant_id=None,
            scope=frozenset(claims.scope.split()),
            issuer=claims.iss,
            audience=(claims.aud,),
            issued_at=claims.iat,
            expires_at=claims.exp,
        )
        return await self._of_client(account_id, state)

    async def _of_client(self, account_id: str, state: TokenState) -> IssuedToken:
        client = await self._clients.find_client(account_id, state.client_id)
        dead = self._liveness.why_client_dead(client, state.issued_at * 1000)
        if dead is not None or client is None:
            raise TokenRefused(dead or "app_gone")
        return IssuedToken(replace(state, scope=state.scope & client.scope), client, None)


def _state_of(
    claims: rfc9068_access_token.AccessClaims, grant: Grant | None = None, available: frozenset[str] | None = None
) -> TokenState:
    scope = frozenset(claims.scope.split())
    return TokenState(
        kind="access",
        client_id=claims.client,
        user_id=None if grant is None else grant.user_id,
        grant_id=None if grant is None else grant.grant_id,
        scope=scope if available is None else scope & available,
        issuer=claims.iss,
        audience=(claims.aud,) if isinstance(claims.aud, str) else tuple(claims.aud),
        issued_at=claims.iat,
        expires_at=claims.exp,
        jti=claims.jti,
    )
