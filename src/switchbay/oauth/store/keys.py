"""SQL of signing keys and of the keys of consumer identities."""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from switchbay.infra.db import Row, Tx
from switchbay.oauth.domain import KeyPurpose, KeyState
from switchbay.oauth.tables import consumer_identities, keys


@dataclass(frozen=True, slots=True)
class KeyRow:
    """One signing key as stored: the private part sealed, the public part as JSON Web Key text."""

    account_id: str
    kid: str
    purpose: KeyPurpose
    state: KeyState
    alg: str
    private_key: bytes
    public_jwk: str
    created_at: int
    state_at: int


_COLUMNS = (
    keys.c.account_id,
    keys.c.kid,
    keys.c.purpose,
    keys.c.state,
    keys.c.alg,
    keys.c.private_key,
    keys.c.public_jwk,
    keys.c.created_at,
    keys.c.state_at,
)
_KEY = sa.select(*_COLUMNS).where(
    keys.c.account_id == sa.bindparam("account_id"), keys.c.kid == sa.bindparam("wanted_kid")
)
_ACTIVE_KEY = sa.select(*_COLUMNS).where(
    keys.c.account_id == sa.bindparam("account_id"),
    keys.c.purpose == sa.bindparam("wanted_purpose"),
    keys.c.state == KeyState.ACTIVE.value,
)
_ACCOUNT_JWKS = (
    sa.select(keys.c.public_jwk)
    .where(keys.c.account_id == sa.bindparam("account_id"), keys.c.purpose == sa.bindparam("wanted_purpose"))
    .order_by(keys.c.created_at.desc(), keys.c.kid)
)
_NEWEST_JWKS = (
    sa.select(keys.c.public_jwk)
    .where(keys.c.purpose == sa.bindparam("wanted_purpose"))
    .order_by(keys.c.created_at.desc(), keys.c.kid)
    .limit(sa.bindparam("most", type_=sa.Integer))
)
_IDENTITY_KEY = sa.select(consumer_identities.c.identity_key).where(
    consumer_identities.c.account_id == sa.bindparam("account_id")
)


def _key(row: Row) -> KeyRow:
    return KeyRow(
        account_id=row["account_id"],
        kid=row["kid"],
        purpose=KeyPurpose(row["purpose"]),
        state=KeyState(row["state"]),
        alg=row["alg"],
        private_key=bytes(row["private_key"]),
        public_jwk=row["public_jwk"],
        created_at=row["created_at"],
        state_at=row["state_at"],
    )


async def find_key(tx: Tx, account_id: str, kid: str) -> KeyRow | None:
    """A key of this account, whatever its purpose and state."""
    row = await tx.fetch_one(_KEY, {"account_id": account_id, "wanted_kid": kid})
    return None if row is None else _key(row)


async def find_active_key(tx: Tx, account_id: str, purpose: KeyPurpose) -> KeyRow | None:
    """The key that signs for this purpose."""
    row = await tx.fetch_one(_ACTIVE_KEY, {"account_id": account_id, "wanted_purpose": purpose.value})
    return None if row is None else _key(row)


async def add_key(tx: Tx, key: KeyRow) -> bool:
    """Add a key; False, and nothing stored, when it is active and the purpose has an active key already."""
    row = {
        "account_id": key.account_id,
        "kid": key.kid,
        "purpose": key.purpose.value,
        "state": key.state.value,
        "alg": key.alg,
        "private_key": key.private_key,
        "public_jwk": key.public_jwk,
        "created_at": key.created_at,
        "state_at": key.state_at,
    }
    return await tx.insert_many(keys, (row,), ignore_conflicts=True) == 1


async def list_account_jwks(tx: Tx, account_id: str, purpose: KeyPurpose) -> Sequence[str]:
    """The public keys of one account, newest first, each as JSON text."""
    rows = await tx.fetch(_ACCOUNT_JWKS, {"account_id": account_id, "wanted_purpose": purpose.value})
    return [row["public_jwk"] for row in rows]


async def list_newest_jwks(tx: Tx, purpose: KeyPurpose, most: int) -> Sequence[str]:
    """The public keys of all accounts, the ``most`` newest, each as JSON text."""
    rows = await tx.fetch(_NEWEST_JWKS, {"wanted_purpose": purpose.value, "most": most})
    return [row["public_jwk"] for row in rows]


async def find_identity_key(tx: Tx, account_id: str) -> bytes | None:
    """The account's sealed key of consumer identities."""
    row = await tx.fetch_one(_IDENTITY_KEY, {"account_id": account_id})
    return None if row is None else bytes(row["identity_key"])


async def add_identity_key(tx: Tx, account_id: str, sealed: bytes, at: int) -> None:
    """Store the account's key of consumer identities, unless it has one: the first one stays for good."""
    row: dict[str, str | bytes | int | None] = {"account_id": account_id, "identity_key": sealed, "created_at": at}
    await tx.insert_many(consumer_identities, (row,), ignore_conflicts=True)
