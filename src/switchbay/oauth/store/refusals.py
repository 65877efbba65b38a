"""SQL of the developer log: the last refused requests of each app."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from switchbay.infra.db import Tx
from switchbay.infra.db.door import Value
from switchbay.oauth.tables import refusals

MOST_KEPT: Final = 100
"""How many refusals are kept of one app."""

_ACCOUNT: sa.BindParameter[str] = sa.bindparam("account")
_CLIENT: sa.BindParameter[str] = sa.bindparam("client")
_THEIRS = sa.and_(refusals.c.account_id == _ACCOUNT, refusals.c.client_id == _CLIENT)
_NEWEST = sa.select(refusals).where(_THEIRS).order_by(refusals.c.refusal_id.desc()).limit(MOST_KEPT)
_OLDEST_KEPT = (
    sa.select(refusals.c.refusal_id)
    .where(_THEIRS)
    .order_by(refusals.c.refusal_id.desc())
    .limit(1)
    .offset(MOST_KEPT - 1)
    .scalar_subquery()
)
_DROP_BEYOND = sa.delete(refusals).where(_THEIRS, refusals.c.refusal_id < _OLDEST_KEPT)
_DROP_OLD = sa.delete(refusals).where(refusals.c.at < sa.bindparam("before"))


@dataclass(frozen=True, slots=True)
class Refusal:
    """One refused request. ``at`` in epoch milliseconds; ``detail`` is what was expected and what came, in words."""

    account_id: str
    client_id: str
    refusal_id: str
    at: int
    endpoint: str
    error: str
    reason: str
    detail: tuple[tuple[str, str], ...]
    address: str | None


async def insert(tx: Tx, new: Sequence[Refusal]) -> None:
    """Store refusals, and of each of their apps only the last hundred."""
    rows: list[dict[str, Value]] = [
        {
            "account_id": refusal.account_id,
            "client_id": refusal.client_id,
            "refusal_id": refusal.refusal_id,
            "at": refusal.at,
            "endpoint": refusal.endpoint,
            "error": refusal.error,
            "reason": refusal.reason,
            "detail": json.dumps(dict(refusal.detail)),
            "address": refusal.address,
        }
        for refusal in new
    ]
    await tx.insert_many(refusals, rows, ignore_conflicts=True)
    for account_id, client_id in sorted({(refusal.account_id, refusal.client_id) for refusal in new}):
        await tx.execute(_DROP_BEYOND, {"account": account_id, "client": client_id})


async def list_of_client(tx: Tx, account_id: str, client_id: str) -> list[Refusal]:
    """The last refusals of an app, the newest first."""
    return [
        Refusal(
            account_id=row["account_id"],
            client_id=row["client_id"],
            refusal_id=row["refusal_id"],
            at=row["at"],
            endpoint=row["endpoint"],
            error=row["error"],
            reason=row["reason"],
            detail=tuple(json.loads(row["detail"]).items()),
            address=row["address"],
        )
        for row in await tx.fetch(_NEWEST, {"account": account_id, "client": client_id})
    ]


async def drop_old(tx: Tx, before: int) -> int:
    """Forget the refusals from before an instant, also those of apps that are gone; return how many."""
    return await tx.execute(_DROP_OLD, {"before": before})
