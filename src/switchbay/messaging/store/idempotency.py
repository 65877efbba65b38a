"""Rows that let a repeated request be recognised."""

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from switchbay.infra.db import Tx
from switchbay.infra.db.door import Value
from switchbay.infra.db.lists import any_of, places
from switchbay.messaging.domain import IdempotencyKey, StoredOutcome
from switchbay.messaging.store.keys import Key
from switchbay.messaging.tables import idempotency

PURGED_AT_ONCE: Final = 500
_encode: Final = msgspec.json.Encoder().encode
_outcome: Final = msgspec.json.Decoder(StoredOutcome)


@lru_cache(maxsize=64)
def _find_outcomes(accounts: int, hashes: int) -> sa.Select[Any]:
    table = idempotency.c
    return sa.select(table.account_id, table.key_hash, table.body_hash, table.outcome).where(
        table.account_id.in_(any_of("a", accounts)), table.key_hash.in_(any_of("h", hashes))
    )


async def find_outcomes(tx: Tx, keys: Collection[Key]) -> dict[Key, tuple[str, StoredOutcome]]:
    """What the first requests with these keys, at most 128, came to, each with the hash of its body."""
    if not keys:
        return {}
    accounts, account_params = places("a", {account_id for account_id, _ in keys})
    hashes, hash_params = places("h", {key_hash for _, key_hash in keys})
    rows = await tx.fetch(_find_outcomes(accounts, hashes), {**account_params, **hash_params})
    return {(row[0], row[1]): (row[2], _outcome.decode(row[3])) for row in rows}


def outcome_row(account_id: str, key: IdempotencyKey, outcome: StoredOutcome, now: int) -> dict[str, Value]:
    """The row that lets a request be recognised when it is repeated."""
    return {
        "account_id": account_id,
        "key_hash": key.key_hash,
        "body_hash": key.body_hash,
        "outcome": _encode(outcome).decode(),
        "created_at": now,
    }


async def insert_outcomes(tx: Tx, rows: Sequence[Mapping[str, Value]]) -> None:
    """Store outcomes in the order of their keys; ``UniqueViolation`` when another batch had a key first."""
    await tx.insert_many(idempotency, sorted(rows, key=lambda row: (str(row["account_id"]), str(row["key_hash"]))))


_doomed = (
    sa.select(idempotency.c.account_id, idempotency.c.key_hash)
    .where(idempotency.c.created_at < sa.bindparam("before"))
    .order_by(idempotency.c.created_at)
    .limit(PURGED_AT_ONCE)
)
_purge: Final = sa.delete(idempotency).where(sa.tuple_(idempotency.c.account_id, idempotency.c.key_hash).in_(_doomed))


async def purge_outcomes(tx: Tx, before: int) -> int:
    """Forget up to 500 outcomes that are older than ``before``; return how many there were."""
    return await tx.execute(_purge, {"before": before})
