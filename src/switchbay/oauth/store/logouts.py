"""SQL of logouts that apps are still to be told of. Functions take a transaction and never commit."""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from switchbay.infra.db import Row, Tx
from switchbay.oauth.tables import grants, logouts

_CLIENTS = (
    sa.select(grants.c.client_id)
    .distinct()
    .where(
        grants.c.account_id == sa.bindparam("account_id", required=True),
        grants.c.session_id == sa.bindparam("session_id", required=True),
    )
    .order_by(grants.c.client_id)
)
_DUE = (
    sa.select(logouts)
    .where(logouts.c.due_at <= sa.bindparam("now", required=True))
    .order_by(logouts.c.due_at)
    .limit(sa.bindparam("most", required=True, type_=sa.Integer))
    .with_for_update(skip_locked=True)
)
_MINE = (
    (logouts.c.account_id == sa.bindparam("account", required=True))
    & (logouts.c.logout_id == sa.bindparam("logout", required=True))
    & (logouts.c.due_at == sa.bindparam("until", required=True))
)
_DELETE = sa.delete(logouts).where(_MINE)
_PUT_OFF = (
    sa.update(logouts)
    .where(_MINE)
    .values(attempts=sa.bindparam("failed", required=True), due_at=sa.bindparam("next_at", required=True))
)


@dataclass(frozen=True, slots=True)
class Logout:
    """One app that is to be told of the end of one session. ``failures``: how often that was tried in vain."""

    account_id: str
    logout_id: str
    client_id: str
    user_id: str
    session_id: str
    failures: int
    due_at: int
    created_at: int


def _logout(row: Row, due_at: int) -> Logout:
    return Logout(
        row["account_id"],
        row["logout_id"],
        row["client_id"],
        row["user_id"],
        row["session_id"],
        row["attempts"],
        due_at,
        row["created_at"],
    )


async def list_clients_of_session(tx: Tx, account_id: str, session_id: str) -> list[str]:
    """The apps that were given anything in a session, whether it still counts or not."""
    rows = await tx.fetch(_CLIENTS, {"account_id": account_id, "session_id": session_id})
    return [row["client_id"] for row in rows]


async def insert_logouts(tx: Tx, new: Sequence[Logout]) -> None:
    """Queue logouts."""
    if new:
        await tx.insert_many(
            logouts,
            [
                {
                    "account_id": each.account_id,
                    "logout_id": each.logout_id,
                    "client_id": each.client_id,
                    "user_id": each.user_id,
                    "session_id": each.session_id,
                    "attempts": each.failures,
                    "due_at": each.due_at,
                    "created_at": each.created_at,
                }
                for each in new
            ],
        )


async def take(tx: Tx, now: int, until: int, most: int) -> list[Logout]:
    """Take up to ``most`` logouts that are due; no other node takes them before ``until``."""
    rows = await tx.fetch(_DUE, {"now": now, "most": most})
    taken = [{"account_id": row["account_id"], "logout_id": row["logout_id"], "due_at": until} for row in rows]
    if taken:
        await tx.update_many(logouts, taken, keys=("account_id", "logout_id"))
    return [_logout(row, until) for row in rows]


async def delete(tx: Tx, logout: Logout) -> bool:
    """Forget a logout that this node took. False when it came too late and another node has it."""
    return await tx.execute(_DELETE, _key(logout)) == 1


async def put_off(tx: Tx, logout: Logout, failures: int, next_at: int) -> bool:
    """Have it tried again. False as with ``delete``."""
    return await tx.execute(_PUT_OFF, {**_key(logout), "failed": failures, "next_at": next_at}) == 1


def _key(logout: Logout) -> dict[str, str | int]:
    return {"account": logout.account_id, "logout": logout.logout_id, "until": logout.due_at}
