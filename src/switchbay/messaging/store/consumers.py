"""Rows of consumers: their profiles, and whether they have had a conversation."""

from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from switchbay.infra.db import Row, Tx
from switchbay.infra.db.door import Value
from switchbay.infra.db.lists import any_of, places
from switchbay.messaging.domain import Consumer
from switchbay.messaging.store.keys import Key
from switchbay.messaging.tables import consumers

_encode: Final = msgspec.json.Encoder().encode
_object: Final = msgspec.json.Decoder(dict[str, Any])


@lru_cache(maxsize=64)
def _lock_consumers(accounts: int, ids: int) -> sa.Select[Any]:
    table = consumers.c
    return (
        sa.select(consumers)
        .where(table.account_id.in_(any_of("a", accounts)), table.consumer_id.in_(any_of("i", ids)))
        .order_by(table.account_id, table.consumer_id)
        .with_for_update()
    )


async def lock_consumers(tx: Tx, keys: Collection[Key]) -> dict[Key, Consumer]:
    """Lock these consumers, at most 128 of them, and read what is known about them."""
    if not keys:
        return {}
    accounts, account_params = places("a", {account_id for account_id, _ in keys})
    ids, id_params = places("i", {consumer_id for _, consumer_id in keys})
    rows = await tx.fetch(_lock_consumers(accounts, ids), {**account_params, **id_params})
    found = [consumer_from(row) for row in rows]
    return {(one.account_id, one.consumer_id): one for one in found}


def consumer_from(row: Row) -> Consumer:
    """Read a consumer from a row of the table."""
    return Consumer(
        account_id=row["account_id"],
        consumer_id=row["consumer_id"],
        profile=_object.decode(row["profile"]),
        has_conversation=row["has_conversation"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


_find_consumer: Final = sa.select(consumers).where(
    consumers.c.account_id == sa.bindparam("account_id"), consumers.c.consumer_id == sa.bindparam("consumer_id")
)


async def find_consumer(tx: Tx, account_id: str, consumer_id: str) -> Consumer | None:
    """Read what is known about one consumer."""
    row = await tx.fetch_one(_find_consumer, {"account_id": account_id, "consumer_id": consumer_id})
    return None if row is None else consumer_from(row)


@lru_cache(maxsize=16)
def _consumers_of(size: int) -> sa.Select[Any]:
    table = consumers.c
    return sa.select(consumers).where(
        table.account_id == sa.bindparam("account_id"), table.consumer_id.in_(any_of("i", size))
    )


async def list_consumers(tx: Tx, account_id: str, consumer_ids: Collection[str]) -> list[Consumer]:
    """Read what is known about these consumers, a few hundred at most, in no order."""
    if not consumer_ids:
        return []
    size, params = places("i", consumer_ids)
    return [consumer_from(row) for row in await tx.fetch(_consumers_of(size), {"account_id": account_id, **params})]


async def insert_consumers(tx: Tx, found: Sequence[Consumer]) -> None:
    """Store consumers that were not known; ``UniqueViolation`` when another batch was faster."""
    await tx.insert_many(consumers, [_consumer_row(one) | {"created_at": one.created_at} for one in found])


async def update_consumers(tx: Tx, found: Sequence[Consumer]) -> None:
    """Store what has become known about consumers."""
    await tx.update_many(consumers, [_consumer_row(one) for one in found], keys=("account_id", "consumer_id"))


def _consumer_row(one: Consumer) -> dict[str, Value]:
    return {
        "account_id": one.account_id,
        "consumer_id": one.consumer_id,
        "profile": _encode(one.profile).decode(),
        "has_conversation": one.has_conversation,
        "updated_at": one.updated_at,
    }
