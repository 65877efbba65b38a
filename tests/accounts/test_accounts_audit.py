"""The audit log: complete, in order, and only ever longer."""

import asyncio
import sqlite3

import asyncpg
import pytest
import sqlalchemy as sa

from support.accounts_house import ACCOUNT, HOME, OTHER, PASSWORD, House
from switchbay.accounts.public import OPERATOR, Accounts, Actor, AuditFilter, Role, operator, record_audit
from switchbay.accounts.tables import audit
from switchbay.infra.db import Database, Tx
from switchbay.kit.errors import AppError


async def record(db: Database, number: int, *, actor: Actor = OPERATOR, object_id: str = "x") -> None:
    """Add one entry on behalf of another room."""

    async def work(tx: Tx) -> None:
        await record_audit(
            tx,
            account_id=ACCOUNT,
            actor=actor,
            action=f"app.step{number}",
            object_type="app",
            object_id=object_id,
            at=number,
            detail={"number": number},
        )

    await db.write(work)


async def test_an_entry_says_who_did_what_to_which_object_when_and_from_where(house: House) -> None:
    await house.accounts.create_user(ACCOUNT, "eve", PASSWORD, [Role.AGENT], house.acting(house.admin))
    entry = (await house.accounts.list_audit(ACCOUNT)).entries[0]
    assert (entry.number, entry.at, entry.action) == (4, house.clock.now_ms(), "user.create")
    assert entry.actor == Actor("user", house.admin.user_id, "ada", HOME)
    assert (entry.object_type, entry.object_id) == ("user", "1000003")
    assert entry.detail == {"login_name": "eve", "roles": ["agent"]}


async def test_an_operator_is_named_by_their_system_account(accounts: Accounts) -> None:
    await accounts.create_account(ACCOUNT, "Shop", operator("root"))
    assert (await accounts.list_audit(ACCOUNT)).entries[0].actor == Actor("operator", "operator", "root", None)


async def test_entries_are_listed_newest_first_in_pages_that_join(house: House) -> None:
    for number in range(10):
        await record(house.db, number)
    first = await house.accounts.list_audit(ACCOUNT, limit=6)
    second = await house.accounts.list_audit(ACCOUNT, cursor=first.next_cursor, limit=6)
    third = await house.accounts.list_audit(ACCOUNT, cursor=second.next_cursor, limit=6)
    assert [entry.number for entry in [*first.entries, *second.entries, *third.entries]] == list(range(13, 0, -1))
    assert third.next_cursor is None


async def test_new_entries_do_not_shift_the_pages(house: House) -> None:
    first = await house.accounts.list_audit(ACCOUNT, limit=2)
    await record(house.db, 1)
    second = await house.accounts.list_audit(ACCOUNT, cursor=first.next_cursor, limit=2)
    assert [entry.number for entry in [*first.entries, *second.entries]] == [3, 2, 1]


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        (AuditFilter(object_type="app"), [5, 4]),
        (AuditFilter(object_type="app", object_id="b"), [5]),
        (AuditFilter(actor_kind="app"), [5]),
        (AuditFilter(actor_id="operator"), [4, 3, 2, 1]),
        (AuditFilter(action="user.create"), [3, 2]),
        (AuditFilter(action="user.create", object_id="1000002"), [3]),
        (AuditFilter(action="nothing"), []),
        (AuditFilter(action="' OR 1=1 --"), []),
    ],
)
async def test_entries_are_filtered(house: House, wanted: AuditFilter, numbers: list[int]) -> None:
    await record(house.db, 1, object_id="a")
    await record(house.db, 2, object_id="b", actor=Actor("app", "client", "shop", "192.0.2.1"))
    assert [entry.number for entry in (await house.accounts.list_audit(ACCOUNT, wanted)).entries] == numbers


@pytest.mark.parametrize("cursor", ["", "0", "-1", "x", "1\x00", "9" * 19, "\u0661"])
async def test_a_made_up_cursor_is_refused(house: House, cursor: str) -> None:
    with pytest.raises(AppError) as refused:
        await house.accounts.list_audit(ACCOUNT, cursor=cursor)
    assert refused.value.code == "cursor_invalid"


@pytest.mark.parametrize("name", ["object_type", "object_id", "actor_kind", "actor_id", "action"])
@pytest.mark.parametrize("value", ["a\x00b", "\ud800"])
async def test_a_filter_that_no_text_can_match_is_refused(house: House, name: str, value: str) -> None:
    with pytest.raises(AppError) as refused:
        await house.accounts.list_audit(ACCOUNT, AuditFilter(**{name: value}))
    assert refused.value.code == "filter_invalid"


async def test_accounts_have_logs_of_their_own(house: House) -> None:
    await house.accounts.create_account(OTHER, "Other", OPERATOR)
    entries = (await house.accounts.list_audit(OTHER)).entries
    assert [(entry.number, entry.action) for entry in entries] == [(1, "account.create")]


async def test_entries_written_at_once_are_numbered_without_a_gap(house: House) -> None:
    await house.warm()
    await asyncio.gather(*(record(house.db, number) for number in range(30)))
    entries = (await house.accounts.list_audit(ACCOUNT, limit=200)).entries
    assert [entry.number for entry in entries] == list(range(33, 0, -1))
    assert {entry.at for entry in entries if entry.object_type == "app"} == set(range(30))


async def test_a_change_that_fails_leaves_no_entry_and_no_gap(house: House) -> None:
    async def work(tx: Tx) -> None:
        await record_audit(
            tx, account_id=ACCOUNT, actor=OPERATOR, action="app.install", object_type="app", object_id="a", at=1
        )
        raise LookupError("the change itself fails")

    with pytest.raises(LookupError):
        await house.db.write(work)
    await record(house.db, 1)
    assert [entry.number for entry in (await house.accounts.list_audit(ACCOUNT)).entries] == [4, 3, 2, 1]


async def test_a_detail_may_hold_any_json(house: House) -> None:
    async def work(tx: Tx) -> None:
        await record_audit(
            tx,
            account_id=ACCOUNT,
            actor=OPERATOR,
            action="app.update",
            object_type="app",
            object_id="a",
            at=1,
            detail={"nul": "\x00", "deep": [{"a": None, "b": [1.5, True]}], "emoji": "\U0001f600"},
        )

    await house.db.write(work)
    assert (await house.accounts.list_audit(ACCOUNT)).entries[0].detail == {
        "nul": "\x00",
        "deep": [{"a": None, "b": [1.5, True]}],
        "emoji": "\U0001f600",
    }


@pytest.mark.parametrize(
    "statement",
    [sa.delete(audit), sa.update(audit).values(action="nothing"), sa.delete(audit).where(audit.c.number == 1)],
    ids=["delete all", "update", "delete one"],
)
async def test_the_database_itself_refuses_to_change_or_delete_entries(
    house: House, statement: sa.Delete | sa.Update
) -> None:
    before = (await house.accounts.list_audit(ACCOUNT)).entries
    with pytest.raises((sqlite3.IntegrityError, asyncpg.RaiseError), match="the audit log only grows"):
        await house.db.write(lambda tx: tx.execute(statement))
    assert (await house.accounts.list_audit(ACCOUNT)).entries == before


async def test_postgresql_refuses_to_empty_the_log(house: House, database_url: str) -> None:
    if house.db.engine != "postgresql":
        pytest.skip("SQLite has no TRUNCATE")
    connection = await asyncpg.connect(database_url)
    try:
        with pytest.raises(asyncpg.RaiseError, match="the audit log only grows"):
            await connection.execute("TRUNCATE account_audit")
    finally:
        await connection.close()
    assert len((await house.accounts.list_audit(ACCOUNT)).entries) == 3
