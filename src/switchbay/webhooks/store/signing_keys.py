"""SQL of the keys that sign the webhooks of accounts."""

from dataclasses import dataclass, field

import sqlalchemy as sa

from switchbay.infra.db import Tx
from switchbay.webhooks.tables import signing_keys

_find = (
    sa.select(signing_keys)
    .where(
        signing_keys.c.account_id == sa.bindparam("account_id"),
        sa.or_(signing_keys.c.ends_at.is_(None), signing_keys.c.ends_at > sa.bindparam("now")),
    )
    .order_by(signing_keys.c.created_at.desc(), signing_keys.c.key_id.desc())
)
_end_current = (
    sa.update(signing_keys)
    .where(signing_keys.c.account_id == sa.bindparam("account"), signing_keys.c.ends_at.is_(None))
    .values(ends_at=sa.bindparam("at"))
)


@dataclass(frozen=True, slots=True)
class SigningKeyRow:
    """A key with its private part sealed. ``ends_at`` is when it signs no more, None until there is another."""

    account_id: str
    key_id: str
    public_key: bytes
    private_key: bytes = field(repr=False)
    created_at: int
    ends_at: int | None


async def find_keys(tx: Tx, account_id: str, now: int) -> list[SigningKeyRow]:
    """The keys that sign at present, the newest first."""
    return [
        SigningKeyRow(
            row["account_id"],
            row["key_id"],
            row["public_key"],
            row["private_key"],
            row["created_at"],
            row["ends_at"],
        )
        for row in await tx.fetch(_find, {"account_id": account_id, "now": now})
    ]


async def end_current(tx: Tx, account_id: str, at: int) -> None:
    """Have the key that has no end sign until ``at``."""
    await tx.execute(_end_current, {"account": account_id, "at": at})


async def insert_key(tx: Tx, row: SigningKeyRow) -> None:
    """Store a key. Raises ``UniqueViolation`` when the account has one without an end."""
    await tx.insert(
        signing_keys,
        {
            "account_id": row.account_id,
            "key_id": row.key_id,
            "public_key": row.public_key,
            "private_key": row.private_key,
            "created_at": row.created_at,
            "ends_at": row.ends_at,
        },
    )
