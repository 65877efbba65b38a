"""SQL of client assertions that were used."""

import sqlalchemy as sa

from switchbay.infra.db import Tx
from switchbay.infra.db.door import Value
from switchbay.oauth.tables import assertions

_EXPIRED = sa.delete(assertions).where(assertions.c.expires_at <= sa.bindparam("now"))


async def use_assertion(tx: Tx, account_id: str, client_id: str, jti_hash: bytes, expires_at: int) -> bool:
    """Note that an assertion was used; False when it was used before. One of many at once gets True."""
    row: dict[str, Value] = {
        "account_id": account_id,
        "client_id": client_id,
        "jti_hash": jti_hash,
        "expires_at": expires_at,
    }
    return await tx.insert_many(assertions, (row,), ignore_conflicts=True) == 1


async def purge_assertions(tx: Tx, now: int) -> int:
    """Forget assertions that are over and so could not be used again anyhow; return how many."""
    return await tx.execute(_EXPIRED, {"now": now})
