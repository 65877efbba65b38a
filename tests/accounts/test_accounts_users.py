"""Users of an account."""

import asyncio
import uuid

import pytest

from support.accounts_house import ACCOUNT, OTHER, PASSWORD, House
from switchbay.accounts.public import OPERATOR, Role, User, UserChange
from switchbay.kit.errors import AppError
from switchbay.kit.secret import Secret

NEW_PASSWORD = Secret("battery staple")


async def test_a_user_has_an_id_of_digits_and_a_pid_that_is_a_uuid(house: House) -> None:
    assert (house.admin.user_id, house.agent.user_id) == ("1000001", "1000002")
    assert str(uuid.UUID(house.admin.user_pid)) == house.admin.user_pid
    assert await house.accounts.get_user(ACCOUNT, "1000001") == house.admin
    assert house.agent.display_name == "bob"


@pytest.mark.parametrize("name", ["ada", "ADA", "\uff21da"])
async def test_a_login_name_is_taken_in_whatever_case(house: House, name: str) -> None:
    with pytest.raises(AppError) as refused:
        await house.accounts.create_user(ACCOUNT, name, PASSWORD, [Role.AGENT], OPERATOR)
    assert refused.value.code == "user_exists"
    assert await house.accounts.list_users(ACCOUNT) == [house.admin, house.agent]


async def test_of_many_creations_of_one_user_one_succeeds(house: House) -> None:
    await house.warm()
    results = await asyncio.gather(
        *(house.accounts.create_user(ACCOUNT, "eve", PASSWORD, [Role.AGENT], OPERATOR) for _ in range(20)),
        return_exceptions=True,
    )
    created = [result for result in results if isinstance(result, User)]
    assert [user.user_id for user in created] == ["1000003"]
    assert [result.code for result in results if isinstance(result, AppError)] == ["user_exists"] * 19
    assert (await house.actions()).count("user.create") == 3


async def test_users_created_at_once_get_different_ids(house: House) -> None:
    await house.warm()
    users = await asyncio.gather(
        *(house.accounts.create_user(ACCOUNT, f"u{number}", PASSWORD, [Role.AGENT], OPERATOR) for number in range(8))
    )
    assert sorted(user.user_id for user in users) == [str(1_000_003 + number) for number in range(8)]


async def test_the_same_login_name_in_another_account_is_another_user(house: House) -> None:
    await house.accounts.create_account(OTHER, "Other", OPERATOR)
    user = await house.accounts.create_user(OTHER, "ada", PASSWORD, [Role.ADMIN], OPERATOR)
    assert user.user_pid != house.admin.user_pid
    assert await house.accounts.list_users(OTHER) == [user]


@pytest.mark.parametrize(
    ("name", "password", "roles", "code"),
    [
        ("a\x00b", PASSWORD, [Role.AGENT], "name_invalid"),
        ("eve", Secret("short"), [Role.AGENT], "password_invalid"),
        ("eve", PASSWORD, [], "roles_missing"),
    ],
)
async def test_a_refused_user_is_not_stored(
    house: House, name: str, password: Secret, roles: list[Role], code: str
) -> None:
    with pytest.raises(AppError) as refused:
        await house.accounts.create_user(ACCOUNT, name, password, roles, OPERATOR)
    assert refused.value.code == code
    assert len(await house.accounts.list_users(ACCOUNT)) == 2


@pytest.mark.parametrize("account_id", ["nobody", "a\x00b"])
async def test_a_user_of_an_unknown_account_is_refused(house: House, account_id: str) -> None:
    with pytest.raises(AppError) as refused:
        await house.accounts.create_user(account_id, "eve", PASSWORD, [Role.AGENT], OPERATOR)
    assert refused.value.code == "account_unknown"


@pytest.mark.parametrize("user_id", ["1000009", "", "x", "\u0661", "1\x00", "9" * 40, "-1"])
async def test_an_unknown_user_is_not_found(house: House, user_id: str) -> None:
    with pytest.raises(AppError) as refused:
        await house.accounts.get_user(ACCOUNT, user_id)
    assert refused.value.code == "user_unknown"


async def test_users_are_listed_in_pages(house: House) -> None:
    assert await house.accounts.list_users(ACCOUNT, limit=1) == [house.admin]
    assert await house.accounts.list_users(ACCOUNT, after="1000001", limit=1) == [house.agent]
    assert await house.accounts.list_users(ACCOUNT, after="1000002") == []
    with pytest.raises(AppError) as refused:
        await house.accounts.list_users(ACCOUNT, after="1'--")
    assert refused.value.code == "cursor_invalid"


async def test_a_change_of_roles_is_effective_in_the_session_that_is_open(house: House) -> None:
    login = await house.login("bob")
    await house.accounts.update_user(
        ACCOUNT, house.agent.user_id, UserChange(roles=frozenset({Role.AGENT, Role.DEVELOPER})), OPERATOR
    )
    principal = await house.accounts.authenticate(ACCOUNT, login.bearer.reveal())
    assert principal.roles == {Role.AGENT, Role.DEVELOPER}
    assert (await house.accounts.list_audit(ACCOUNT)).entries[0].detail == {
        "roles": {"from": ["agent"], "to": ["agent", "developer"]}
    }


@pytest.mark.parametrize(
    "change", [UserChange(enabled=False), UserChange(roles=frozenset({Role.AGENT}))], ids=["disable", "demote"]
)
async def test_the_last_administrator_stays(house: House, change: UserChange) -> None:
    with pytest.raises(AppError) as refused:
        await house.accounts.update_user(ACCOUNT, house.admin.user_id, change, OPERATOR)
    assert refused.value.code == "last_admin"
    assert await house.accounts.get_user(ACCOUNT, house.admin.user_id) == house.admin
    assert "user.update" not in await house.actions()


async def test_a_disabled_administrator_does_not_count_as_one(house: House) -> None:
    spare = await house.accounts.create_user(ACCOUNT, "eve", PASSWORD, [Role.ADMIN], OPERATOR)
    await house.accounts.update_user(ACCOUNT, spare.user_id, UserChange(enabled=False), OPERATOR)
    with pytest.raises(AppError) as refused:
        await house.accounts.update_user(ACCOUNT, house.admin.user_id, UserChange(enabled=False), OPERATOR)
    assert refused.value.code == "last_admin"


async def test_administrators_who_demote_one_another_at_once_leave_one(house: House) -> None:
    spare = await house.accounts.create_user(ACCOUNT, "eve", PASSWORD, [Role.ADMIN], OPERATOR)
    demote = UserChange(roles=frozenset({Role.AGENT}))
    await house.warm()
    results = await asyncio.gather(
        house.accounts.update_user(ACCOUNT, house.admin.user_id, demote, OPERATOR),
        house.accounts.update_user(ACCOUNT, spare.user_id, demote, OPERATOR),
        return_exceptions=True,
    )
    assert [result.code for result in results if isinstance(result, AppError)] == ["last_admin"]
    admins = [user for user in await house.accounts.list_users(ACCOUNT) if Role.ADMIN in user.roles]
    assert len(admins) == 1


async def test_disabling_a_user_ends_their_sessions_and_no_others(house: House) -> None:
    bob = await house.login("bob")
    ada = await house.login("ada")
    await house.accounts.update_user(ACCOUNT, house.agent.user_id, UserChange(enabled=False), OPERATOR)
    with pytest.raises(AppError) as refused:
        await house.accounts.authenticate(ACCOUNT, bob.bearer.reveal())
    assert refused.value.code == "session_invalid"
    with pytest.raises(AppError) as again:
        await house.login("bob")
    assert again.value.code == "login_failed"
    assert (await house.accounts.authenticate(ACCOUNT, ada.bearer.reveal())).login_name == "ada"


async def test_a_new_password_replaces_the_old_and_ends_the_sessions(house: House) -> None:
    bob = await house.login("bob")
    await house.accounts.set_password(ACCOUNT, house.agent.user_id, NEW_PASSWORD, OPERATOR)
    with pytest.raises(AppError) as refused:
        await house.accounts.authenticate(ACCOUNT, bob.bearer.reveal())
    assert refused.value.code == "session_invalid"
    with pytest.raises(AppError) as old:
        await house.login("bob")
    assert old.value.code == "login_failed"
    assert (await house.login("bob", password=NEW_PASSWORD)).principal.user_id == house.agent.user_id


async def test_the_audit_log_never_holds_a_password(house: House) -> None:
    await house.accounts.set_password(ACCOUNT, house.agent.user_id, NEW_PASSWORD, OPERATOR)
    entries = (await house.accounts.list_audit(ACCOUNT)).entries
    assert entries[0].detail == {"sessions_ended": 0, "new_password": True}
    assert NEW_PASSWORD.reveal() not in repr(entries)
    assert "argon2" not in repr(entries)


async def test_a_refused_change_keeps_the_sessions(house: House) -> None:
    bob = await house.login("bob")
    with pytest.raises(AppError) as refused:
        await house.accounts.update_user(
            ACCOUNT, house.agent.user_id, UserChange(enabled=False, password=Secret("short")), OPERATOR
        )
    assert refused.value.code == "password_invalid"
    assert (await house.accounts.authenticate(ACCOUNT, bob.bearer.reveal())).login_name == "bob"


async def test_a_user_of_another_account_cannot_be_changed(house: House) -> None:
    await house.accounts.create_account(OTHER, "Other", OPERATOR)
    with pytest.raises(AppError) as refused:
        await house.accounts.update_user(OTHER, house.agent.user_id, UserChange(enabled=False), OPERATOR)
    assert refused.value.code == "user_unknown"
    assert (await house.accounts.get_user(ACCOUNT, house.agent.user_id)).enabled
