"""Second factors: set up and confirmed by their user, used at the login, removed with a code or by an administrator.

Every check of a code runs into the same throttle as wrong passwords, inside one transaction that holds the counts, so
that guesses sent at once get no further than guesses sent one by one.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from switchbay.accounts import errors
from switchbay.accounts.domain.people import Actor, Principal, user_number
from switchbay.accounts.domain.second_factor import (
    RECENT_LOGIN_MS,
    RECOVERY_CODE_BYTES,
    RECOVERY_CODES,
    SECRET_BYTES,
    Enrolment,
    SecondFactorState,
    enrolment,
    matching_step,
    read_code,
    recovery_code_from,
    recovery_hash,
    without_recovery_code,
)
from switchbay.accounts.domain.sessions import BY_PASSWORD_AND_CODE, BY_PASSWORD_AND_RECOVERY_CODE
from switchbay.accounts.service import attempts
from switchbay.accounts.service.means import Means, UseCases
from switchbay.accounts.store import accounts as accounts_store
from switchbay.accounts.store import second_factors as store
from switchbay.accounts.store import users as users_store
from switchbay.accounts.store.audit import record_audit
from switchbay.infra.db import Tx
from switchbay.kit.secret import Secret


@dataclass(frozen=True, slots=True)
class _Held:
    """A locked user, their second factor, and the attempt that a code for it is."""

    user: users_store.StoredUser
    factor: store.StoredFactor
    attempt: attempts.Attempt
    now: int


class SecondFactors(UseCases):
    """Sets up, confirms, tells of and removes second factors."""

    async def find_second_factor(self, account_id: str, user_id: str) -> SecondFactorState | None:
        """What a user has set up. Raises ``user_unknown``."""
        number = user_number(account_id, user_id)

        async def load(tx: Tx) -> SecondFactorState | None:
            if await users_store.find_user(tx, account_id, number) is None:
                raise errors.user_unknown()
            factor = await store.find_factor(tx, account_id, number)
            return None if factor is None else factor.state

        return await self._means.db.read(load)

    def require_recent_login(self, principal: Principal) -> None:
        """Raise ``login_not_recent`` for a session that was opened more than fifteen minutes ago."""
        if principal.auth_time < self._means.clock.now_ms() - RECENT_LOGIN_MS:
            raise errors.login_not_recent()

    async def begin_second_factor(self, account_id: str, user_id: str, actor: Actor) -> Enrolment:
        """Make a new secret, which is in use once ``confirm_second_factor`` has seen a code of it.

        Raises ``user_unknown``, ``second_factor_exists``.
        """
        number = user_number(account_id, user_id)
        means = self._means
        secret = means.randomness.bytes(SECRET_BYTES)
        sealed = means.vault.seal(secret, store.secret_context(account_id, number))
        now = means.clock.now_ms()

        async def begin(tx: Tx) -> Enrolment:
            account = await accounts_store.find_account(tx, account_id)
            stored = await users_store.lock_user(tx, account_id, number)
            if stored is None or account is None:
                raise errors.user_unknown()
            before = await store.find_factor(tx, account_id, number)
            if before is not None and before.confirmed_at is not None:
                raise errors.second_factor_exists()
            await store.put_factor(tx, store.StoredFactor(account_id, number, sealed, now, None, 0, ()))
            await _record(tx, account_id, number, actor, "user.second_factor_begin", now)
            return enrolment(secret, stored.user.login_name, account.name)

        return await means.db.write(begin)

    async def confirm_second_factor(self, account_id: str, user_id: str, code: Secret, actor: Actor) -> list[Secret]:
        """Put the second factor into use; the recovery codes that this returns are shown once.

        Raises ``user_unknown``, ``second_factor_unknown``, ``second_factor_exists``, ``second_factor_refused``,
        ``login_throttled``.
        """
        codes = self._new_recovery_codes()

        async def confirm(tx: Tx, held: _Held) -> bool:
            if held.factor.confirmed_at is not None:
                raise errors.second_factor_exists()
            step = matching_step(_secret(self._means, held.factor), read_code(code), held.now, held.factor.last_step)
            if step is None or not await store.confirm(tx, held.factor, step, _hashes(codes), held.now):
                return False
            await _record(tx, account_id, held.factor.user_id, actor, "user.second_factor_add", held.now)
            return True

        await self._with_code(account_id, user_id, actor, confirm)
        return codes

    async def renew_recovery_codes(self, account_id: str, user_id: str, code: Secret, actor: Actor) -> list[Secret]:
        """Replace the recovery codes. Raises what ``remove_second_factor`` raises."""
        codes = self._new_recovery_codes()

        async def renew(tx: Tx, held: _Held) -> bool:
            if held.factor.confirmed_at is None:
                raise errors.second_factor_unknown()
            if await use_code(tx, self._means, held.factor, code, held.now) is None:
                return False
            current = await store.find_factor(tx, account_id, held.factor.user_id)
            if current is None or not await store.swap_recovery_hashes(tx, current, _hashes(codes)):
                return False
            await _record(tx, account_id, held.factor.user_id, actor, "user.recovery_codes_renew", held.now)
            return True

        await self._with_code(account_id, user_id, actor, renew)
        return codes

    async def remove_second_factor(self, account_id: str, user_id: str, code: Secret, actor: Actor) -> None:
        """Remove the second factor, by its user with a code of it; one that is not confirmed needs none.

        Raises ``user_unknown``, ``second_factor_unknown``, ``second_factor_refused``, ``login_throttled``.
        """

        async def remove(tx: Tx, held: _Held) -> bool:
            in_use = held.factor.confirmed_at is not None
            if in_use and await use_code(tx, self._means, held.factor, code, held.now) is None:
                return False
            return await self._removed(tx, account_id, held.factor.user_id, actor, held.now)

        await self._with_code(account_id, user_id, actor, remove)

    async def take_second_factor(self, account_id: str, user_id: str, actor: Actor) -> None:
        """Remove a user's second factor without a code: an administrator's act, for a lost device.

        Raises ``user_unknown``, ``second_factor_unknown``.
        """
        number = user_number(account_id, user_id)
        now = self._means.clock.now_ms()

        async def take(tx: Tx) -> None:
            if await users_store.lock_user(tx, account_id, number) is None:
                raise errors.user_unknown()
            if not await self._removed(tx, account_id, number, actor, now):
                raise errors.second_factor_unknown()

        await self._means.db.write(take)

    async def _removed(self, tx: Tx, account_id: str, number: int, actor: Actor, now: int) -> bool:
        if not await store.delete_factor(tx, account_id, number):
            return False
        await _record(tx, account_id, number, actor, "user.second_factor_remove", now)
        return True

    async def _with_code(
        self, account_id: str, user_id: str, actor: Actor, act: Callable[[Tx, _Held], Awaitable[bool]]
    ) -> None:
        """Run what needs a code; False from it is a wrong code, which is counted."""
        number = user_number(account_id, user_id)
        now = self._means.clock.now_ms()

        async def run(tx: Tx) -> bool:
            stored = await users_store.lock_user(tx, account_id, number)
            if stored is None:
                raise errors.user_unknown()
            factor = await store.find_factor(tx, account_id, number)
            if factor is None:
                raise errors.second_factor_unknown()
            attempt = await attempts.describe(tx, account_id, stored.login_key, stored, actor.address, now)
            await attempts.hold(tx, attempt, now)
            if await act(tx, _Held(stored, factor, attempt, now)):
                return True
            await attempts.count_failure(tx, attempt, self._means.limits, now)
            return False

        if not await self._means.db.write(run):
            raise errors.second_factor_refused()

    def _new_recovery_codes(self) -> list[Secret]:
        return [recovery_code_from(self._means.randomness.bytes(RECOVERY_CODE_BYTES)) for _ in range(RECOVERY_CODES)]


async def use_code(tx: Tx, means: Means, factor: store.StoredFactor, given: Secret, now: int) -> tuple[str, ...] | None:
    """Use up a code of a factor that is in use; return how its user has proved who they are, or None."""
    if factor.confirmed_at is None:
        return None
    code = read_code(given)
    step = matching_step(_secret(means, factor), code, now, factor.last_step)
    if step is not None:
        return BY_PASSWORD_AND_CODE if await store.take_step(tx, factor, step) else None
    rest = without_recovery_code(factor.recovery_hashes, code)
    if rest is None or not await store.swap_recovery_hashes(tx, factor, rest):
        return None
    return BY_PASSWORD_AND_RECOVERY_CODE


def _secret(means: Means, factor: store.StoredFactor) -> bytes:
    return means.vault.open_bytes(factor.sealed, store.secret_context(factor.account_id, factor.user_id))


def _hashes(codes: list[Secret]) -> list[str]:
    return [recovery_hash(code.reveal()) for code in codes]


async def _record(tx: Tx, account_id: str, user_id: int, actor: Actor, action: str, now: int) -> None:
    await record_audit(
        tx,
        account_id=account_id,
        actor=actor,
        action=action,
        object_type="user",
        object_id=str(user_id),
        at=now,
    )
