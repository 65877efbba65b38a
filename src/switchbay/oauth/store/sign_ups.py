"""SQL of how often consumers signed up from a network of late."""

from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from switchbay.infra.db import Tx
from switchbay.oauth.tables import sign_ups

MINUTE_MS: Final = 60_000
_now = sa.bindparam("now", type_=sa.BigInteger)
_gap = sa.bindparam("gap", type_=sa.BigInteger)
_after = sa.case((sign_ups.c.free_at > _now, sign_ups.c.free_at), else_=_now) + _gap
_TAKE = (
    insert(sign_ups)
    .values(account_id=sa.bindparam("account_id"), network=sa.bindparam("network"), free_at=_now + _gap)
    .on_conflict_do_update(
        index_elements=[sign_ups.c.account_id, sign_ups.c.network],
        set_={"free_at": _after},
        where=_after <= _now + MINUTE_MS,
    )
)
_FIND = sa.select(sign_ups.c.free_at).where(
    sign_ups.c.account_id == sa.bindparam("account_id"), sign_ups.c.network == sa.bindparam("network")
)
_OVER = (
    sa.select(sign_ups.c.account_id, sign_ups.c.network)
    .where(sign_ups.c.free_at <= sa.bindparam("now"))
    .limit(sa.bindparam("most", type_=sa.Integer))
)
_PURGE = sa.delete(sign_ups).where(
    sa.tuple_(sign_ups.c.account_id, sign_ups.c.network).in_(_OVER), sign_ups.c.free_at <= sa.bindparam("now")
)


async def take_sign_up(tx: Tx, account_id: str, network: str, *, gap: int, now: int) -> int:
    """Count one more, of which there may be a minute's worth at once and then one each ``gap`` (milliseconds).

    Returns 0, or after how many milliseconds there may be one again.
    """
    key = {"account_id": account_id, "network": network}
    if await tx.execute(_TAKE, {**key, "gap": gap, "now": now}) == 1:
        return 0
    row = await tx.fetch_one(_FIND, key)
    return 1 if row is None else max(1, row["free_at"] + gap - MINUTE_MS - now)


async def purge_sign_ups(tx: Tx, now: int, most: int) -> int:
    """Forget up to ``most`` networks for which nothing counts any more; return how many."""
    return await tx.execute(_PURGE, {"now": now, "most": most})
