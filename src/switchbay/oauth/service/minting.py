"""Makes the tokens of users: opaque and signed access tokens, ID tokens.

What is stored (opaque tokens) and what is signed (all others) happen at different moments: a row belongs into the
transaction that decides, a signature behind its commit. So an access token is drafted first, stored inside, and
finished afterwards.
"""

from dataclasses import dataclass
from typing import Protocol

from switchbay.accounts.public import Role, User
from switchbay.apps.public import Client
from switchbay.infra.db import Database, Tx
from switchbay.infra.machine import Randomness
from switchbay.kit.secret import Secret
from switchbay.oauth.domain import Algorithm, Face, Grant, KeyPurpose, Policy, Version, digest
from switchbay.oauth.errors import subject_gone
from switchbay.oauth.protocol import app_token, oidc_id_token, rfc9068_access_token
from switchbay.oauth.protocol.rfc6749_client_credentials import render_scope
from switchbay.oauth.service.keyring import KeyRing
from switchbay.oauth.store.tokens import StoredToken, TokenKind, insert_tokens

OPAQUE_BYTES = 32
REFRESH_BYTES = 72
_JTI_BYTES = 16


class Users(Protocol):
    """What tokens need of the accounts room."""

    async def find_user(self, account_id: str, user_id: str) -> User | None:
        """The user, at most two seconds old."""
        ...


class PolicyBook(Protocol):
    """Where an account's decisions about its authorization server are found."""

    async def get(self, account_id: str) -> Policy:
        """The policy, at most two seconds old."""
        ...


@dataclass(frozen=True, slots=True)
class MintedToken:
    """An access token as it goes out. ``expires_in`` in seconds."""

    token: str
    expires_in: int
    scope: str


@dataclass(frozen=True, slots=True)
class AccessDraft:
    """An access token that is not signed yet, or not stored yet."""

    grant: Grant
    version: Version
    scope: frozenset[str]
    resources: tuple[str, ...]
    iat: int
    opaque: Secret | None
    row: StoredToken | None


@dataclass(frozen=True, slots=True)
class RefreshDraft:
    """A refresh token and the row that stands for it."""

    token: Secret
    row: StoredToken


class Minter:
    """Makes tokens from grants. Whether the grant is alive is for the caller to ask."""

    def __init__(
        self,
        db: Database,
        randomness: Randomness,
        keys: KeyRing,
        policies: PolicyBook,
        users: Users,
        *,
        origin: str,
        token_seconds: int,
        id_token_seconds: int,
        refresh_token_seconds: int,
    ) -> None:
        self._db = db
        self._randomness = randomness
        self._keys = keys
        self._policies = policies
        self._users = users
        self._origin = origin
        self.token_seconds = token_seconds
        self._id_token_seconds = id_token_seconds
        self._refresh_token_seconds = refresh_token_seconds
        self.longest_seconds = max(token_seconds, id_token_seconds)

    def issuer(self, account_id: str, face: Face) -> str:
        """What the account's tokens say in ``iss``: never taken from a request."""
        return app_token.ISSUER if face is Face.SENTINEL else issuer_of(self._origin, account_id)

    async def prepare(self, grant: Grant, client: Client, version: Version) -> None:
        """Have the keys at hand that will sign, so that making or reading them cannot fail when a code is used up."""
        wanted = {await self._choose_id_token_algorithm(grant, client)}
        if version != "v1":
            wanted.add(await self._choose_access_algorithm(grant.account_id, version))
        for alg in wanted:
            await self._keys.get_signing_key(grant.account_id, KeyPurpose.OIDC, alg)

    # Access tokens

    async def mint_access_token(
        self,
        grant: Grant,
        client: Client,
        *,
        version: Version,
        scope: frozenset[str],
        resources: tuple[str, ...] = (),
        now: int,
    ) -> MintedToken:
        """An access token, stored on its own if it is an opaque one. The grant must have been committed."""
        draft = self.draft_access_token(grant, client, version=version, scope=scope, resources=resources, now=now)
        if draft.row is not None:
            await self._db.write(lambda tx: self.store(tx, draft))
        return await self.finish(draft)

    def draft_access_token(
        self,
        grant: Grant,
        client: Client,
        *,
        version: Version,
        scope: frozenset[str],
        resources: tuple[str, ...] = (),
        now: int,
    ) -> AccessDraft:
        """Decide what the token will be. ``resources`` is for the version ``oidc``; empty means the issuer itself."""
        if version != "v1":
            return AccessDraft(grant, version, scope, resources, client.iat(now), None, None)
        text = self._randomness.token(OPAQUE_BYTES)
        row = StoredToken(
            account_id=grant.account_id,
            token_hash=digest(text),
            kind=TokenKind.ACCESS,
            grant_id=grant.grant_id,
            client_id=grant.client_id,
            scope=scope,
            created_at=now,
            expires_at=now + self.token_seconds * 1000,
        )
        return AccessDraft(grant, version, scope, (), client.iat(now), Secret(text), row)

    async def store(self, tx: Tx, draft: AccessDraft) -> None:
        """Store what has to be stored of a draft."""
        if draft.row is not None:
            await insert_tokens(tx, (draft.row,))

    async def finish(self, draft: AccessDraft) -> MintedToken:
        """The token, after the transaction that stored it or its grant."""
        return MintedToken(await self._finish(draft), self.token_seconds, render_scope(draft.scope))

    async def _finish(self, draft: AccessDraft) -> str:
        if draft.opaque is not None:
            return draft.opaque.reveal()
        grant = draft.grant
        jti = f"{grant.grant_id}.{self._randomness.token(_JTI_BYTES)}"
        if draft.version == "v2":
            claims = rfc9068_access_token.make_sentinel_claims(grant, draft.scope, jti, draft.iat, self.token_seconds)
        else:
            issuer = self.issuer(grant.account_id, Face.OIDC)
            claims = rfc9068_access_token.make_user_claims(
                grant, issuer, draft.scope, draft.resources, jti, draft.iat, self.token_seconds
            )
        alg = await self._choose_access_algorithm(grant.account_id, draft.version)
        return await self._keys.sign(grant.account_id, KeyPurpose.OIDC, claims, alg=alg, typ=rfc9068_access_token.TYPE)

    async def mint_client_token(
        self, client: Client, scope: frozenset[str], resources: tuple[str, ...], now: int
    ) -> MintedToken:
        """An access token by RFC 9068 that a client gets for itself (RFC 6749 §4.4)."""
        account_id = client.account_id
        claims = rfc9068_access_token.make_client_claims(
            client.client_id,
            self.issuer(account_id, Face.OIDC),
            scope,
            resources,
            self._randomness.token(_JTI_BYTES),
            client.iat(now),
            self.token_seconds,
        )
        alg = await self.choose_algorithm(account_id)
        token = await self._keys.sign(account_id, KeyPurpose.OIDC, claims, alg=alg, typ=rfc9068_access_token.TYPE)
        return MintedToken(token, self.token_seconds, render_scope(scope))

    # Refresh tokens

    def draft_refresh_token(self, grant: Grant, now: int) -> RefreshDraft:
        """A refresh token; it counts once its row is stored. It keeps the whole scope of the grant."""
        text = self._randomness.token(REFRESH_BYTES)
        row = StoredToken(
            account_id=grant.account_id,
            token_hash=digest(text),
            kind=TokenKind.REFRESH,
            grant_id=grant.grant_id,
            client_id=grant.client_id,
            scope=grant.scope,
            created_at=now,
            expires_at=now + self._refresh_token_seconds * 1000,
        )
        return RefreshDraft(Secret(text), row)

    # ID tokens

    async def mint_id_token(
        self,
        grant: Grant,
        client: Client,
        *,
        nonce: str | None,
        access_token: str | None = None,
        code: str | None = None,
        now: int,
    ) -> str:
        """An ID token of the grant's face. Raises ``subject_gone`` when the user was deleted meanwhile."""
        user = await self._users.find_user(grant.account_id, grant.user_id)
        if user is None:
            raise subject_gone()
        claims = oidc_id_token.make_claims(
            grant,
            subject_of(user),
            self.issuer(grant.account_id, grant.face),
            client.iat(now),
            self._id_token_seconds,
            nonce=nonce,
            access_token=access_token,
            code=code,
        )
        alg = await self._choose_id_token_algorithm(grant, client)
        return await self._keys.sign(grant.account_id, KeyPurpose.OIDC, claims, alg=alg, typ=oidc_id_token.TYPE)

    async def _choose_id_token_algorithm(self, grant: Grant, client: Client) -> Algorithm:
        """What the client registered; else the account's choice, and for existing clients what they have always had."""
        if client.id_token_signed_response_alg in set(Algorithm):
            return Algorithm(client.id_token_signed_response_alg)
        return Algorithm.RS256 if grant.face is Face.SENTINEL else await self.choose_algorithm(grant.account_id)

    async def _choose_access_algorithm(self, account_id: str, version: Version) -> Algorithm:
        return Algorithm.RS256 if version == "v2" else await self.choose_algorithm(account_id)

    async def choose_algorithm(self, account_id: str) -> Algorithm:
        """The algorithm of the account's own choice."""
        return (await self._policies.get(account_id)).token_algorithm


def issuer_of(origin: str, account_id: str) -> str:
    """The issuer identifier of an account (OpenID Connect Discovery 1.0 §2)."""
    return f"{origin}/oidc/{account_id}"


def subject_of(user: User) -> oidc_id_token.Subject:
    """What tokens may tell about a user."""
    return oidc_id_token.Subject(user.user_id, user.login_name, user.display_name, Role.ADMIN in user.roles)
