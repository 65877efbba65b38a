"""Grants in the database: what is stored comes back, and revoking ends exactly what it names."""

from dataclasses import replace
from functools import partial

import pytest
import sqlalchemy as sa

from switchbay.infra.db import Database, Tx
from switchbay.oauth.domain import Face, Grant
from switchbay.oauth.store.grants import (
    delete_grants_over,
    extend_grant,
    find_grant,
    insert_grant,
    list_grants,
    revoke_grants,
)
from switchbay.oauth.tables import grants

NOW = 1_700_000_000_000
GRANT = Grant(
    account_id="4711001",
    grant_id="grt_1",
    client_id="app-a",
    user_id="1001",
    session_id="ses_1",
    face=Face.OIDC,
    scope=frozenset({"openid", "msg.consumer"}),
    resources=("https://api.example.com/", "urn:x"),
    auth_time=NOW - 5_000,
    amr=("pwd", "otp"),
    created_at=NOW,
    expires_at=NOW + 60_000,
)
OTHERS = (
    replace(GRANT, grant_id="grt_2", client_id="app-b"),
    replace(GRANT, grant_id="grt_3", user_id="1002", session_id="ses_2"),
    replace(GRANT, grant_id="grt_4", scope=frozenset({"openid", "offline_access"})),
    replace(GRANT, grant_id="grt_5", scope=frozenset({"offlineXaccess"}), session_id=None),
    replace(GRANT, account_id="4711002"),
)


@pytest.fixture
async def filled(db: Database) -> Database:
    """A database with these grants."""

    async def fill(tx: Tx) -> None:
        for grant in (GRANT, *OTHERS):
            await insert_grant(tx, grant)

    await db.write(fill)
    return db


async def _revoked(db: Database) -> set[str]:
    rows = await db.read(lambda tx: tx.fetch(sa.select(grants).where(grants.c.revoked_at.is_not(None))))
    assert all((row["revoked_at"], row["revoked_for"]) == (NOW + 1, "test") for row in rows)
    return {f"{row['account_id']}/{row['grant_id']}" for row in rows}


async def test_a_grant_comes_back_as_it_was(filled: Database) -> None:
    for grant in (GRANT, *OTHERS):
        assert await filled.read(partial(find_grant, account_id=grant.account_id, grant_id=grant.grant_id)) == grant
    assert await filled.write(lambda tx: find_grant(tx, "4711001", "grt_1", lock=True)) == GRANT
    assert await filled.read(lambda tx: find_grant(tx, "4711003", "grt_1")) is None


@pytest.mark.parametrize(
    ("chosen", "ended"),
    [
        ({"grant_id": "grt_1"}, {"grt_1"}),
        ({"client_id": "app-a"}, {"grt_1", "grt_3", "grt_4", "grt_5"}),
        ({"user_id": "1002"}, {"grt_3"}),
        ({"session_id": "ses_1"}, {"grt_1", "grt_2", "grt_4"}),
        ({"session_id": "ses_1", "keep_offline": True}, {"grt_1", "grt_2"}),
        ({"client_id": "app-a", "keep_offline": True}, {"grt_1", "grt_3", "grt_5"}),
        ({"client_id": "app-a", "user_id": "1001"}, {"grt_1", "grt_4", "grt_5"}),
        ({"client_id": "app-c"}, set[str]()),
    ],
)
async def test_revoking_ends_what_it_names_and_nothing_else(
    filled: Database, chosen: dict[str, str], ended: set[str]
) -> None:
    async def revoke(tx: Tx) -> int:
        keep = bool(chosen.get("keep_offline"))
        wanted = {name: value for name, value in chosen.items() if name != "keep_offline"}
        return await revoke_grants(tx, "4711001", at=NOW + 1, reason="test", keep_offline=keep, **wanted)

    assert await filled.write(revoke) == len(ended)
    assert await _revoked(filled) == {f"4711001/{grant_id}" for grant_id in ended}
    assert await filled.write(revoke) == 0


async def test_revoking_needs_to_be_told_what(filled: Database) -> None:
    with pytest.raises(ValueError, match="needs a filter"):
        await filled.write(lambda tx: revoke_grants(tx, "4711001", at=NOW, reason="test"))
    assert await _revoked(filled) == set()


async def test_live_grants_are_listed_newest_first(filled: Database) -> None:
    await filled.write(lambda tx: revoke_grants(tx, "4711001", at=NOW + 1, reason="test", grant_id="grt_1"))
    found = await filled.read(lambda tx: list_grants(tx, "4711001", session_id="ses_1"))
    assert [grant.grant_id for grant in found] == ["grt_4", "grt_2"]
    assert len(await filled.read(lambda tx: list_grants(tx, "4711001", most=3))) == 3


async def test_a_grant_lives_as_long_as_the_last_thing_issued_from_it(filled: Database) -> None:
    for until, then in ((NOW + 90_000, NOW + 90_000), (NOW + 70_000, NOW + 90_000)):
        await filled.write(partial(extend_grant, account_id="4711001", grant_id="grt_1", until=until))
        found = await filled.read(lambda tx: find_grant(tx, "4711001", "grt_1"))
        assert found == replace(GRANT, expires_at=then)
    assert await filled.write(lambda tx: delete_grants_over(tx, NOW + 90_000, 3)) == 3
    assert await filled.write(lambda tx: delete_grants_over(tx, NOW + 90_000, 3)) == 2
    assert await filled.write(lambda tx: delete_grants_over(tx, NOW + 90_000, 3)) == 0
    assert await filled.read(lambda tx: find_grant(tx, "4711001", "grt_1")) is not None
