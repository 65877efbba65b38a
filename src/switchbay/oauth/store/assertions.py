"""SQL of client assertions that were used."""

import sqlalchemy as sa

from switchbay.infra.db import Tx
from switchbay.infra.db.door import Value
from switchbay.oauth.tables import assertions

_OVER = (
    sa.select(assertions.c.account_id, assertions.c.client_id, assertions.c.jti_hash)
    .where(assertions.c.expires_at <= sa.bindparam("now"))
    .limit(sa.bindparam("most", type_=sa.Integer))
)
_PURGE = sa.delete(assertions).where(
    sa.tuple_(assertions.c.account_id, assertions.c.client_id, assertions.c.jti_hash).in_(_OVER)
)


async def use_assertion(tx: Tx, account_id: str, client_id: str, jti_hash: bytes, expires_at: int) -> bool:
    """Note that an assertion was used; False when it was used before. One of many at once gets True."""
    row: dict[str, Value] = {
        "account_id": account_id,
        "client_id": client_id,
        "jti_hash": jti_hash,
        "expires_at": expires_at,
    }
    return await tx.insert_many(assertions, (row,), ignore_conflicts=True) == 1


async def purge_assertions(tx: Tx, now: int, most: int) -> int:
    """Forget up to ``most`` assertions that are over, and so could not be used again anyhow; return how many."""
    return await tx.execute(_PURGE, {"now": now, "most": most})
