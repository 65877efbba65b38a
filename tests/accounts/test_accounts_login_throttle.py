"""Failed logins slow the next ones down, across nodes, without locking a user out."""

import asyncio

import pytest
import sqlalchemy as sa

from support.accounts_house import ACCOUNT, HOME, OTHER, PASSWORD, House, cheap_passwords
from switchbay.accounts.public import OPERATOR, Accounts, Role
from switchbay.accounts.tables import known_networks, login_failures
from switchbay.accounts.workers import purge_once
from switchbay.infra.machine import Randomness
from switchbay.infra.vault import Vault
from switchbay.kit.errors import AppError, Kind
from switchbay.kit.secret import Secret

WRONG = Secret("wrong horse")
DAY = 24 * 3_600


async def fail(house: House, name: str = "ada", *, address: str = HOME) -> tuple[str, int | None]:
    """Try a wrong password; return the refusal's code and how long it says to wait."""
    with pytest.raises(AppError) as refused:
        await house.login(name, password=WRONG, address=address)
    return refused.value.code, refused.value.retry_after


async def fail_from_many(house: House, count: int, *, name: str = "ada") -> list[str]:
    """Try a wrong password once from each of many networks; return the refusals' codes."""
    return [(await fail(house, name, address=f"203.0.{number >> 8}.{number & 255}"))[0] for number in range(count)]


@pytest.mark.parametrize("name", ["ada", "nobody"])
async def test_the_sixth_attempt_after_five_failures_waits_a_minute(house: House, name: str) -> None:
    assert [await fail(house, name) for _ in range(5)] == [("login_failed", None)] * 5
    assert await fail(house, name) == ("login_throttled", 60)
    house.clock.advance(ms=59_001)
    assert await fail(house, name) == ("login_throttled", 1)


async def test_during_the_wait_the_right_password_is_refused_too(house: House) -> None:
    for _ in range(5):
        await fail(house)
    with pytest.raises(AppError) as refused:
        await house.login()
    assert (refused.value.kind, refused.value.code, refused.value.detail) == (
        Kind.TOO_MANY,
        "login_throttled",
        {"retry_after": 60},
    )
    assert await house.accounts.list_sessions(ACCOUNT) == []


async def test_attempts_during_the_wait_do_not_lengthen_it(house: House) -> None:
    for _ in range(5):
        await fail(house)
    for _ in range(100):
        await fail(house)
    house.clock.advance(seconds=60)
    assert (await house.login()).principal.login_name == "ada"


async def test_waits_double_up_to_an_hour(house: House) -> None:
    for _ in range(5):
        await fail(house)
    waits = []
    for _ in range(8):
        _, wait = await fail(house)
        assert wait is not None
        waits.append(wait)
        house.clock.advance(seconds=wait)
        assert await fail(house) == ("login_failed", None)
    assert waits == [60, 120, 240, 480, 960, 1_920, 3_600, 3_600]


async def test_a_success_clears_the_count(house: House) -> None:
    for _ in range(4):
        await fail(house)
    await house.login()
    assert [await fail(house) for _ in range(5)] == [("login_failed", None)] * 5


async def test_the_count_is_shared_by_the_nodes(house: House, randomness: Randomness, vault: Vault) -> None:
    elsewhere = Accounts(house.db, house.clock, randomness, vault, password_hashing=cheap_passwords())
    for _ in range(5):
        await fail(house)
    with pytest.raises(AppError) as refused:
        await elsewhere.login(ACCOUNT, "ada", PASSWORD, HOME)
    assert refused.value.code == "login_throttled"


async def test_failures_at_once_on_two_nodes_are_all_counted(
    house: House, randomness: Randomness, vault: Vault
) -> None:
    elsewhere = Accounts(house.db, house.clock, randomness, vault, password_hashing=cheap_passwords())
    await house.warm()
    await asyncio.gather(
        *(
            room.login(ACCOUNT, f"user{number}", WRONG, HOME)
            for number in range(20)
            for room in (house.accounts, elsewhere)
        ),
        return_exceptions=True,
    )
    row = await house.db.read(
        lambda tx: tx.fetch_one(sa.select(login_failures.c.failures).where(login_failures.c.name_hash == ""))
    )
    assert row is not None
    assert row[0] == 40


async def test_one_network_cannot_keep_a_user_out_of_another(house: House) -> None:
    for _ in range(40):
        await fail(house, address="203.0.113.66")
        house.clock.advance(seconds=3_600)
    assert (await house.login(address=HOME)).principal.login_name == "ada"


async def test_many_networks_guessing_at_one_user_are_slowed_down_together(house: House) -> None:
    codes = await fail_from_many(house, 60)
    assert codes == ["login_failed"] * 50 + ["login_throttled"] * 10


async def test_many_networks_cannot_lock_a_user_out_of_where_they_come_from(house: House) -> None:
    await house.login(address=HOME)
    await fail_from_many(house, 60)
    assert (await house.login(address=HOME)).principal.login_name == "ada"


async def test_a_network_is_known_for_thirty_days(house: House) -> None:
    await house.login(address=HOME)
    house.clock.advance(seconds=30 * DAY + 1)
    await fail_from_many(house, 50)
    assert (await fail(house, address=HOME))[0] == "login_throttled"


async def test_a_login_from_home_does_not_reset_what_strangers_are_measured_by(house: House) -> None:
    await house.login(address=HOME)
    await fail_from_many(house, 50)
    await house.login(address=HOME)
    assert (await fail(house, address="203.0.114.1"))[0] == "login_throttled"


async def test_a_known_network_still_has_a_count_of_its_own(house: House) -> None:
    await house.login(address=HOME)
    for _ in range(5):
        await fail(house)
    assert await fail(house) == ("login_throttled", 60)


async def test_an_ipv6_network_is_one_network(house: House) -> None:
    for number in range(5):
        await fail(house, address=f"2001:db8:1:2::{number:x}")
    assert (await fail(house, address="2001:db8:1:2:ffff::9"))[0] == "login_throttled"


async def test_an_address_that_tries_many_users_is_slowed_down(house: House) -> None:
    codes = [(await fail(house, f"user{number}"))[0] for number in range(55)]
    assert codes == ["login_failed"] * 50 + ["login_throttled"] * 5
    with pytest.raises(AppError) as refused:
        await house.login("ada")
    assert refused.value.code == "login_throttled"


async def test_an_address_cannot_clear_its_count_with_a_password_it_knows(house: House) -> None:
    for number in range(49):
        await fail(house, f"user{number}")
    await house.login("bob")
    assert (await fail(house, "user49"))[0] == "login_failed"
    assert (await fail(house, "user50"))[0] == "login_throttled"


async def test_a_mistyped_password_is_taken_off_its_networks_count_by_the_right_one(house: House) -> None:
    for _ in range(20):
        for _ in range(4):
            await fail(house)
        await house.login()
    rows = await house.db.read(
        lambda tx: tx.fetch(sa.select(login_failures.c.failures).where(login_failures.c.name_hash == ""))
    )
    assert [row[0] for row in rows] == [0]


async def test_accounts_are_counted_apart(house: House) -> None:
    await house.accounts.create_account(OTHER, "Other", OPERATOR)
    await house.accounts.create_user(OTHER, "ada", PASSWORD, [Role.ADMIN], OPERATOR)
    for _ in range(6):
        await fail(house)
    assert (await house.accounts.login(OTHER, "ada", PASSWORD, HOME)).principal.account_id == OTHER


async def test_logins_at_an_unknown_account_leave_no_rows(house: House) -> None:
    for number in range(5):
        with pytest.raises(AppError):
            await house.accounts.login(f"no{number}", "ada", PASSWORD, HOME)
    rows = await house.db.read(lambda tx: tx.fetch(sa.select(login_failures.c.account_id)))
    assert len(rows) == 0


async def test_a_burst_of_guesses_gets_no_further_than_the_turns_allow(house: House) -> None:
    async def guess() -> str:
        return (await fail(house))[0]

    codes = await asyncio.gather(*(guess() for _ in range(32)))
    turns = cheap_passwords().threads
    assert 5 <= codes.count("login_failed") <= 5 + turns - 1
    rows = await house.db.read(lambda tx: tx.fetch(sa.select(login_failures.c.failures)))
    assert {row[0] for row in rows} == {codes.count("login_failed")}


async def test_what_was_typed_as_a_name_is_not_kept(house: House) -> None:
    await fail(house, "my secret password")
    rows = await house.db.read(lambda tx: tx.fetch(sa.select(login_failures)))
    assert len(rows) == 3
    assert not any("secret" in row["name_hash"] or "secret" in row["network"] for row in rows)


async def test_a_new_password_ends_the_wait(house: House) -> None:
    for _ in range(5):
        await fail(house, "bob")
    await house.accounts.set_password(ACCOUNT, house.agent.user_id, Secret("battery staple"), OPERATOR)
    assert (await house.login("bob", password=Secret("battery staple"))).principal.login_name == "bob"


async def test_an_administrator_releases_a_user_from_every_wait(house: House) -> None:
    await fail_from_many(house, 50, name="bob")
    assert (await fail(house, "bob"))[0] == "login_throttled"
    await house.accounts.release_user(ACCOUNT, house.agent.user_id, house.acting(house.admin))
    assert (await house.login("bob")).principal.login_name == "bob"
    assert "user.release" in await house.actions()


async def test_the_beginning_of_a_wait_is_in_the_audit_log_for_users_that_exist(house: House) -> None:
    for _ in range(5):
        await fail(house, "nobody")
    assert "user.login_throttled" not in await house.actions()
    for _ in range(6):
        await fail(house, "bob")
    entry = (await house.accounts.list_audit(ACCOUNT)).entries[0]
    assert (entry.action, entry.object_id, entry.actor.kind, entry.actor.address, entry.detail) == (
        "user.login_throttled",
        house.agent.user_id,
        "system",
        HOME,
        {"wait_seconds": 60},
    )
    assert (await house.actions()).count("user.login_throttled") == 1


async def test_forgotten_failures_and_networks_are_cleared_away(house: House) -> None:
    await house.login()
    await fail(house, "bob")
    house.clock.advance(seconds=2 * DAY + 1)
    assert await purge_once(house.db, house.clock.now_ms()) == 1 + 3
    house.clock.advance(seconds=28 * DAY)
    assert await purge_once(house.db, house.clock.now_ms()) == 1
    assert len(await house.db.read(lambda tx: tx.fetch(sa.select(known_networks)))) == 0
