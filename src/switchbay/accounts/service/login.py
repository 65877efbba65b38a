"""Login, the sessions it opens, and the throttle that failed logins run into (``domain.throttle`` has the rules)."""

import hmac
from dataclasses import dataclass

import structlog

from switchbay.accounts import errors
from switchbay.accounts.domain.names import given_password, login_key
from switchbay.accounts.domain.people import Actor, Principal, User, actor_of, checked_address
from switchbay.accounts.domain.sessions import (
    BEARER_BYTES,
    CSRF_BYTES,
    Login,
    Session,
    bearer_from,
    fingerprint,
)
from switchbay.accounts.domain.throttle import (
    ANY,
    KNOWN_NETWORK_MS,
    NONE,
    SECOND_MS,
    Place,
    after_failure,
    forgiven,
    hash_name,
    network_of,
    places,
    wait_ms,
)
from switchbay.accounts.service.means import Means, UseCases
from switchbay.accounts.service.passwords import LoginQueue
from switchbay.accounts.store import accounts as accounts_store
from switchbay.accounts.store import sessions as store
from switchbay.accounts.store import throttle as throttle_store
from switchbay.accounts.store import users as users_store
from switchbay.accounts.store.audit import record_audit
from switchbay.infra.db import Tx
from switchbay.kit.ids import is_account_id
from switchbay.kit.secret import Secret

_log = structlog.get_logger("accounts.login")
_SYSTEM = "login"


@dataclass(frozen=True, slots=True)
class _Attempt:
    """A login that is being tried: whose, from where, and where its failure would be counted."""

    account_id: str
    key: str
    network: str
    address: str | None
    stored: users_store.StoredUser | None
    places: tuple[Place, ...]
    wait_ms: int


class Logins(UseCases):
    """Opens, recognises, prolongs and ends sessions."""

    def __init__(self, means: Means) -> None:
        super().__init__(means)
        self._queue = LoginQueue(means.passwords.threads)

    @property
    def session_ms(self) -> int:
        """How long a session lives after its login and after each refresh, in milliseconds."""
        return self._means.session_ms

    def now_ms(self) -> int:
        """The server's clock, which a login answers."""
        return self._means.clock.now_ms()

    async def login(self, account_id: str, login_name: str, password: Secret, address: str | None) -> Login:
        """Open a session for the user with this password.

        Raises ``name_invalid`` and ``password_invalid`` for what cannot be either, ``login_failed`` (the same answer
        after the same work for an unknown user, a disabled one and a wrong password), ``login_throttled``,
        ``login_busy``.
        """
        key = login_key(login_name)
        given = given_password(password)
        if not is_account_id(account_id):
            raise errors.login_failed()
        network = network_of(address)
        address = checked_address(address)
        async with self._queue.turn(network):
            attempt = await self._begin(account_id, key, network, address)
            if attempt.wait_ms:
                raise errors.login_throttled(-(-attempt.wait_ms // SECOND_MS))
            stored = attempt.stored
            right = await self._means.passwords.check(stored.password_hash if stored else None, given)
            if not right or stored is None or not stored.user.enabled:
                await self._count_failure(attempt)
                raise errors.login_failed()
            return await self._open(attempt, stored, given)

    async def _begin(self, account_id: str, key: str, network: str, address: str | None) -> _Attempt:
        now = self._means.clock.now_ms()

        async def load(tx: Tx) -> _Attempt:
            # Whether an account exists is no secret: the directory of services tells it to everybody.
            if await accounts_store.find_account(tx, account_id) is None:
                raise errors.login_failed()
            stored = await users_store.find_by_login(tx, account_id, key)
            since = now - KNOWN_NETWORK_MS
            known = stored is not None and await throttle_store.is_known(
                tx, account_id, int(stored.user.user_id), network, since
            )
            measured = places(hash_name(key), network, network_is_known=known)
            counts = await throttle_store.load_failures(tx, account_id, measured)
            wait = max(wait_ms(failures, now) for failures in counts.values())
            return _Attempt(account_id, key, network, address, stored, measured, wait)

        return await self._means.db.read(load)

    async def _count_failure(self, attempt: _Attempt) -> None:
        now = self._means.clock.now_ms()
        limits = self._means.limits

        async def count(tx: Tx) -> int:
            before = await throttle_store.lock_failures(tx, attempt.account_id, attempt.places)
            after = {
                place: after_failure(failures, limits.free(place), limits, now) for place, failures in before.items()
            }
            await throttle_store.save_failures(tx, attempt.account_id, after)
            wait = max(wait_ms(failures, now) for failures in after.values())
            if wait and attempt.stored is not None:
                await record_audit(
                    tx,
                    account_id=attempt.account_id,
                    actor=Actor("system", _SYSTEM, _SYSTEM, attempt.address),
                    action="user.login_throttled",
                    object_type="user",
                    object_id=attempt.stored.user.user_id,
                    at=now,
                    detail={"wait_seconds": wait // SECOND_MS},
                )
            return wait

        wait = await self._means.db.write(count)
        _log.info(
            "login failed", account_id=attempt.account_id, network=attempt.network, wait_seconds=wait // SECOND_MS
        )

    async def _open(self, attempt: _Attempt, checked: users_store.StoredUser, password: Secret) -> Login:
        means = self._means
        now = means.clock.now_ms()
        bearer = Secret(means.randomness.token(BEARER_BYTES))
        csrf = Secret(means.randomness.token(CSRF_BYTES))
        session = Session(
            account_id=attempt.account_id,
            session_id=means.randomness.sortable_id("ses", now),
            user_id=checked.user.user_id,
            created_at=now,
            expires_at=now + means.session_ms,
            address=attempt.address,
        )
        new_hash: str | None = None
        if means.passwords.is_outdated(checked.password_hash):
            new_hash = await means.passwords.hash(password)

        async def store_session(tx: Tx) -> User:
            number = int(checked.user.user_id)
            current = await users_store.lock_user(tx, attempt.account_id, number)
            if current is None or not current.user.enabled or current.password_hash != checked.password_hash:
                raise errors.login_failed()  # disabled, or given another password, while this one was being checked
            if new_hash is not None:
                await users_store.save_user(tx, users_store.StoredUser(current.user, current.login_key, new_hash))
            await store.insert_session(tx, session, fingerprint(bearer.reveal()), fingerprint(csrf.reveal()))
            await _forgive(tx, attempt)
            await throttle_store.know(tx, attempt.account_id, number, attempt.network, now)
            await _record(tx, "session.open", _principal(current.user, session), attempt.address, now)
            return current.user

        user = await means.db.write(store_session)
        return Login(bearer, csrf, session.expires_at, _principal(user, session))

    async def authenticate(self, account_id: str, authorization: str | None) -> Principal:
        """Recognise the user behind ``Bearer x`` or a bare ``x``.

        Raises ``session_missing``, and ``session_invalid`` for whatever is not a live session of this very account:
        the answer does not tell whether the account exists or whether the bearer is another account's.
        """
        token_hash = fingerprint(bearer_from(authorization))
        if not is_account_id(account_id):
            raise errors.session_invalid()
        now = self._means.clock.now_ms()
        live = await self._means.db.read(lambda tx: store.find_live(tx, account_id, token_hash, now))
        if live is None:
            raise errors.session_invalid()
        return live.principal

    async def refresh(self, account_id: str, authorization: str | None, csrf: Secret) -> int:
        """Start the session's lifetime anew and return when it ends now; the bearer stays the same.

        Raises ``session_missing``, ``session_invalid``, and ``csrf_invalid`` (403) while the session lives.
        """
        token_hash = fingerprint(bearer_from(authorization))
        if not is_account_id(account_id):
            raise errors.session_invalid()
        now = self._means.clock.now_ms()
        until = now + self._means.session_ms
        given = fingerprint(csrf.reveal())

        async def prolong(tx: Tx) -> None:
            live = await store.find_live(tx, account_id, token_hash, now)
            if live is None:
                raise errors.session_invalid()
            if not hmac.compare_digest(live.csrf_hash, given):
                raise errors.csrf_invalid()
            if not await store.prolong(tx, account_id, token_hash, now, until):
                raise errors.session_invalid()

        await self._means.db.write(prolong)
        return until

    async def logout(
        self, account_id: str, authorization: str | None, address: str | None, *, csrf: Secret | None = None
    ) -> None:
        """End the session. With ``csrf`` it must match: for callers that are known by a cookie only.

        Raises ``session_missing``, ``session_invalid``, ``csrf_invalid``.
        """
        token_hash = fingerprint(bearer_from(authorization))
        if not is_account_id(account_id):
            raise errors.session_invalid()
        now = self._means.clock.now_ms()

        async def end(tx: Tx) -> None:
            live = await store.find_live(tx, account_id, token_hash, now)
            if live is None:
                raise errors.session_invalid()
            if csrf is not None and not hmac.compare_digest(live.csrf_hash, fingerprint(csrf.reveal())):
                raise errors.csrf_invalid()
            if not await store.end_session(tx, account_id, token_hash):
                raise errors.session_invalid()
            await _record(tx, "session.close", live.principal, address, now)

        await self._means.db.write(end)


async def _forgive(tx: Tx, attempt: _Attempt) -> None:
    counts = await throttle_store.load_failures(tx, attempt.account_id, attempt.places)
    if all(failures == NONE for failures in counts.values()):
        return
    counts = await throttle_store.lock_failures(tx, attempt.account_id, attempt.places)
    own = counts[Place(hash_name(attempt.key), attempt.network)]
    cleared = {place: forgiven(failures, own) if place.name_hash == ANY else NONE for place, failures in counts.items()}
    await throttle_store.save_failures(tx, attempt.account_id, cleared)


def _principal(user: User, session: Session) -> Principal:
    return Principal(
        account_id=user.account_id,
        user_id=user.user_id,
        user_pid=user.user_pid,
        login_name=user.login_name,
        display_name=user.display_name,
        roles=user.roles,
        session_id=session.session_id,
    )


async def _record(tx: Tx, action: str, principal: Principal, address: str | None, now: int) -> None:
    await record_audit(
        tx,
        account_id=principal.account_id,
        actor=actor_of(principal, address),
        action=action,
        object_type="session",
        object_id=principal.session_id,
        at=now,
    )
