"""Login at another OpenID provider: the way there, the way back, and who that is here."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec
import structlog

from switchbay.accounts.public import Accounts, Actor, Login, User, record_audit
from switchbay.infra.db import Database, Tx
from switchbay.infra.machine import Clock, Randomness
from switchbay.infra.memory import RecentCache
from switchbay.infra.vault import Vault
from switchbay.kit.errors import AppError, Kind
from switchbay.kit.ids import is_account_id
from switchbay.kit.jsonvalue import JsonValue
from switchbay.kit.secret import Secret
from switchbay.oauth.protocol.oidc_upstream import (
    IdToken,
    Provider,
    UpstreamTrouble,
    Wish,
    authorize_url,
    judge_claims,
    login_name_of,
    read_code,
    read_signed,
    token_request,
    verify_signature,
)
from switchbay.oauth.service.upstream_provider import Providers
from switchbay.oauth.store import upstreams as store
from switchbay.oauth.store.upstreams import Upstream, secret_context

LIFETIME_MS: Final = 1_800_000
"""How long the way to the provider and back may take."""
_FRESH_SECONDS: Final = 2.0
_MOST_ACCOUNTS: Final = 10_000
_CONTEXT: Final = "oauth/upstream_login"
_LONGEST_SEALED: Final = 2_000
_RANDOM_BYTES: Final = 32
_STATE_BYTES: Final = 16
_log = structlog.get_logger("oauth.upstream")


@dataclass(frozen=True, slots=True)
class Begun:
    """A login that was sent on its way. ``sealed`` stays in the browser, in a cookie named after ``state_id``."""

    url: str
    state_id: str
    sealed: str = field(repr=False)


class _Pending(msgspec.Struct, frozen=True, array_like=True):
    """What this server has to know again on the way back, sealed."""

    account_id: str
    upstream_id: str
    state_id: str
    transaction: bytes
    nonce: str
    verifier: str
    begun_at: int
    prompt: str | None
    max_age: int | None


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Pending).decode


def callback_of(origin: str, account_id: str, upstream_id: str) -> str:
    """The redirect URI of a provider: one of its own for each, so that no answer is taken for another's (RFC 9700)."""
    return f"{origin}/oidc/{account_id}/interaction/upstream/{upstream_id}/callback"


class UpstreamLogins:
    """Logs users in at other providers."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        randomness: Randomness,
        vault: Vault,
        accounts: Accounts,
        providers: Providers,
        *,
        origin: str,
    ) -> None:
        self._db = db
        self._clock = clock
        self._randomness = randomness
        self._vault = vault
        self._accounts = accounts
        self._providers = providers
        self._origin = origin
        self._recent: RecentCache[str, list[Upstream]] = RecentCache(
            self._read, clock, seconds=_FRESH_SECONDS, most=_MOST_ACCOUNTS
        )

    async def _read(self, account_id: str) -> list[Upstream] | None:
        return await self._db.read(lambda tx: store.list_upstreams(tx, account_id))

    def forget(self, account_id: str) -> None:
        """Read the account's providers again: they have changed."""
        self._recent.drop(account_id)

    async def offered(self, account_id: str) -> Sequence[tuple[str, str]]:
        """Ids and labels of the providers that the login page shows."""
        return [(upstream.upstream_id, upstream.label) for upstream in await self._enabled(account_id)]

    async def _enabled(self, account_id: str) -> list[Upstream]:
        found = await self._recent.find(account_id) if is_account_id(account_id) else None
        return [upstream for upstream in found or [] if upstream.enabled]

    async def _get(self, account_id: str, upstream_id: str) -> Upstream:
        for upstream in await self._enabled(account_id):
            if upstream.upstream_id == upstream_id:
                return upstream
        raise UpstreamTrouble("upstream_unknown", 404, "This way to log in is not offered any more.")

    # The way there

    async def begin(self, account_id: str, upstream_id: str, transaction: str, wish: Wish) -> Begun:
        """Where to send the browser. ``transaction``, sealed already, comes back with the provider's answer.

        Raises ``UpstreamTrouble``.
        """
        upstream = await self._get(account_id, upstream_id)
        provider = await self._providers.find(upstream.issuer)
        pending = _Pending(
            account_id=account_id,
            upstream_id=upstream_id,
            state_id=self._randomness.token(_STATE_BYTES),
            transaction=_digest(transaction),
            nonce=self._randomness.token(_RANDOM_BYTES),
            verifier=self._randomness.token(_RANDOM_BYTES),
            begun_at=self._clock.now_ms(),
            prompt=wish.prompt,
            max_age=wish.max_age,
        )
        url = authorize_url(
            provider,
            client_id=upstream.client_id,
            redirect_uri=callback_of(self._origin, account_id, upstream_id),
            scope=upstream.scope,
            state=f"{pending.state_id}.{transaction}",
            nonce=pending.nonce,
            verifier=pending.verifier,
            wish=wish,
        )
        sealed = base64.urlsafe_b64encode(self._vault.seal(_encode(pending), _CONTEXT)).rstrip(b"=").decode("ascii")
        return Begun(url, pending.state_id, sealed)

    # The way back

    async def finish(
        self,
        account_id: str,
        upstream_id: str,
        sealed: str,
        state: tuple[str, str],
        answer: Mapping[str, str],
        address: str | None,
    ) -> Login:
        """Open a session for the user whom the provider has recognised.

        ``sealed`` is what the browser kept, ``state`` the id and the transaction that came back, ``answer`` the
        parameters of the callback. Raises ``UpstreamTrouble``.
        """
        pending = self._open(account_id, upstream_id, sealed, state)
        upstream = await self._get(account_id, upstream_id)
        async with self._providers.turn():
            provider = await self._providers.find(upstream.issuer)
            token, access_token = await self._redeem(upstream, provider, pending, read_code(provider, answer))
            user_id = await self._recognise(upstream, provider, token, access_token)
        try:
            return await self._accounts.open_session(account_id, user_id, address, token.amr)
        except AppError as error:
            if error.kind in {Kind.UNAUTHENTICATED, Kind.NOT_FOUND}:
                raise _may_not_log_in(user_id) from error
            raise

    def _open(self, account_id: str, upstream_id: str, sealed: str, state: tuple[str, str]) -> _Pending:
        state_id, transaction = state
        pending: _Pending | None = None
        if len(sealed) <= _LONGEST_SEALED and sealed.isascii():
            try:
                data = base64.b64decode(sealed + "=" * (-len(sealed) % 4), altchars=b"-_", validate=True)
                pending = _decode(self._vault.open_bytes(data, _CONTEXT))
            except (AppError, binascii.Error, msgspec.MsgspecError):
                pending = None
        if (
            pending is None
            or (pending.account_id, pending.upstream_id, pending.state_id) != (account_id, upstream_id, state_id)
            or not hmac.compare_digest(pending.transaction, _digest(transaction))
            or self._clock.now_ms() - pending.begun_at >= LIFETIME_MS
        ):
            message = "This login was not begun in this browser, took too long, or was finished before."
            raise UpstreamTrouble("upstream_state_invalid", 403, message)
        return pending

    async def _redeem(
        self, upstream: Upstream, provider: Provider, pending: _Pending, code: Secret
    ) -> tuple[IdToken, Secret | None]:
        secret = self._vault.open(upstream.sealed, secret_context(upstream.account_id, upstream.upstream_id))
        headers, body = token_request(
            provider,
            client_id=upstream.client_id,
            client_secret=secret,
            code=code,
            redirect_uri=callback_of(self._origin, upstream.account_id, upstream.upstream_id),
            verifier=pending.verifier,
        )
        text, access_token = await self._providers.redeem(provider, headers, body)
        signed = read_signed(text)
        verify_signature(signed, await self._providers.keys_for(provider, signed))
        token = judge_claims(
            signed.payload,
            issuer=provider.issuer,
            client_id=upstream.client_id,
            nonce=pending.nonce,
            begun_at=pending.begun_at,
            now=self._clock.now_ms(),
            wish=Wish(prompt=pending.prompt, max_age=pending.max_age),
        )
        return token, access_token

    # Who that is here

    async def _recognise(
        self, upstream: Upstream, provider: Provider, token: IdToken, access_token: Secret | None
    ) -> str:
        """The id of the user who is this subject; the first time, by the login name in the claims."""
        account_id, upstream_id = upstream.account_id, upstream.upstream_id
        known = await self._db.read(lambda tx: store.find_linked_user(tx, account_id, upstream_id, token.subject))
        if known is not None:
            return known
        claims = token.claims
        login_name = login_name_of(claims, upstream.login_claim)
        if login_name is None and provider.userinfo_endpoint is not None and access_token is not None:
            claims = await self._providers.userinfo(provider.userinfo_endpoint, access_token, token.subject)
            login_name = login_name_of(claims, upstream.login_claim)
        if login_name is None:
            message = "The company's login service did not tell the name by which you are known here."
            raise UpstreamTrouble("upstream_claim_missing", 403, message, claim=upstream.login_claim)
        try:
            user = await self._find_or_create(upstream, login_name, claims)
        except AppError as error:
            if error.kind is not Kind.INVALID:
                raise
            message = "The name that the company's login service tells of you cannot be a user name here."
            raise UpstreamTrouble("upstream_claim_missing", 403, message, claim=upstream.login_claim) from error
        if not user.enabled:
            raise _may_not_log_in(user.user_id)
        await self._link(upstream, token.subject, user)
        return user.user_id

    async def _find_or_create(self, upstream: Upstream, login_name: str, claims: Mapping[str, JsonValue]) -> User:
        user = await self._accounts.find_user_by_login(upstream.account_id, login_name)
        if user is not None:
            return user
        if not upstream.create_roles:
            message = "Nobody here has the name that the company's login service tells of you. Ask an administrator."
            raise UpstreamTrouble("upstream_user_unknown", 403, message, login_name=login_name)
        password = Secret(self._randomness.token(_RANDOM_BYTES))  # that nobody knows
        display_name = claims.get("name")
        for name in (display_name if isinstance(display_name, str) else None, None):
            try:
                return await self._accounts.create_user(
                    upstream.account_id,
                    login_name,
                    password,
                    upstream.create_roles,
                    _actor(upstream),
                    display_name=name,
                )
            except AppError as error:
                if error.code == "user_exists":  # another login of theirs was faster
                    break
                if error.code != "name_invalid" or name is None:
                    raise
        user = await self._accounts.find_user_by_login(upstream.account_id, login_name)
        if user is None:
            raise AssertionError("a login name that is taken has its user")
        return user

    async def _link(self, upstream: Upstream, subject: str, user: User) -> None:
        now = self._clock.now_ms()
        account_id, upstream_id = upstream.account_id, upstream.upstream_id

        async def link(tx: Tx) -> bool:
            current = await store.find_upstream(tx, account_id, upstream_id, hold=True)
            if current is None or not current.enabled:
                raise UpstreamTrouble("upstream_unknown", 404, "This way to log in is not offered any more.")
            if not await store.link_user(tx, account_id, upstream_id, subject, user.user_id, now):
                return await store.find_linked_user(tx, account_id, upstream_id, subject) == user.user_id
            await record_audit(
                tx,
                account_id=account_id,
                actor=_actor(upstream),
                action="user.upstream_link",
                object_type="user",
                object_id=user.user_id,
                at=now,
                detail={"upstream_id": upstream_id, "subject": subject},
            )
            return True

        if not await self._db.write(link):
            message = "Somebody else logs in under this name already. Ask an administrator."
            raise UpstreamTrouble("upstream_user_taken", 403, message, user_id=user.user_id, subject=subject)


def note(account_id: str, upstream_id: str, trouble: UpstreamTrouble) -> None:
    """Tell the operator's log why a login failed: the person saw a sentence only."""
    _log.warning(
        "login at another provider failed",
        account_id=account_id,
        upstream_id=upstream_id,
        code=trouble.code,
        **trouble.detail,
    )


def _actor(upstream: Upstream) -> Actor:
    return Actor("system", upstream.upstream_id, upstream.label)


def _may_not_log_in(user_id: str) -> UpstreamTrouble:
    return UpstreamTrouble("upstream_user_disabled", 403, "You may not log in here at present.", user_id=user_id)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
