"""SQL of signing keys and of the keys of consumer identities.

Every change of a key's state is guarded by the state that it had, so that of two nodes that do the same only one does.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from switchbay.infra.db import Row, Tx
from switchbay.oauth.domain import Algorithm, KeyPurpose, KeyState
from switchbay.oauth.tables import consumer_identities, keys


@dataclass(frozen=True, slots=True)
class KeyRow:
    """One signing key as stored: the private part sealed, the public part as JSON Web Key text."""

    account_id: str
    kid: str
    purpose: KeyPurpose
    state: KeyState
    alg: Algorithm
    private_key: bytes
    public_jwk: str
    created_at: int
    state_at: int


@dataclass(frozen=True, slots=True)
class Slot:
    """The place of one signing key: what it signs, for whom, and how."""

    account_id: str
    purpose: KeyPurpose
    alg: Algorithm


@dataclass(frozen=True, slots=True)
class PublicKeyRow:
    """What is published of a key, and where it stands."""

    slot: Slot
    state: KeyState
    public_jwk: str


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
_ACCOUNT = keys.c.account_id == sa.bindparam("account_id")
_KEY = sa.select(*_COLUMNS).where(_ACCOUNT, keys.c.kid == sa.bindparam("wanted_kid"))
_SLOT = (
    _ACCOUNT,
    keys.c.purpose == sa.bindparam("wanted_purpose"),
    keys.c.alg == sa.bindparam("wanted_alg"),
)
_IN_STATE = sa.select(*_COLUMNS).where(*_SLOT, keys.c.state == sa.bindparam("wanted_state"))
_ACCOUNT_KEYS = sa.select(*_COLUMNS).where(_ACCOUNT).order_by(keys.c.created_at.desc(), keys.c.kid)
_PUBLIC_KEYS = (
    sa.select(keys.c.purpose, keys.c.alg, keys.c.state, keys.c.public_jwk)
    .where(_ACCOUNT, keys.c.purpose.in_(sa.bindparam("purposes", expanding=True)))
    .order_by(keys.c.created_at.desc(), keys.c.kid)
)
_NEWEST_JWKS = (
    sa.select(keys.c.public_jwk)
    .where(keys.c.purpose == sa.bindparam("wanted_purpose"))
    .order_by(keys.c.created_at.desc(), keys.c.kid)
    .limit(sa.bindparam("most", type_=sa.Integer))
)
_other = keys.alias("other")
_WITHOUT_NEXT = (
    sa.select(keys.c.account_id, keys.c.purpose, keys.c.alg)
    .where(
        keys.c.state == KeyState.ACTIVE.value,
        keys.c.state_at <= sa.bindparam("before"),
        keys.c.purpose.in_(sa.bindparam("purposes", expanding=True)),
        ~sa.exists().where(
            _other.c.account_id == keys.c.account_id,
            _other.c.purpose == keys.c.purpose,
            _other.c.alg == keys.c.alg,
            _other.c.state == KeyState.NEXT.value,
        ),
    )
    .order_by(keys.c.state_at)
    .limit(sa.bindparam("most", type_=sa.Integer))
)
_RIPE = (
    sa.select(*_COLUMNS)
    .where(keys.c.state == KeyState.NEXT.value, keys.c.state_at <= sa.bindparam("before"))
    .order_by(keys.c.state_at)
    .limit(sa.bindparam("most", type_=sa.Integer))
)
_CHANGE_STATE = (
    sa.update(keys)
    .where(_ACCOUNT, keys.c.kid == sa.bindparam("wanted_kid"), keys.c.state == sa.bindparam("old_state"))
    .values(state=sa.bindparam("new_state"), state_at=sa.bindparam("at"))
)
_SLOT_KIDS = sa.select(keys.c.kid).where(*_SLOT).order_by(keys.c.kid)
_DROP_SLOT = sa.delete(keys).where(*_SLOT)
_REMOVE_OVER = sa.delete(keys).where(
    keys.c.state == KeyState.RETIRING.value,
    keys.c.purpose == sa.bindparam("wanted_purpose"),
    keys.c.state_at <= sa.bindparam("before"),
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
        alg=Algorithm(row["alg"]),
        private_key=bytes(row["private_key"]),
        public_jwk=row["public_jwk"],
        created_at=row["created_at"],
        state_at=row["state_at"],
    )


def _of(slot: Slot) -> dict[str, str]:
    return {"account_id": slot.account_id, "wanted_purpose": slot.purpose.value, "wanted_alg": slot.alg.value}


async def find_key(tx: Tx, account_id: str, kid: str) -> KeyRow | None:
    """A key of this account, whatever its purpose and state."""
    row = await tx.fetch_one(_KEY, {"account_id": account_id, "wanted_kid": kid})
    return None if row is None else _key(row)


async def find_key_in_state(tx: Tx, slot: Slot, state: KeyState) -> KeyRow | None:
    """The key that signs in this slot, or the one that will next: there is at most one of each."""
    row = await tx.fetch_one(_IN_STATE, {**_of(slot), "wanted_state": state.value})
    return None if row is None else _key(row)


async def add_key(tx: Tx, key: KeyRow) -> bool:
    """Add a key; False, and nothing stored, when its slot has an active or a next key already, as this one is."""
    row = {
        "account_id": key.account_id,
        "kid": key.kid,
        "purpose": key.purpose.value,
        "state": key.state.value,
        "alg": key.alg.value,
        "private_key": key.private_key,
        "public_jwk": key.public_jwk,
        "created_at": key.created_at,
        "state_at": key.state_at,
    }
    return await tx.insert_many(keys, (row,), ignore_conflicts=True) == 1


async def change_state(tx: Tx, key: KeyRow, new: KeyState, at: int) -> bool:
    """Move a key on from the state in which it was read; False, and nothing changed, when it is not in it any more."""
    params = {"account_id": key.account_id, "wanted_kid": key.kid, "old_state": key.state.value, "at": at}
    return await tx.execute(_CHANGE_STATE, {**params, "new_state": new.value}) == 1


async def list_account_keys(tx: Tx, account_id: str) -> Sequence[KeyRow]:
    """The keys of one account, newest first."""
    return [_key(row) for row in await tx.fetch(_ACCOUNT_KEYS, {"account_id": account_id})]


async def list_public_keys(tx: Tx, account_id: str, purposes: Iterable[KeyPurpose]) -> Sequence[PublicKeyRow]:
    """The keys of one account that have one of these purposes, newest first."""
    rows = await tx.fetch(_PUBLIC_KEYS, {"account_id": account_id, "purposes": [purpose.value for purpose in purposes]})
    return [
        PublicKeyRow(
            Slot(account_id, KeyPurpose(row["purpose"]), Algorithm(row["alg"])),
            KeyState(row["state"]),
            row["public_jwk"],
        )
        for row in rows
    ]


async def list_newest_jwks(tx: Tx, purpose: KeyPurpose, most: int) -> Sequence[str]:
    """The public keys of all accounts, the ``most`` newest, each as JSON text."""
    rows = await tx.fetch(_NEWEST_JWKS, {"wanted_purpose": purpose.value, "most": most})
    return [row["public_jwk"] for row in rows]


async def list_slots_without_next(tx: Tx, purposes: Iterable[KeyPurpose], before: int, most: int) -> Sequence[Slot]:
    """Slots of these purposes whose key signs since ``before`` or longer and has no successor, the oldest first."""
    wanted = [purpose.value for purpose in purposes]
    rows = await tx.fetch(_WITHOUT_NEXT, {"purposes": wanted, "before": before, "most": most})
    return [Slot(row["account_id"], KeyPurpose(row["purpose"]), Algorithm(row["alg"])) for row in rows]


async def list_ripe_keys(tx: Tx, before: int, most: int) -> Sequence[KeyRow]:
    """Next keys that are published since ``before`` or longer, the oldest first."""
    return [_key(row) for row in await tx.fetch(_RIPE, {"before": before, "most": most})]


async def list_slot_kids(tx: Tx, slot: Slot) -> list[str]:
    """The ids of every key of a slot, whatever its state."""
    return [row["kid"] for row in await tx.fetch(_SLOT_KIDS, _of(slot))]


async def drop_keys(tx: Tx, slot: Slot) -> int:
    """Remove every key of a slot, whatever its state; return how many."""
    return await tx.execute(_DROP_SLOT, _of(slot))


async def remove_retired_keys(tx: Tx, purpose: KeyPurpose, before: int) -> int:
    """Remove the keys of this purpose that retired at ``before`` or earlier; return how many."""
    return await tx.execute(_REMOVE_OVER, {"wanted_purpose": purpose.value, "before": before})


async def find_identity_key(tx: Tx, account_id: str) -> bytes | None:
    """The account's sealed key of consumer identities."""
    row = await tx.fetch_one(_IDENTITY_KEY, {"account_id": account_id})
    return None if row is None else bytes(row["identity_key"])


async def add_identity_key(tx: Tx, account_id: str, sealed: bytes, at: int) -> None:
    """Store the account's key of consumer identities, unless it has one: the first one stays for good."""
    row: dict[str, str | bytes | int | None] = {"account_id": account_id, "identity_key": sealed, "created_at": at}
    await tx.insert_many(consumer_identities, (row,), ignore_conflicts=True)
