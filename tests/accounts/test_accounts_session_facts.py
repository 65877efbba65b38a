"""What sessions tell of their login, what is told of their end, and the recent user."""

from collections.abc import Sequence

import pytest
import sqlalchemy as sa

from support.accounts_house import ACCOUNT, HOME, OTHER, House, cheap_passwords
from switchbay.accounts.public import OPERATOR, Accounts, EndedSession, EndReason, UserChange
from switchbay.accounts.tables import accounts as accounts_table
from switchbay.accounts.workers import purge_once
from switchbay.infra.db import Tx
from switchbay.infra.machine import Randomness
from switchbay.infra.vault import Vault
from switchbay.kit.errors import AppError
from switchbay.kit.secret import Secret


class Listener:
    """Remembers what it was told, and reads in the transaction that tells it."""

    def __init__(self) -> None:
        self.told: list[tuple[str, list[EndedSession], EndReason]] = []
        self.fails = False

    async def __call__(self, tx: Tx, account_id: str, ended: Sequence[EndedSession], reason: EndReason) -> None:
        assert await tx.fetch_one(sa.select(accounts_table)) is not None
        self.told.append((account_id, list(ended), reason))
        if self.fails:
            raise RuntimeError("the listener failed")


@pytest.fixture
def listener(house: House) -> Listener:
    """Somebody who wants to know of ends."""
    heard = Listener()
    house.accounts.on_session_end(heard)
    return heard


async def test_a_session_says_when_and_how_its_user_logged_in(house: House) -> None:
    opened = await house.login()
    at = house.clock.now_ms()
    house.clock.advance(seconds=600)
    await house.accounts.refresh(ACCOUNT, opened.bearer.reveal(), opened.csrf)
    principal = await house.accounts.authenticate(ACCOUNT, opened.bearer.reveal())
    assert (principal.auth_time, principal.amr) == (at, ("pwd",))


async def test_a_session_is_opened_for_a_user_whom_somebody_else_recognised(house: House) -> None:
    opened = await house.accounts.open_session(ACCOUNT, house.agent.user_id, HOME, ("fed", "mfa"))
    principal = await house.accounts.authenticate(ACCOUNT, opened.bearer.reveal())
    assert (principal.login_name, principal.amr) == ("bob", ("fed", "mfa"))
    assert (await house.accounts.list_sessions(ACCOUNT))[0].amr == ("fed", "mfa")
    assert (await house.actions())[-1] == "session.open"


async def test_no_session_is_opened_for_a_user_who_may_not_log_in(house: House) -> None:
    await house.accounts.update_user(ACCOUNT, house.agent.user_id, UserChange(enabled=False), OPERATOR)
    await house.accounts.create_account(OTHER, "Other", OPERATOR)
    codes = []
    for account, user in (
        (ACCOUNT, house.agent.user_id),
        (ACCOUNT, "9999999"),
        (ACCOUNT, "x"),
        (OTHER, house.admin.user_id),
    ):
        with pytest.raises(AppError) as error:
            await house.accounts.open_session(account, user, HOME, ("fed",))
        codes.append(error.value.code)
    assert codes == ["login_failed", "user_unknown", "user_unknown", "user_unknown"]
    assert await house.accounts.list_sessions(ACCOUNT) == []


async def test_a_logout_is_told(house: House, listener: Listener) -> None:
    opened = await house.login("bob")
    kept = await house.login("bob")
    await house.accounts.logout(ACCOUNT, opened.bearer.reveal(), HOME)
    ended = EndedSession(opened.principal.session_id, house.agent.user_id)
    assert listener.told == [(ACCOUNT, [ended], "logout")]
    assert await house.accounts.authenticate(ACCOUNT, kept.bearer.reveal()) == kept.principal


async def test_what_an_administrator_ends_is_told(house: House, listener: Listener) -> None:
    first, second, third = [(await house.login("bob")).principal for _ in range(3)]
    actor = house.acting(house.admin)
    await house.accounts.revoke_session(ACCOUNT, second.session_id, actor)
    await house.accounts.revoke_sessions_of(ACCOUNT, house.agent.user_id, actor)
    assert listener.told[0] == (ACCOUNT, [EndedSession(second.session_id, second.user_id)], "ended")
    account, ended, reason = listener.told[1]
    assert (account, reason) == (ACCOUNT, "ended")
    assert {session.session_id for session in ended} == {first.session_id, third.session_id}


@pytest.mark.parametrize("change", [UserChange(enabled=False), UserChange(password=Secret("another horse"))])
async def test_what_a_change_of_the_user_ends_is_told(house: House, listener: Listener, change: UserChange) -> None:
    opened = await house.login("bob")
    await house.login("ada")
    await house.accounts.update_user(ACCOUNT, house.agent.user_id, change, OPERATOR)
    assert listener.told == [(ACCOUNT, [EndedSession(opened.principal.session_id, house.agent.user_id)], "user")]


async def test_that_nothing_ended_and_that_a_session_expired_is_not_told(house: House, listener: Listener) -> None:
    opened = await house.login("bob")
    await house.accounts.update_user(ACCOUNT, house.agent.user_id, UserChange(display_name="Bob B."), OPERATOR)
    house.clock.advance(seconds=28_800)
    with pytest.raises(AppError):
        await house.accounts.logout(ACCOUNT, opened.bearer.reveal(), HOME)
    assert await purge_once(house.db, house.clock.now_ms()) > 0
    await house.accounts.revoke_sessions_of(ACCOUNT, house.agent.user_id, OPERATOR)
    assert listener.told == []


async def test_a_session_does_not_end_when_what_hangs_on_it_cannot_be_ended(house: House, listener: Listener) -> None:
    opened = await house.login("bob")
    listener.fails = True
    with pytest.raises(RuntimeError):
        await house.accounts.logout(ACCOUNT, opened.bearer.reveal(), HOME)
    assert await house.accounts.authenticate(ACCOUNT, opened.bearer.reveal()) == opened.principal
    assert (await house.actions())[-1] == "session.open"


async def test_a_recent_user_is_found_and_a_change_on_this_node_is_seen_at_once(house: House) -> None:
    assert await house.accounts.find_user(ACCOUNT, house.agent.user_id) == house.agent
    await house.accounts.update_user(ACCOUNT, house.agent.user_id, UserChange(enabled=False), OPERATOR)
    found = await house.accounts.find_user(ACCOUNT, house.agent.user_id)
    assert found is not None
    assert not found.enabled


async def test_a_change_on_another_node_is_seen_after_two_seconds(
    house: House, randomness: Randomness, vault: Vault
) -> None:
    elsewhere = Accounts(house.db, house.clock, randomness, vault, password_hashing=cheap_passwords())
    assert await elsewhere.find_user(ACCOUNT, house.agent.user_id) == house.agent
    await house.accounts.update_user(ACCOUNT, house.agent.user_id, UserChange(enabled=False), OPERATOR)
    assert await elsewhere.find_user(ACCOUNT, house.agent.user_id) == house.agent
    house.clock.advance(seconds=2)
    found = await elsewhere.find_user(ACCOUNT, house.agent.user_id)
    assert found is not None
    assert not found.enabled
    await elsewhere.stop()


@pytest.mark.parametrize(("account", "user"), [(ACCOUNT, "9"), (ACCOUNT, "x"), ("a b", "1000001"), (ACCOUNT, "9" * 30)])
async def test_who_is_not_there_is_not_found(house: House, account: str, user: str) -> None:
    assert await house.accounts.find_user(account, user) is None
