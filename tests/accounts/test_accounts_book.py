"""Accounts and their settings."""

import asyncio

import pytest

from support.accounts_house import ACCOUNT, House, cheap_passwords
from switchbay.accounts.public import OPERATOR, Account, AccountChange, Accounts
from switchbay.infra.db import Database
from switchbay.infra.machine import ManualClock, Randomness
from switchbay.infra.vault import Vault
from switchbay.kit.errors import AppError


async def test_a_new_account_has_the_documented_defaults(accounts: Accounts, clock: ManualClock) -> None:
    created = await accounts.create_account("shop_1", "Shop", OPERATOR)
    assert created == Account(
        account_id="shop_1",
        name="Shop",
        created_at=clock.now_ms(),
        signature_algorithm="sha1",
        signature_encoding="base64",
        standard_webhooks="off",
        reveal_client_secret=False,
        messaging_enabled=True,
        ttr_seconds={"URGENT": 300, "NORMAL": 3_600, "PRIORITIZED": 600},
    )
    assert await accounts.get_account("shop_1") == created


async def test_a_new_account_signs_as_the_settings_say(
    db: Database, clock: ManualClock, randomness: Randomness, vault: Vault
) -> None:
    room = Accounts(
        db,
        clock,
        randomness,
        vault,
        signature_algorithm="sha256",
        signature_encoding="hex",
        password_hashing=cheap_passwords(),
    )
    await room.create_account("shop", "Shop", OPERATOR)
    stored = await room.get_account("shop")
    assert (stored.signature_algorithm, stored.signature_encoding) == ("sha256", "hex")


@pytest.mark.parametrize("account_id", ["", "a" * 21, "a-b", "a b", "\u0661", "a\x00", "../x"])
async def test_an_account_id_of_another_shape_is_refused(accounts: Accounts, account_id: str) -> None:
    with pytest.raises(AppError) as refused:
        await accounts.create_account(account_id, "Shop", OPERATOR)
    assert refused.value.code == "account_id_invalid"
    assert await accounts.list_accounts() == []


@pytest.mark.parametrize("account_id", ["nobody", "a\x00b", "a" * 3_000, ""])
async def test_an_unknown_account_is_not_found(house: House, account_id: str) -> None:
    with pytest.raises(AppError) as refused:
        await house.accounts.get_account(account_id)
    assert refused.value.code == "account_unknown"


async def test_of_many_creations_of_one_account_one_succeeds(accounts: Accounts) -> None:
    results = await asyncio.gather(
        *(accounts.create_account("shop", f"Shop {number}", OPERATOR) for number in range(10)), return_exceptions=True
    )
    created = [result for result in results if isinstance(result, Account)]
    refused = [result.code for result in results if isinstance(result, AppError)]
    assert (len(created), refused) == (1, ["account_exists"] * 9)
    assert await accounts.list_accounts() == created
    assert len((await accounts.list_audit("shop")).entries) == 1


async def test_a_change_is_stored_and_its_audit_entry_tells_from_and_to(house: House) -> None:
    change = AccountChange(signature_algorithm="sha256", reveal_client_secret=True, ttr_seconds={"NORMAL": 60})
    changed = await house.accounts.update_account(ACCOUNT, change, house.acting(house.admin))
    assert await house.accounts.get_account(ACCOUNT) == changed
    assert changed.ttr_seconds == {"URGENT": 300, "NORMAL": 60, "PRIORITIZED": 600}
    entry = (await house.accounts.list_audit(ACCOUNT)).entries[0]
    assert entry.action == "account.update"
    assert entry.detail == {
        "signature_algorithm": {"from": "sha1", "to": "sha256"},
        "reveal_client_secret": {"from": False, "to": True},
        "ttr_seconds": {
            "from": {"URGENT": 300, "NORMAL": 3_600, "PRIORITIZED": 600},
            "to": {"URGENT": 300, "NORMAL": 60, "PRIORITIZED": 600},
        },
    }


async def test_a_change_that_changes_nothing_leaves_no_audit_entry(house: House) -> None:
    before = await house.actions()
    await house.accounts.update_account(ACCOUNT, AccountChange(name="Example Brand"), OPERATOR)
    assert await house.actions() == before


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (AccountChange(name="a\x00b"), "name_invalid"),
        (AccountChange(name=""), "name_invalid"),
        (AccountChange(name="New", ttr_seconds={"NORMAL": 0}), "account_setting_invalid"),
        (AccountChange(name="New", ttr_seconds={"NORMAL": 2**40}), "account_setting_invalid"),
        (AccountChange(name="New", ttr_seconds={"SLOW": 5}), "account_setting_invalid"),
    ],
)
async def test_a_refused_change_changes_nothing(house: House, change: AccountChange, code: str) -> None:
    before = await house.accounts.get_account(ACCOUNT)
    with pytest.raises(AppError) as refused:
        await house.accounts.update_account(ACCOUNT, change, OPERATOR)
    assert refused.value.code == code
    house.clock.advance(seconds=3)
    assert await house.accounts.get_account(ACCOUNT) == before
    assert "account.update" not in await house.actions()


async def test_a_change_on_another_node_is_seen_within_two_seconds(
    house: House, clock: ManualClock, randomness: Randomness, vault: Vault
) -> None:
    elsewhere = Accounts(house.db, clock, randomness, vault, password_hashing=cheap_passwords())
    for room in (elsewhere, house.accounts):
        assert (await room.get_account(ACCOUNT)).name == "Example Brand"
    await house.accounts.update_account(ACCOUNT, AccountChange(name="Renamed"), OPERATOR)
    assert (await house.accounts.get_account(ACCOUNT)).name == "Renamed"
    clock.advance(ms=1_999)
    assert (await elsewhere.get_account(ACCOUNT)).name == "Example Brand"
    clock.advance(ms=1)
    assert (await elsewhere.get_account(ACCOUNT)).name == "Renamed"


async def test_parallel_changes_of_different_settings_all_hold(house: House) -> None:
    changes = [
        AccountChange(name="Renamed"),
        AccountChange(signature_encoding="hex"),
        AccountChange(messaging_enabled=False),
        AccountChange(ttr_seconds={"URGENT": 1}),
        AccountChange(ttr_seconds={"PRIORITIZED": 2}),
    ]
    await house.warm()
    await asyncio.gather(*(house.accounts.update_account(ACCOUNT, change, OPERATOR) for change in changes))
    house.clock.advance(seconds=3)
    stored = await house.accounts.get_account(ACCOUNT)
    assert (stored.name, stored.signature_encoding, stored.messaging_enabled) == ("Renamed", "hex", False)
    assert stored.ttr_seconds == {"URGENT": 1, "NORMAL": 3_600, "PRIORITIZED": 2}
