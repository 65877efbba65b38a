"""SQL of authorization codes, by their SHA-256. Functions take a transaction and never commit."""

import sqlalchemy as sa

from switchbay.infra.db import Tx
from switchbay.infra.db.door import Value
from switchbay.oauth.domain import Code
from switchbay.oauth.tables import codes, grants

_KEY = (codes.c.account_id == sa.bindparam("account"), codes.c.code_hash == sa.bindparam("hash"))
_FIND = sa.select(codes).where(*_KEY)
# The one statement that decides which of many uses of a code is the first.
_CONSUME = (
    sa.update(codes)
    .where(
        *_KEY,
        codes.c.used_at.is_(None),
        codes.c.expires_at > sa.bindparam("now"),
        sa.exists().where(
            grants.c.account_id == codes.c.account_id,
            grants.c.grant_id == codes.c.grant_id,
            grants.c.revoked_at.is_(None),
        ),
    )
    .values(used_at=sa.bindparam("now"))
)
_OVER = (
    sa.select(codes.c.account_id, codes.c.code_hash)
    .where(codes.c.expires_at <= sa.bindparam("before"))
    .order_by(codes.c.expires_at)
    .limit(sa.bindparam("most", type_=sa.Integer))
)
_PURGE = sa.delete(codes).where(sa.tuple_(codes.c.account_id, codes.c.code_hash).in_(_OVER))


async def insert_code(tx: Tx, code: Code) -> None:
    """Store a fresh code."""
    row: dict[str, Value] = {
        "account_id": code.account_id,
        "code_hash": code.code_hash,
        "grant_id": code.grant_id,
        "client_id": code.client_id,
        "redirect_uri": code.redirect_uri,
        "redirect_uri_given": code.redirect_uri_given,
        "code_challenge": code.code_challenge,
        "nonce": code.nonce,
        "created_at": code.created_at,
        "expires_at": code.expires_at,
        "used_at": code.used_at,
    }
    await tx.insert(codes, row)


async def find_code(tx: Tx, account_id: str, code_hash: bytes) -> Code | None:
    """The code with this hash, used or not, over or not."""
    row = await tx.fetch_one(_FIND, {"account": account_id, "hash": code_hash})
    if row is None:
        return None
    return Code(
        account_id=row["account_id"],
        code_hash=bytes(row["code_hash"]),
        grant_id=row["grant_id"],
        client_id=row["client_id"],
        redirect_uri=row["redirect_uri"],
        redirect_uri_given=bool(row["redirect_uri_given"]),
        code_challenge=row["code_challenge"],
        nonce=row["nonce"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        used_at=row["used_at"],
    )


async def consume_code(tx: Tx, account_id: str, code_hash: bytes, now: int) -> bool:
    """Mark a code as used.

    False, and nothing changed, when it was used before, is over, or its grant is revoked or gone.
    """
    return await tx.execute(_CONSUME, {"account": account_id, "hash": code_hash, "now": now}) == 1


async def purge_codes(tx: Tx, before: int, most: int) -> int:
    """Delete up to ``most`` codes of any account that were over by then; return how many went."""
    return await tx.execute(_PURGE, {"before": before, "most": most})
