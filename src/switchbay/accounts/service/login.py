"""Login in one step or two, and the sessions it opens."""

import base64
import binascii
import hmac
from collections.abc import Collection
from dataclasses import dataclass, field

import msgspec

from switchbay.accounts import errors
from switchbay.accounts.domain.names import given_password, login_key
from switchbay.accounts.domain.people import Principal, User, actor_of, user_number
from switchbay.accounts.domain.sessions import (
    BEARER_BYTES,
    BY_PASSWORD,
    CSRF_BYTES,
    EndedSession,
    Login,
    SecondFactorNeeded,
    Session,
    bearer_from,
    fingerprint,
)
from switchbay.accounts.domain.throttle import network_of
from switchbay.accounts.service import attempts
from switchbay.accounts.service.attempts import Attempt
from switchbay.accounts.service.means import Means, UseCases
from switchbay.accounts.service.passwords import LoginQueue
from switchbay.accounts.service.second_factors import use_code
from switchbay.accounts.store import accounts as accounts_store
from switchbay.accounts.store import second_factors as factors_store
from switchbay.accounts.store import sessions as store
from switchbay.accounts.store import users as users_store
from switchbay.accounts.store.audit import record_audit
from switchbay.infra.db import Tx
from switchbay.kit.errors import AppError
from switchbay.kit.ids import is_account_id
from switchbay.kit.secret import Secret

TICKET_MS = 5 * 60 * 1_000
_LONGEST_TICKET = 1_024


class _Ticket(msgspec.Struct, frozen=True, array_like=True):
    """What a ticket holds, sealed: whose password was right, and when."""

    user_id: str
    password_changed_at: int
    at: int


_ticket_decoder = msgspec.json.Decoder(_Ticket)


@dataclass(frozen=True, slots=True)
class _NewSession:
    """A session that is about to be stored, and the secrets that its row has digests of."""

    session: Session
    bearer: Secret = field(repr=False)
    csrf: Secret = field(repr=False)


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

    async def login(
        self, account_id: str, login_name: str, password: Secret, address: str | None, *, code: Secret | None = None
    ) -> Login:
        """Open a session in one step; ``code`` is that of the second factor, for users who have one.

        Raises what ``begin_login`` and ``finish_login`` raise, and ``second_factor_missing``.
        """
        opened = await self.begin_login(account_id, login_name, password, address)
        if isinstance(opened, Login):
            return opened
        if code is None:
            raise errors.second_factor_missing()
        return await self.finish_login(account_id, opened.ticket, code, address)

    async def begin_login(
        self, account_id: str, login_name: str, password: Secret, address: str | None
    ) -> Login | SecondFactorNeeded:
        """Open a session for the user with this password, or ask for the code of their second factor.

        Raises ``name_invalid`` and ``password_invalid`` for what cannot be either, ``login_failed`` (the same answer
        after the same work for an unknown user, a disabled one and a wrong password), ``login_throttled``,
        ``login_busy``.
        """
        key = login_key(login_name)
        given = given_password(password)
        if not is_account_id(account_id):
            raise errors.login_failed()
        means = self._means
        async with self._queue.turn(network_of(address)):
            attempt, stored = await self._load(account_id, key, address)
            right = await means.passwords.check(stored.password_hash if stored else None, given)
            if not right or stored is None or not stored.user.enabled:
                now = means.clock.now_ms()
                await means.db.write(lambda tx: attempts.count_failure(tx, attempt, means.limits, now))
                raise errors.login_failed()
            new_hash = await means.passwords.hash(given) if means.passwords.is_outdated(stored.password_hash) else None
            return await self._password_was_right(attempt, stored, new_hash)

    async def _load(
        self, account_id: str, key: str, address: str | None
    ) -> tuple[Attempt, users_store.StoredUser | None]:
        now = self._means.clock.now_ms()

        async def load(tx: Tx) -> tuple[Attempt, users_store.StoredUser | None]:
            # Whether an account exists is no secret: the directory of services tells it to everybody.
            if await accounts_store.find_account(tx, account_id) is None:
                raise errors.login_failed()
            stored = await users_store.find_by_login(tx, account_id, key)
            attempt = await attempts.describe(tx, account_id, key, stored, address, now)
            await attempts.refuse_during_wait(tx, attempt, now)
            return attempt, stored

        return await self._means.db.read(load)

    async def _password_was_right(
        self, attempt: Attempt, checked: users_store.StoredUser, new_hash: str | None
    ) -> Login | SecondFactorNeeded:
        now = self._means.clock.now_ms()
        new = self._new_session(checked.user, attempt.address, BY_PASSWORD, now)

        async def open_session(tx: Tx) -> Login | SecondFactorNeeded:
            number = int(checked.user.user_id)
            current = await users_store.lock_user(tx, attempt.account_id, number)
            if current is None or not current.user.enabled or current.password_hash != checked.password_hash:
                raise errors.login_failed()  # disabled, or given another password, while this one was being checked
            if new_hash is not None:
                await users_store.save_user(tx, users_store.StoredUser(current.user, current.login_key, new_hash))
            factor = await factors_store.find_factor(tx, attempt.account_id, number)
            if factor is not None and factor.confirmed_at is not None:
                return SecondFactorNeeded(self._ticket(current.user, now))
            return await _store(tx, new, current.user, attempt, now)

        return await self._means.db.write(open_session)

    async def finish_login(self, account_id: str, ticket: Secret, code: Secret, address: str | None) -> Login:
        """Open the session of a login whose password was right, with a code of the second factor or a recovery code.

        Raises ``login_ticket_invalid`` (it lives for five minutes), ``second_factor_invalid``, ``login_failed`` (the
        user was disabled or given another password meanwhile), ``login_throttled``.
        """
        now = self._means.clock.now_ms()
        claims = self._read_ticket(account_id, ticket, now)
        number = user_number(account_id, claims.user_id)

        async def finish(tx: Tx) -> Login | None:
            current = await users_store.lock_user(tx, account_id, number)
            if (
                current is None
                or not current.user.enabled
                or current.user.password_changed_at != claims.password_changed_at
            ):
                raise errors.login_failed()
            factor = await factors_store.find_factor(tx, account_id, number)
            if factor is None or factor.confirmed_at is None:
                raise errors.login_ticket_invalid()
            attempt = await attempts.describe(tx, account_id, current.login_key, current, address, now)
            await attempts.hold(tx, attempt, now)
            amr = await use_code(tx, self._means, factor, code, now)
            if amr is None:
                await attempts.count_failure(tx, attempt, self._means.limits, now)
                return None
            new = self._new_session(current.user, attempt.address, amr, now)
            return await _store(tx, new, current.user, attempt, now)

        opened = await self._means.db.write(finish)
        if opened is None:
            raise errors.second_factor_invalid()
        return opened

    async def open_session(self, account_id: str, user_id: str, address: str | None, amr: tuple[str, ...]) -> Login:
        """Open a session for a user whom somebody else has recognised. Raises ``user_unknown``, ``login_failed``."""
        number = user_number(account_id, user_id)
        now = self._means.clock.now_ms()

        async def open_session(tx: Tx) -> Login:
            current = await users_store.lock_user(tx, account_id, number)
            if current is None:
                raise errors.user_unknown()
            if not current.user.enabled:
                raise errors.login_failed()
            attempt = await attempts.describe(tx, account_id, current.login_key, current, address, now)
            new = self._new_session(current.user, attempt.address, amr, now)
            return await _store(tx, new, current.user, attempt, now)

        return await self._means.db.write(open_session)

    def _new_session(self, user: User, address: str | None, amr: tuple[str, ...], now: int) -> _NewSession:
        means = self._means
        session = Session(
            account_id=user.account_id,
            session_id=means.randomness.sortable_id("ses", now),
            user_id=user.user_id,
            created_at=now,
            expires_at=now + means.session_ms,
            address=address,
            amr=amr,
        )
        return _NewSession(
            session, Secret(means.randomness.token(BEARER_BYTES)), Secret(means.randomness.token(CSRF_BYTES))
        )

    def _ticket(self, user: User, now: int) -> Secret:
        claims = msgspec.json.encode(_Ticket(user.user_id, user.password_changed_at, now))
        sealed = self._means.vault.seal(claims, _ticket_context(user.account_id))
        return Secret(base64.urlsafe_b64encode(sealed).decode("ascii"))

    def _read_ticket(self, account_id: str, ticket: Secret, now: int) -> _Ticket:
        text = ticket.reveal()
        if len(text) > _LONGEST_TICKET or not text.isascii():
            raise errors.login_ticket_invalid()
        try:
            sealed = base64.urlsafe_b64decode(text)
            claims = _ticket_decoder.decode(self._means.vault.open_bytes(sealed, _ticket_context(account_id)))
        except (AppError, binascii.Error, msgspec.DecodeError) as error:
            raise errors.login_ticket_invalid() from error
        if now >= claims.at + TICKET_MS:
            raise errors.login_ticket_invalid()
        return claims

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

    async def live_sessions(self, account_id: str, session_ids: Collection[str]) -> set[str]:
        """Those of the sessions, at most 500, that are not over."""
        now = self._means.clock.now_ms()
        return await self._means.db.read(lambda tx: store.find_live_ids(tx, account_id, session_ids, now))

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
            ended = [EndedSession(live.principal.session_id, live.principal.user_id)]
            await self._means.session_ends.tell(tx, account_id, ended, "logout")
            await _record(tx, "session.close", live.principal, address, now)

        await self._means.db.write(end)


def _ticket_context(account_id: str) -> str:
    return f"login_ticket/{account_id}"


async def _store(tx: Tx, new: _NewSession, user: User, attempt: Attempt, now: int) -> Login:
    await store.insert_session(tx, new.session, fingerprint(new.bearer.reveal()), fingerprint(new.csrf.reveal()))
    await attempts.succeed(tx, attempt, now)
    principal = Principal(
        account_id=user.account_id,
        user_id=user.user_id,
        user_pid=user.user_pid,
        login_name=user.login_name,
        display_name=user.display_name,
        roles=user.roles,
        session_id=new.session.session_id,
        auth_time=new.session.created_at,
        amr=new.session.amr,
    )
    await _record(tx, "session.open", principal, attempt.address, now)
    return Login(new.bearer, new.csrf, new.session.expires_at, principal)


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
