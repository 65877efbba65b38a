"""Login and its sessions."""

import asyncio
import hashlib
from dataclasses import replace
from typing import Literal

import asyncpg
import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher

from support.accounts_house import ACCOUNT, HOME, OTHER, PASSWORD, House, cheap_passwords
from switchbay.accounts.public import OPERATOR, Accounts, Login, Passwords, Role, UserChange, require
from switchbay.accounts.store import users as users_store
from switchbay.accounts.tables import sessions, users
from switchbay.accounts.workers import purge_once
from switchbay.infra.db import Tx
from switchbay.infra.machine import Randomness
from switchbay.infra.vault import Vault
from switchbay.kit.errors import AppError, Kind
from switchbay.kit.secret import Secret

SESSION_SECONDS = 28_800
_SOMEONE_WAITS_FOR_A_LOCK = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
)


async def test_a_login_opens_a_session_for_the_user(house: House) -> None:
    login = await house.login("ADA")
    principal = await house.accounts.authenticate(ACCOUNT, f"Bearer {login.bearer.reveal()}")
    assert principal == login.principal
    assert (principal.login_name, principal.user_id, principal.user_pid) == (
        "ada",
        house.admin.user_id,
        house.admin.user_pid,
    )
    assert login.expires_at == house.clock.now_ms() + SESSION_SECONDS * 1_000


@pytest.mark.parametrize("form", ["Bearer {}", "bearer {}", "BEARER   {} ", "{}"])
async def test_the_bearer_is_taken_with_and_without_its_scheme(house: House, form: str) -> None:
    login = await house.login()
    principal = await house.accounts.authenticate(ACCOUNT, form.format(login.bearer.reveal()))
    assert principal.user_id == house.admin.user_id


@pytest.mark.parametrize("header", [None, "", "  ", "Bearer", "Bearer "])
async def test_a_request_without_a_bearer_is_session_missing(house: House, header: str | None) -> None:
    with pytest.raises(AppError) as refused:
        await house.accounts.authenticate(ACCOUNT, header)
    assert (refused.value.kind, refused.value.code) == (Kind.UNAUTHENTICATED, "session_missing")


@pytest.mark.parametrize(
    "header", ["Basic YTpi", "Bearer " + "0" * 64, "Bearer x", "Bearer a\x00b", "Bearer " + "a" * 70_000, "\udcff"]
)
async def test_a_bearer_that_nobody_got_is_session_invalid(house: House, header: str) -> None:
    with pytest.raises(AppError) as refused:
        await house.accounts.authenticate(ACCOUNT, header)
    assert (refused.value.kind, refused.value.code) == (Kind.UNAUTHENTICATED, "session_invalid")


@pytest.mark.parametrize("account_id", [OTHER, "nobody", "a\x00b", ""])
async def test_a_bearer_is_worth_nothing_on_another_account(house: House, account_id: str) -> None:
    await house.accounts.create_account(OTHER, "Other", OPERATOR)
    login = await house.login()
    with pytest.raises(AppError) as refused:
        await house.accounts.authenticate(account_id, login.bearer.reveal())
    assert (refused.value.kind, refused.value.code) == (Kind.UNAUTHENTICATED, "session_invalid")


@pytest.mark.parametrize(
    ("account_id", "name", "password"),
    [
        (ACCOUNT, "ada", Secret("wrong horse")),
        (ACCOUNT, "nobody", PASSWORD),
        (OTHER, "ada", PASSWORD),
        ("a\x00b", "ada", PASSWORD),
    ],
    ids=["wrong password", "unknown user", "unknown account", "impossible account"],
)
async def test_every_failed_login_has_one_answer(house: House, account_id: str, name: str, password: Secret) -> None:
    with pytest.raises(AppError) as refused:
        await house.accounts.login(account_id, name, password, HOME)
    assert refused.value.to_json() == {
        "error": {"code": "login_failed", "message": "The user name or the password is wrong."}
    }
    assert await house.accounts.list_sessions(ACCOUNT) == []


class _CountingHasher(PasswordHasher):
    """The real hasher, counting how often it is made to work."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.checks = 0

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002 - the library's own name
        """Count and verify."""
        self.checks += 1
        return super().verify(hash, password)


@pytest.mark.parametrize("name", ["ada", "nobody"])
async def test_a_failed_login_costs_one_hash_whether_the_user_exists_or_not(
    house: House, randomness: Randomness, vault: Vault, name: str
) -> None:
    hasher = _CountingHasher()
    room = Accounts(house.db, house.clock, randomness, vault, password_hashing=Passwords(hasher))
    with pytest.raises(AppError):
        await room.login(ACCOUNT, name, Secret("wrong horse"), HOME)
    assert hasher.checks == 1


async def test_the_password_of_nobody_lets_nobody_in() -> None:
    passwords = cheap_passwords()
    assert await passwords.check(None, Secret("nobody's password")) is False
    passwords.close()


async def test_bearers_and_csrf_values_are_stored_as_hashes_only(house: House) -> None:
    login = await house.login()
    rows = await house.db.read(lambda tx: tx.fetch(sa.select(sessions.c.token_hash, sessions.c.csrf_hash)))
    assert [(row[0], row[1]) for row in rows] == [
        (
            hashlib.sha256(login.bearer.reveal().encode()).hexdigest(),
            hashlib.sha256(login.csrf.reveal().encode()).hexdigest(),
        )
    ]


async def test_a_password_hashed_with_old_parameters_is_hashed_anew_at_login(
    house: House, randomness: Randomness, vault: Vault
) -> None:
    stronger = Passwords(PasswordHasher(time_cost=2, memory_cost=16, parallelism=1))
    room = Accounts(house.db, house.clock, randomness, vault, password_hashing=stronger)
    await room.login(ACCOUNT, "ada", PASSWORD, HOME)
    row = await house.db.read(
        lambda tx: tx.fetch_one(sa.select(users.c.password_hash).where(users.c.login_key == "ada"))
    )
    assert row is not None
    assert "m=16,t=2,p=1" in row[0]
    assert (await room.login(ACCOUNT, "ada", PASSWORD, HOME)).principal.user_id == house.admin.user_id
    await room.stop()


async def test_the_hashes_of_a_real_room_have_the_recommended_cost() -> None:
    passwords = Passwords()
    stored = await passwords.hash(PASSWORD)
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert await passwords.check(stored, PASSWORD)
    passwords.close()


async def test_a_damaged_hash_lets_nobody_in(house: House) -> None:
    stored = await house.db.read(lambda tx: users_store.find_by_login(tx, ACCOUNT, "ada"))
    assert stored is not None
    damaged = users_store.StoredUser(stored.user, stored.login_key, "not a hash")
    await house.db.write(lambda tx: users_store.save_user(tx, damaged))
    with pytest.raises(AppError) as refused:
        await house.login()
    assert refused.value.code == "login_failed"


class _DisablesFirst(Passwords):
    """Disables the user after their password was found right, as another node might."""

    def __init__(self, house: House) -> None:
        super().__init__(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        self._house = house

    async def check(self, stored: str | None, password: Secret) -> bool:
        """Check, then disable."""
        right = await super().check(stored, password)
        await self._house.accounts.update_user(ACCOUNT, self._house.agent.user_id, UserChange(enabled=False), OPERATOR)
        return right


async def test_a_user_disabled_while_the_password_is_checked_gets_no_session(
    house: House, randomness: Randomness, vault: Vault
) -> None:
    room = Accounts(house.db, house.clock, randomness, vault, password_hashing=_DisablesFirst(house))
    with pytest.raises(AppError) as refused:
        await room.login(ACCOUNT, "bob", PASSWORD, HOME)
    assert refused.value.code == "login_failed"
    assert await house.accounts.list_sessions(ACCOUNT) == []


async def test_a_login_waits_for_a_change_of_the_user_that_is_under_way(house: House, database_url: str) -> None:
    if house.db.engine != "postgresql":
        pytest.skip("on SQLite one transaction runs at a time")
    logins: list[asyncio.Task[Login]] = []
    watcher = await asyncpg.connect(database_url)

    async def disable(tx: Tx) -> None:
        stored = await users_store.lock_user(tx, ACCOUNT, int(house.agent.user_id))
        assert stored is not None
        await users_store.save_user(tx, replace(stored, user=replace(stored.user, enabled=False)))
        logins.append(asyncio.create_task(house.login("bob")))
        async with asyncio.timeout(10):
            while not logins[0].done() and not await watcher.fetchval(_SOMEONE_WAITS_FOR_A_LOCK):  # noqa: ASYNC110 - polled
                await asyncio.sleep(0.01)

    try:
        await house.db.write(disable)
    finally:
        await watcher.close()
    with pytest.raises(AppError) as refused:
        await logins[0]
    assert refused.value.code == "login_failed"
    assert await _stored_sessions(house) == 0


async def test_a_session_ends_when_its_time_is_over(house: House) -> None:
    login = await house.login()
    house.clock.advance(seconds=SESSION_SECONDS, ms=-1)
    await house.accounts.authenticate(ACCOUNT, login.bearer.reveal())
    house.clock.advance(ms=1)
    with pytest.raises(AppError) as refused:
        await house.accounts.authenticate(ACCOUNT, login.bearer.reveal())
    assert refused.value.code == "session_invalid"


async def test_a_refresh_starts_the_lifetime_anew_and_keeps_the_bearer(house: House) -> None:
    login = await house.login()
    house.clock.advance(seconds=600)
    until = await house.accounts.refresh(ACCOUNT, login.bearer.reveal(), login.csrf)
    assert until == house.clock.now_ms() + SESSION_SECONDS * 1_000
    house.clock.advance(seconds=SESSION_SECONDS - 1)
    assert (await house.accounts.authenticate(ACCOUNT, login.bearer.reveal())).login_name == "ada"


async def test_a_refresh_with_another_csrf_value_is_forbidden_and_prolongs_nothing(house: House) -> None:
    login = await house.login()
    other = await house.login("bob")
    house.clock.advance(seconds=600)
    with pytest.raises(AppError) as refused:
        await house.accounts.refresh(ACCOUNT, login.bearer.reveal(), other.csrf)
    assert (refused.value.kind, refused.value.code) == (Kind.FORBIDDEN, "csrf_invalid")
    ends = {session.expires_at for session in await house.accounts.list_sessions(ACCOUNT)}
    assert ends == {login.expires_at}


async def test_a_session_that_is_over_cannot_be_refreshed(house: House) -> None:
    login = await house.login()
    house.clock.advance(seconds=SESSION_SECONDS)
    with pytest.raises(AppError) as refused:
        await house.accounts.refresh(ACCOUNT, login.bearer.reveal(), login.csrf)
    assert (refused.value.kind, refused.value.code) == (Kind.UNAUTHENTICATED, "session_invalid")


async def test_a_logout_ends_this_session_only(house: House) -> None:
    first = await house.login()
    second = await house.login()
    await house.accounts.logout(ACCOUNT, first.bearer.reveal(), HOME)
    for attempt in (
        house.accounts.authenticate(ACCOUNT, first.bearer.reveal()),
        house.accounts.refresh(ACCOUNT, first.bearer.reveal(), first.csrf),
        house.accounts.logout(ACCOUNT, first.bearer.reveal(), HOME),
    ):
        with pytest.raises(AppError) as refused:
            await attempt
        assert refused.value.code == "session_invalid"
    assert (await house.accounts.authenticate(ACCOUNT, second.bearer.reveal())).login_name == "ada"
    assert (await house.actions())[-1] == "session.close"


async def test_of_many_logouts_of_one_session_one_is_recorded(house: House) -> None:
    login = await house.login()
    await house.warm()
    results = await asyncio.gather(
        *(house.accounts.logout(ACCOUNT, login.bearer.reveal(), HOME) for _ in range(20)), return_exceptions=True
    )
    assert results.count(None) == 1
    assert (await house.actions()).count("session.close") == 1


async def test_many_logins_of_one_user_at_once_all_succeed(house: House) -> None:
    logins = await asyncio.gather(*(house.login() for _ in range(20)))
    assert len({login.bearer.reveal() for login in logins}) == 20


async def test_more_logins_from_one_network_than_can_wait_are_turned_away(house: House) -> None:
    results = await asyncio.gather(*(house.login() for _ in range(40)), return_exceptions=True)
    busy = [result for result in results if isinstance(result, AppError)]
    assert len([result for result in results if isinstance(result, Login)]) == 32
    assert {(error.kind, error.code, error.retry_after) for error in busy} == {(Kind.UNAVAILABLE, "login_busy", 1)}
    assert (await house.login()).principal.login_name == "ada"


async def test_an_administrator_revokes_one_session(house: House) -> None:
    login = await house.login("bob")
    (session,) = await house.accounts.list_sessions(ACCOUNT, user_id=house.agent.user_id)
    assert (session.user_id, session.address) == (house.agent.user_id, HOME)
    await house.accounts.revoke_session(ACCOUNT, session.session_id, house.acting(house.admin))
    with pytest.raises(AppError) as refused:
        await house.accounts.authenticate(ACCOUNT, login.bearer.reveal())
    assert refused.value.code == "session_invalid"
    assert (await house.actions())[-1] == "session.revoke"


@pytest.mark.parametrize("session_id", ["", "ses_x", "a\x00b", "ses_" + "0" * 26])
async def test_an_unknown_session_cannot_be_revoked(house: House, session_id: str) -> None:
    with pytest.raises(AppError) as refused:
        await house.accounts.revoke_session(ACCOUNT, session_id, OPERATOR)
    assert refused.value.code == "session_unknown"


async def test_a_session_of_another_account_cannot_be_revoked(house: House) -> None:
    login = await house.login()
    await house.accounts.create_account(OTHER, "Other", OPERATOR)
    with pytest.raises(AppError) as refused:
        await house.accounts.revoke_session(OTHER, login.principal.session_id, OPERATOR)
    assert refused.value.code == "session_unknown"
    await house.accounts.authenticate(ACCOUNT, login.bearer.reveal())


async def test_an_address_that_is_none_is_not_kept(house: House) -> None:
    await house.login(address="1.2.3.4\x00; DROP TABLE")
    (session,) = await house.accounts.list_sessions(ACCOUNT)
    assert session.address is None


async def test_a_role_that_is_missing_is_forbidden(house: House) -> None:
    login = await house.login("bob")
    require(login.principal, Role.ADMIN, Role.AGENT)
    with pytest.raises(AppError) as refused:
        require(login.principal, Role.ADMIN)
    assert (refused.value.kind, refused.value.code) == (Kind.FORBIDDEN, "role_missing")


async def test_what_is_over_is_cleared_away_and_nothing_else(house: House) -> None:
    await house.login()
    house.clock.advance(seconds=100)
    kept = await house.login("bob")
    house.clock.advance(seconds=SESSION_SECONDS - 100)
    assert await purge_once(house.db, house.clock.now_ms()) == 1
    assert [session.user_id for session in await house.accounts.list_sessions(ACCOUNT)] == [kept.principal.user_id]


async def _stored_sessions(house: House) -> int:
    return len(await house.db.read(lambda tx: tx.fetch(sa.select(sessions.c.session_id))))


async def test_clearing_away_runs_from_start_to_stop(house: House) -> None:
    await house.login()
    house.clock.advance(seconds=SESSION_SECONDS)
    await house.accounts.start()
    async with asyncio.timeout(10):
        while await _stored_sessions(house):  # noqa: ASYNC110 - the loop has nobody to tell when it has purged
            await asyncio.sleep(0.01)
    await house.accounts.stop()
