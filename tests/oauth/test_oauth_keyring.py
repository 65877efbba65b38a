"""The keys of accounts: one signs, whoever asks first; sealed at rest; remembered for a while."""

import asyncio
from dataclasses import replace

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from switchbay.infra.db import Database, DatabaseUnavailable, Tx
from switchbay.infra.machine import ManualClock
from switchbay.oauth.domain import KeyPurpose
from switchbay.oauth.service import KeyRing
from switchbay.oauth.tables import consumer_identities, keys


async def rows(db: Database) -> list[tuple[str, str, str, str]]:
    columns = (keys.c.account_id, keys.c.purpose, keys.c.state, keys.c.kid)

    async def read(tx: Tx) -> list[tuple[str, str, str, str]]:
        found = await tx.fetch(sa.select(*columns).order_by(keys.c.account_id, keys.c.purpose))
        return [(row[0], row[1], row[2], row[3]) for row in found]

    return await db.read(read)


async def test_the_first_to_ask_makes_the_key(db: Database, ring: KeyRing) -> None:
    made = await ring.get_signing_key("acme", KeyPurpose.APP_V1)
    assert await rows(db) == [("acme", "app_v1", "active", made.kid)]
    assert await ring.get_signing_key("acme", KeyPurpose.APP_V1) == made


async def test_nodes_that_ask_at_once_settle_on_one_key(db: Database, ring: KeyRing, other_ring: KeyRing) -> None:
    asked = [node.get_signing_key("acme", KeyPurpose.APP_V2) for node in (ring, other_ring) * 5]
    kids = {key.kid for key in await asyncio.gather(*asked)}
    assert len(kids) == 1
    assert [row[3] for row in await rows(db)] == list(kids)


async def test_each_account_and_purpose_has_a_key_of_its_own(ring: KeyRing) -> None:
    made = [await ring.get_signing_key(account, purpose) for account in ("a", "b") for purpose in KeyPurpose]
    assert len({key.kid for key in made}) == 2 * len(KeyPurpose)


async def test_a_key_survives_a_restart(ring: KeyRing, other_ring: KeyRing) -> None:
    made = await ring.get_signing_key("acme", KeyPurpose.APP_V1)
    read = await other_ring.get_signing_key("acme", KeyPurpose.APP_V1)
    assert read == replace(made, key=read.key)
    assert read.key.private_numbers() == made.key.private_numbers()


async def test_the_private_key_is_not_stored_in_the_clear(db: Database, ring: KeyRing) -> None:
    made = await ring.get_signing_key("acme", KeyPurpose.APP_V1)
    assert isinstance(made.key, RSAPrivateKey)
    secret_prime = made.key.private_numbers().p.to_bytes(128, "big")

    async def read(tx: Tx) -> bytes:
        row = await tx.fetch_one(sa.select(keys.c.private_key))
        assert row is not None
        return bytes(row[0])

    assert secret_prime not in await db.read(read)


async def test_another_nodes_change_of_the_active_key_is_seen_after_two_seconds(
    db: Database, clock: ManualClock, ring: KeyRing, other_ring: KeyRing
) -> None:
    before = await ring.get_signing_key("acme", KeyPurpose.APP_V1)

    async def retire(tx: Tx) -> int:
        return await tx.execute(sa.update(keys).values(state="retiring"))

    assert await db.write(retire) == 1
    after = await other_ring.get_signing_key("acme", KeyPurpose.APP_V1)
    assert after.kid != before.kid
    clock.advance(ms=1_999)
    assert (await ring.get_signing_key("acme", KeyPurpose.APP_V1)).kid == before.kid
    clock.advance(ms=1)
    assert (await ring.get_signing_key("acme", KeyPurpose.APP_V1)).kid == after.kid
    assert await ring.find_verification_key("acme", before.kid) is not None


async def test_a_key_is_found_by_its_own_account_only(ring: KeyRing) -> None:
    made = await ring.get_signing_key("acme", KeyPurpose.APP_V1)
    found = await ring.find_verification_key("acme", made.kid)
    assert found is not None
    assert found.purpose is KeyPurpose.APP_V1
    assert not found.key.is_private
    assert await ring.find_verification_key("other", made.kid) is None


async def test_a_key_that_another_node_just_made_is_found_at_once(ring: KeyRing, other_ring: KeyRing) -> None:
    assert await ring.find_verification_key("acme", "unknown") is None
    made = await other_ring.get_signing_key("acme", KeyPurpose.APP_V1)
    assert await ring.find_verification_key("acme", made.kid) is not None


async def test_a_key_that_is_gone_verifies_no_more_after_two_seconds(
    db: Database, clock: ManualClock, ring: KeyRing
) -> None:
    made = await ring.get_signing_key("acme", KeyPurpose.APP_V1)
    assert await ring.find_verification_key("acme", made.kid) is not None

    async def delete(tx: Tx) -> int:
        return await tx.execute(sa.delete(keys))

    await db.write(delete)
    clock.advance(seconds=2)
    assert await ring.find_verification_key("acme", made.kid) is None


async def test_the_identity_key_is_made_once_and_stays(db: Database, ring: KeyRing, other_ring: KeyRing) -> None:
    made = await asyncio.gather(*(node.get_identity_key("acme") for node in (ring, other_ring) * 5))
    assert len(set(made)) == 1
    assert len(made[0]) == 32

    async def read(tx: Tx) -> list[bytes]:
        return [bytes(row[0]) for row in await tx.fetch(sa.select(consumer_identities.c.identity_key))]

    (stored,) = await db.read(read)
    assert made[0] not in stored
    assert await other_ring.get_identity_key("other") != made[0]


async def test_nothing_is_made_when_the_database_is_gone(db: Database, ring: KeyRing) -> None:
    await db.close()
    with pytest.raises(DatabaseUnavailable):
        await ring.get_signing_key("acme", KeyPurpose.APP_V1)
    with pytest.raises(DatabaseUnavailable):
        await ring.get_identity_key("acme")
