"""Turning a code or a refresh token into tokens: load, decide, store, and sign after the commit.

Which of several uses of a code or a refresh token is the first is decided by one atomic update in the database, so that
it holds over any number of nodes. What the others mean is decided in the same transaction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

import structlog

from switchbay.apps.public import Client
from switchbay.infra.db import Database, Tx
from switchbay.infra.machine import Clock
from switchbay.infra.vault import Vault
from switchbay.kit.jsonvalue import JsonValue
from switchbay.kit.secret import Secret
from switchbay.oauth.domain import Code, Face, Grant, Version
from switchbay.oauth.protocol import rfc6749_authorization_code, rfc6749_refresh_token
from switchbay.oauth.protocol.rfc6749_authorization import allowed_scope
from switchbay.oauth.protocol.rfc6749_errors import TokenRequestRefused, unauthorized_client
from switchbay.oauth.protocol.rfc6749_refresh_token import Use, judge_use
from switchbay.oauth.protocol.rfc8707_resource import choose_resources
from switchbay.oauth.service.liveness import Liveness
from switchbay.oauth.service.minting import AccessDraft, MintedToken, Minter, RefreshDraft
from switchbay.oauth.store.codes import consume_code, find_code
from switchbay.oauth.store.grants import extend_grant, find_grant, revoke_grants
from switchbay.oauth.store.tokens import StoredToken, TokenKind, find_token, insert_tokens, rotate_token

_log = structlog.get_logger("oauth")


@dataclass(frozen=True, slots=True)
class Issued:
    """What a token request gets."""

    access: MintedToken
    refresh_token: Secret | None = None
    id_token: str | None = None

    def body(self) -> dict[str, JsonValue]:
        """The JSON body of the answer (RFC 6749 §5.1, OpenID Connect Core 1.0 §3.1.3.3)."""
        body: dict[str, JsonValue] = {"access_token": self.access.token, "token_type": "Bearer"}
        if self.refresh_token is not None:
            body["refresh_token"] = self.refresh_token.reveal()
        if self.id_token is not None:
            body["id_token"] = self.id_token
        return {**body, "expires_in": self.access.expires_in, "scope": self.access.scope}


class _Lost(Enum):
    """Why a code or token that looked good was not consumed after all."""

    REPLAYED = "replayed"
    GONE = "gone"


class Redeeming:
    """The grants ``authorization_code`` and ``refresh_token``, for a client that has been authenticated."""

    def __init__(
        self, db: Database, clock: Clock, vault: Vault, minter: Minter, liveness: Liveness, *, grace_seconds: int
    ) -> None:
        self._db = db
        self._clock = clock
        self._vault = vault
        self._minter = minter
        self._liveness = liveness
        self._grace_ms = grace_seconds * 1000

    # Codes

    async def redeem_code(
        self, client: Client, face: Face, version: Version, parameters: Mapping[str, str], resources: Sequence[str]
    ) -> Issued:
        """Tokens for an authorization code. Raises ``TokenRequestRefused``."""
        _check_grant_type(client, rfc6749_authorization_code.GRANT)
        request = rfc6749_authorization_code.read_request(parameters)
        now = self._clock.now_ms()

        async def load(tx: Tx) -> tuple[Code | None, Grant | None]:
            found = await find_code(tx, client.account_id, request.code_hash)
            return found, None if found is None else await find_grant(tx, client.account_id, found.grant_id)

        found, grant = await self._db.read(load)
        if found is not None and rfc6749_authorization_code.is_replay(found, client.client_id):
            await self._end_family(client, found.grant_id, now, "code_replayed")
            raise rfc6749_authorization_code.refused("code_replayed")
        code = rfc6749_authorization_code.check_code(found, request, client.client_id, now)
        dead = await self._liveness.why_dead(grant, client)
        if grant is None or dead is not None:
            raise rfc6749_authorization_code.refused(dead or "grant_gone")
        if grant.face is not face:
            raise rfc6749_authorization_code.refused("face_wrong", expected=grant.face.value, got=face.value)
        scope = grant.scope & allowed_scope(client)
        access = self._draft(grant, client, version, scope, resources, now)
        refresh = self._minter.draft_refresh_token(grant, now) if _may_refresh(client) else None
        await self._minter.prepare(grant, client, version)

        async def consume(tx: Tx) -> _Lost | None:
            if await consume_code(tx, client.account_id, request.code_hash, now):
                await self._store(tx, access, refresh, now)
                return None
            current = await find_code(tx, client.account_id, request.code_hash)
            if current is None or current.used_at is None:
                return _Lost.GONE
            await revoke_grants(tx, client.account_id, at=now, reason="code_replayed", grant_id=current.grant_id)
            return _Lost.REPLAYED

        lost = await self._db.write(consume)
        if lost is _Lost.REPLAYED:
            self._tell_replay(client, "code_replayed")
            raise rfc6749_authorization_code.refused("code_replayed")
        if lost is _Lost.GONE:
            raise rfc6749_authorization_code.refused("code_expired")
        return await self._finish(grant, client, access, None if refresh is None else refresh.token, code.nonce, now)

    # Refresh tokens

    async def refresh(
        self, client: Client, face: Face, version: Version, parameters: Mapping[str, str], resources: Sequence[str]
    ) -> Issued:
        """New tokens for a refresh token, and its successor. Raises ``TokenRequestRefused``."""
        _check_grant_type(client, rfc6749_refresh_token.GRANT)
        request = rfc6749_refresh_token.read_request(parameters)
        now = self._clock.now_ms()
        grant = await self._load_refreshable(client, face, request.token_hash, now)
        scope = rfc6749_refresh_token.narrow_scope(request.scope, grant.scope, allowed_scope(client))
        access = self._draft(grant, client, version, scope, resources, now)
        successor = self._minter.draft_refresh_token(grant, now)
        context = _successor_context(client.account_id, request.token_hash)
        sealed = self._vault.seal(successor.token, context)
        await self._minter.prepare(grant, client, version)

        async def rotate(tx: Tx) -> _Lost | bytes:
            if await rotate_token(tx, client.account_id, request.token_hash, now, sealed):
                await self._store(tx, access, successor, now)
                return sealed
            lost = await self._judge_second_use(tx, client, request.token_hash, now)
            if isinstance(lost, bytes):
                await self._store(tx, access, None, now)
            return lost

        outcome = await self._db.write(rotate)
        if outcome is _Lost.REPLAYED:
            self._tell_replay(client, "refresh_token_replayed")
            raise rfc6749_refresh_token.refused("refresh_token_replayed")
        if isinstance(outcome, _Lost):
            raise rfc6749_refresh_token.refused("refresh_token_gone")
        return await self._finish(grant, client, access, self._vault.open(outcome, context), None, now)

    async def _load_refreshable(self, client: Client, face: Face, token_hash: bytes, now: int) -> Grant:
        """The grant of a refresh token that this client may use now, unless somebody is faster."""

        async def load(tx: Tx) -> tuple[StoredToken | None, Grant | None]:
            found = await find_token(tx, client.account_id, token_hash)
            return found, None if found is None else await find_grant(tx, client.account_id, found.grant_id)

        token, grant = await self._db.read(load)
        if token is None or token.kind is not TokenKind.REFRESH:
            raise rfc6749_refresh_token.refused("refresh_token_unknown")
        if token.client_id != client.client_id:
            raise rfc6749_refresh_token.refused("refresh_token_of_another_client")
        if judge_use(token.used_at, now, self._grace_ms) is Use.REPLAY:
            await self._end_family(client, token.grant_id, now, "refresh_token_replayed")
            raise rfc6749_refresh_token.refused("refresh_token_replayed")
        if now >= token.expires_at:
            raise rfc6749_refresh_token.refused("refresh_token_expired")
        dead = await self._liveness.why_dead(grant, client)
        if grant is None or dead is not None:
            raise rfc6749_refresh_token.refused(dead or "grant_gone")
        if grant.face is not face:
            raise rfc6749_refresh_token.refused("face_wrong", expected=grant.face.value, got=face.value)
        return grant

    async def _judge_second_use(self, tx: Tx, client: Client, token_hash: bytes, now: int) -> _Lost | bytes:
        """The sealed successor of a token that was used a moment ago; else why there is none, and the family ends."""
        current = await find_token(tx, client.account_id, token_hash)
        if current is None or current.used_at is None or current.successor is None:
            return _Lost.GONE
        grant = await find_grant(tx, client.account_id, current.grant_id)
        if grant is None or grant.revoked_at is not None:
            return _Lost.GONE
        if judge_use(current.used_at, now, self._grace_ms) is Use.REPLAY:
            await revoke_grants(
                tx, client.account_id, at=now, reason="refresh_token_replayed", grant_id=current.grant_id
            )
            return _Lost.REPLAYED
        return current.successor

    # What both do

    def _draft(
        self,
        grant: Grant,
        client: Client,
        version: Version,
        scope: frozenset[str],
        resources: Sequence[str],
        now: int,
    ) -> AccessDraft:
        granted = grant.resources or (self._minter.issuer(grant.account_id, Face.OIDC),)
        audience = choose_resources(resources, granted, granted) if version == "oidc" else ()
        return self._minter.draft_access_token(grant, client, version=version, scope=scope, resources=audience, now=now)

    async def _store(self, tx: Tx, access: AccessDraft, refresh: RefreshDraft | None, now: int) -> None:
        await self._minter.store(tx, access)
        until = now + self._minter.longest_seconds * 1000
        if refresh is not None:
            await insert_tokens(tx, (refresh.row,))
            until = max(until, refresh.row.expires_at)
        await extend_grant(tx, access.grant.account_id, access.grant.grant_id, until)

    async def _finish(
        self, grant: Grant, client: Client, draft: AccessDraft, refresh: Secret | None, nonce: str | None, now: int
    ) -> Issued:
        access = await self._minter.finish(draft)
        if grant.face is Face.OIDC and "openid" not in draft.scope:
            return Issued(access, refresh)
        id_token = await self._minter.mint_id_token(grant, client, nonce=nonce, access_token=access.token, now=now)
        return Issued(access, refresh, id_token)

    async def _end_family(self, client: Client, grant_id: str, now: int, reason: str) -> None:
        async def end(tx: Tx) -> None:
            await revoke_grants(tx, client.account_id, at=now, reason=reason, grant_id=grant_id)

        await self._db.write(end)
        self._tell_replay(client, reason)

    def _tell_replay(self, client: Client, reason: str) -> None:
        _log.warning("all tokens of a grant revoked", account=client.account_id, app=client.client_id, reason=reason)


def _may_refresh(client: Client) -> bool:
    return rfc6749_refresh_token.GRANT in client.grant_types


def _check_grant_type(client: Client, grant_type: str) -> None:
    if grant_type not in client.grant_types:
        raise _not_allowed(client, grant_type)


def _not_allowed(client: Client, grant_type: str) -> TokenRequestRefused:
    refused = unauthorized_client(f"The application may not use the grant {grant_type}.", "grant_not_allowed")
    return refused.about(client.client_id, expected=" ".join(sorted(client.grant_types)), got=grant_type)


def _successor_context(account_id: str, token_hash: bytes) -> str:
    return f"oauth_tokens/{account_id}/{token_hash.hex()}/successor"
